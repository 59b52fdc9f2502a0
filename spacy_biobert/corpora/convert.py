"""Corpora as spaCy's binary training files."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from configparser import Error as ConfigParserError
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example
from spacy.training.corpus import walk_corpus
from spacy.util import load_config, load_model_from_config
from spacy.vocab import Vocab

from ..errors import Errors, Warnings
from ..identifiers import NIL
from ..text_files import numbered_lines
from .annotated_labels import set_annotated_labels
from .concept_ids import split_concept_ids
from .documents import SPANS_KEY, USER_DATA_KEY
from .readers import DOCUMENT_READERS, document_docs, iob_docs, make_labels
from .tokenizer import make_tokenizer

FORMATS = ("iob", *DOCUMENT_READERS)
_PUBTATOR_TITLE = re.compile(r"[^|\t]+\|\w+\|")
# XML, or the braces of JSON with nothing but more JSON behind them: as a token, a brace has a tag.
_BIOC_START = re.compile(r"\s*(?:<(?:\?xml|!DOCTYPE|collection)\b|[\[{]+\s*(?:\"|$))")


@dataclass(slots=True)
class Summary:
    """What a conversion wrote.

    Attributes:
        docs: Documents.
        sentences: Sentences; 0 where no sentence starts are known.
        tokens: Tokens of the reference, after cuts at mentions.
        mentions: All mentions, nested and overlapping ones too, by label.
        ents: Those of them in `doc.ents`.
        linked: Those of `mentions` with a concept other than NIL.
        relations: Relations.
        unaligned: Those of `mentions` that begin or end inside one of the tokenizer's tokens.
        annotates: The labels that are recorded as looked for; None where nothing is.
    """

    docs: int = 0
    sentences: int = 0
    tokens: int = 0
    mentions: Counter[str] = field(default_factory=Counter)
    ents: int = 0
    linked: int = 0
    relations: int = 0
    unaligned: int = 0
    annotates: Sequence[str] | None = None

    def add(self, doc: Doc, spans_key: str) -> None:
        """Count a document, whose mentions stand under a key of `doc.spans`, or else in `doc.ents` only."""
        spans = doc.spans.get(spans_key, doc.ents)
        data = doc.user_data.get(USER_DATA_KEY, {})
        self.docs += 1
        self.sentences += sum(1 for _ in doc.sents) if doc.has_annotation("SENT_START") else 0
        self.tokens += len(doc)
        self.mentions.update(span.label_ for span in spans)
        self.ents += len(doc.ents)
        self.linked += sum(any(concept != NIL for concept in split_concept_ids(span.kb_id_)) for span in spans)
        self.relations += len(data.get("relations", ()))
        self.unaligned += len(data.get("unaligned", ()))


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
        nlp: The pipeline whose tokenizer raw text is tokenized with, see `blank_pipeline`.
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
        found = guess_format(path) if format == "auto" else format
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


def _check_options(format: str, path: Path, **options: Any) -> None:
    """Refuse options of another format, which would do nothing."""
    of_iob = ("label", "strict", "n_sents")
    for option, value in options.items():
        if value and (option in of_iob) != (format == "iob"):
            name = "--" + option.replace("_", "-")
            raise ValueError(Errors.B372.format(option=name, format=format, path=path))


def write_docs(docs: Iterable[Doc], output: Path, *, spans_key: str = SPANS_KEY) -> Summary:
    """Write documents to a ``.spacy`` file, with entities, spans, concept ids and document data.

    Args:
        docs: Reference documents.
        output: The file; folders above it are made.
        spans_key: Where all mentions stand in `doc.spans`; a `Doc` without has only those in `doc.ents`.

    Returns:
        What was written.

    Raises:
        ValueError: There are none.
    """
    summary = Summary()
    doc_bin = DocBin(store_user_data=True)
    for doc in docs:
        doc_bin.add(doc)
        summary.add(doc, spans_key)
    if not summary.docs:
        raise ValueError(Errors.B371.format(path=output))
    output.parent.mkdir(parents=True, exist_ok=True)
    doc_bin.to_disk(output)
    return summary


def read_docs(path: Path, vocab: Vocab) -> list[Doc]:
    """Read the documents of a ``.spacy`` file, with all that :func:`write_docs` writes.

    Args:
        path: The file.
        vocab: The documents' vocabulary.

    Raises:
        ValueError: It is damaged, or something else.
    """
    with _naming(path):
        return list(DocBin().from_disk(path).get_docs(vocab))


def read_examples(path: Path, nlp: Language) -> list[Example]:
    """Read the documents of a ``.spacy`` file, or of a folder of them, as references beside docs to annotate.

    Args:
        path: The file or folder.
        nlp: The pipeline that is to annotate.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A file is damaged, or something else, or there are no documents.
    """
    files_of_docs(path)  # or spaCy only warns that there are none
    with _naming(path):
        examples = list(Corpus(path)(nlp))
    if not examples:
        raise ValueError(Errors.B508.format(path=path))
    return examples


def files_of_docs(path: Path) -> list[Path]:
    """Return a ``.spacy`` file, or those of a folder that spaCy reads, in the order of their names.

    Args:
        path: The file or folder.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no ``.spacy`` file, or the folder has none.
    """
    if not path.exists():
        raise FileNotFoundError(Errors.B301.format(path=path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where there is none
        files = walk_corpus(path, ".spacy")
    if not files:
        raise ValueError(Errors.B508.format(path=path))
    return files


def check_docs(path: Path) -> None:
    """Check that a ``.spacy`` file, or each file of a folder of them, can be read; docs are not made.

    Args:
        path: The file or folder.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A file is damaged, or something else, or the folder has none.
    """
    for file in files_of_docs(path):
        with _naming(file):
            DocBin().from_disk(file)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Say of what cannot be read where it lies and what to do: spaCy says neither."""
    try:
        yield
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(Errors.B368.format(path=path, reason=str(error).rstrip("."))) from error


