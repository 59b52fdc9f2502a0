"""Corpora in any format that is read here, to spaCy's binary training files."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ..errors import Errors, Warnings
from ..span_places import SPANS_KEY
from ..text_files import numbered_lines
from .annotated_labels import set_annotated_labels
from .documents import USER_DATA_KEY
from .formats import guess_format
from .readers import DOCUMENT_READERS, document_docs, iob_docs, make_labels
from .spacy_files import Summary, write_docs

FORMATS = ("iob", *DOCUMENT_READERS)


def convert_corpus(
    path: Path | Sequence[Path],
    output: Path,
    *,
    nlp: Language,
    format: str = "auto",
    label: str | None = None,
    label_map: Mapping[str, str] | None = None,
    labels: Sequence[str] | None = None,
    annotates: Sequence[str] | None = None,
    prefixes: Mapping[str, str] | None = None,
    spans_key: str = SPANS_KEY,
    n_sents: int = 1,
    strict: bool = False,
    split_sentences: bool = False,
    documents: Path | None = None,
    skip: int = 0,
    limit: int = 0,
    progress: Callable[[Iterable[Doc]], Iterable[Doc]] = iter,
) -> Summary:
    """Convert a corpus to a ``.spacy`` file.

    Args:
        path: The corpus, or several files that are one.
        output: The ``.spacy`` file to write.
        nlp: The pipeline whose tokenizer raw text is tokenized with, see `tokenizer.blank_pipeline`.
        format: One of `FORMATS`, or "auto" to tell by what is there.
        label: IOB only: the label of tags that name none.
        label_map: The label of each type in the file; ``*`` stands for all others.
        labels: The labels to keep, after `label_map`; None keeps all.
        annotates: The labels that the corpus's annotators looked for, where others may stand in the text unmarked;
            see `annotated_labels`. None for all there are.
        prefixes: All but IOB: the vocabulary of concept ids that are plain numbers, by type.
        spans_key: All but IOB: where all mentions go in `doc.spans`.
        n_sents: IOB only: sentences in one `Doc`; 0 for whole documents.
        strict: IOB only: refuse mentions that do not open with a B, S or U tag.
        split_sentences: All but IOB: set sentence starts by rule.
        documents: All but IOB: a file with the ids of the documents to take, one a line; None takes all.
        skip: Documents to leave out at the beginning.
        limit: The most documents to write; 0 for all.
        progress: What the documents pass through while they are read, such as a progress bar.

    Returns:
        What was written.

    Raises:
        FileNotFoundError: There is no such corpus.
        ValueError: The corpus is malformed, or an option has no meaning. Nothing is written then.
    """
    if output.suffix != ".spacy":
        raise ValueError(Errors.B330.format(path=output))
    if format not in ("auto", *FORMATS):
        raise ValueError(Errors.B333.format(format=format, known=", ".join(("auto", *FORMATS))))
    kept = make_labels(label_map, labels)

    def read(path: Path) -> Iterator[Doc]:
        found = _found_format(path) if format == "auto" else format
        _check_options(
            found,
            path,
            label=label,
            strict=strict,
            n_sents=n_sents != 1,
            prefix=prefixes,
            split_sentences=split_sentences,
            spans_key=spans_key != SPANS_KEY,
        )
        if found == "iob":
            return iob_docs(path, nlp.vocab, label=label, labels=kept, n_sents=n_sents, strict=strict)
        return document_docs(
            path,
            nlp.make_doc,
            format=found,
            labels=kept,
            prefixes=prefixes,
            spans_key=spans_key,
            split_sentences=split_sentences,
        )

    paths = [path] if isinstance(path, Path) else path
    docs: Iterator[Doc] = chain.from_iterable(map(read, paths))
    if documents is not None:
        docs = _chosen(docs, documents)
    if annotates is not None:
        docs = _annotated(docs, annotates, spans_key)
    summary = write_docs(progress(islice(docs, skip, skip + limit if limit else None)), output, spans_key=spans_key)
    summary.annotates = annotates
    names = ", ".join(map(str, paths))
    if labels is not None and not summary.mentions:
        warnings.warn(Warnings.W303.format(path=names, labels=", ".join(labels)), stacklevel=2)
    if not limit and (unknown := sorted(kept.mapping.keys() - kept.seen - {"*"})):
        there = ", ".join(sorted(kept.seen)) or "none"
        warnings.warn(Warnings.W304.format(path=names, unknown=", ".join(unknown), there=there), stacklevel=2)
    return summary


def _found_format(path: Path) -> str:
    """Tell the format of a corpus, and refuse texts that are none."""
    found = guess_format(path)
    if found in ("pubmed", "json"):
        what = {"pubmed": "PubMed's XML", "json": "JSON, but no BioC"}[found]
        raise ValueError(Errors.B373.format(path=path, what=what, known=", ".join(FORMATS)))
    return "iob" if found == "lines" else found


def _check_options(format: str, path: Path, **options: Any) -> None:
    """Refuse options of another format, which would do nothing."""
    of_iob = ("label", "strict", "n_sents")
    for option, value in options.items():
        if value and (option in of_iob) != (format == "iob"):
            name = "--" + option.replace("_", "-")
            raise ValueError(Errors.B372.format(option=name, format=format, path=path))


def _chosen(docs: Iterable[Doc], path: Path) -> Iterator[Doc]:
    """Pick the documents that a file lists."""
    listed = {line.strip() for _, line in numbered_lines(path) if line.strip()}
    missing = set(listed)
    for doc in docs:
        data = doc.user_data.get(USER_DATA_KEY)
        if data is None:
            raise ValueError(Errors.B367.format(path=path))
        if data["id"] in listed:
            missing.discard(data["id"])
            yield doc
    if missing:
        shown = ", ".join(sorted(missing)[:5]) + (", …" if len(missing) > 5 else "")
        raise ValueError(Errors.B366.format(path=path, ids=shown))


def _annotated(docs: Iterable[Doc], labels: Sequence[str], spans_key: str) -> Iterator[Doc]:
    """Say of each document which labels were looked for, and refuse a mention with another."""
    for doc in docs:
        for span in doc.spans.get(spans_key, doc.ents):
            if span.label_ not in labels:
                message = Errors.B340.format(mention=span.text, label=span.label_, labels=", ".join(labels))
                raise ValueError(message)
        set_annotated_labels(doc, labels)
        yield doc
