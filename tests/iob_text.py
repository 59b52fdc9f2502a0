"""IOB files from sentences, for the tests of what reads them."""

from collections.abc import Iterable

from spacy_biobert.corpora.iob import Sentence


def format_iob(sentences: Iterable[Sentence]) -> str:
    """Write sentences as tab-separated IOB2, which `read_iob` reads back.

    Args:
        sentences: The sentences. Tokens may not be blank nor hold tabs or line breaks.

    Returns:
        The text of the file, each sentence followed by a blank line.
    """
    lines: list[str] = []
    for sentence in sentences:
        if sentence.starts_document:
            lines += ["-DOCSTART-\tO", ""]
        tags = ["O"] * len(sentence.words)
        for start, end, label in sentence.spans:
            tags[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
        lines += [f"{word}\t{tag}" for word, tag in zip(sentence.words, tags, strict=True)]
        lines.append("")
    return "".join(f"{line}\n" for line in lines)