def record_annotated_labels(path: Path, labels: Iterable[str], *, vocab: Vocab) -> None:
    """Say in a ``.spacy`` file, for each of its documents, which labels the annotators looked for.

    Args:
        path: The file; it is written anew.
        labels: The labels.
        vocab: Any vocabulary.
    """
    doc_bin = DocBin(store_user_data=True)
    for doc in read_docs(path, vocab):
        set_annotated_labels(doc, labels)
        doc_bin.add(doc)
    doc_bin.to_disk(path)


def guess_format(path: Path) -> str:
    """Tell the format of a corpus: BRAT's is a folder, and the others differ in their first line that is not blank.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file's first line is not UTF-8.
    """
    if path.is_dir():
        return "brat"
    for _, line in numbered_lines(path):
        if line.strip():
            if _BIOC_START.match(line):
                return "bioc"
            return "pubtator" if _PUBTATOR_TITLE.match(line) else "iob"
    return "iob"


def blank_pipeline(config: Path | None = None) -> Language:
    """Make a pipeline that does nothing but tokenize, as a training config says.

    Args:
        config: The config; None takes English with this package's tokenizer.

    Returns:
        The pipeline, without components, so that no model has to be loaded.

    Raises:
        FileNotFoundError: There is no such config.
        ValueError: It is no config, or does not say which language it is for.
    """
    if config is None:
        nlp = spacy.blank("en")
        nlp.tokenizer = make_tokenizer()(nlp)
        return nlp
    if not config.is_file():
        raise FileNotFoundError(Errors.B301.format(path=config))
    try:
        settings = load_config(config, interpolate=True).get("nlp", {})
    except (ValueError, ConfigParserError) as error:
        raise ValueError(Errors.B334.format(path=config, reason=" ".join(str(error).split()))) from error
    if not settings.get("lang"):
        raise ValueError(Errors.B332.format(path=config))
    section = {key: settings[key] for key in ("lang", "tokenizer") if key in settings}
    return load_model_from_config({"nlp": {**section, "pipeline": []}}, auto_fill=True)


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
