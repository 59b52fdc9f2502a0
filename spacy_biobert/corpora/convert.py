"""Corpora as spaCy's binary training files."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.util import load_config, load_model_from_config

from ..errors import Errors, Warnings
from ..identifiers import NIL
from .concept_ids import split_concept_ids
from .documents import SPANS_KEY, USER_DATA_KEY
from .lines import numbered_lines
from .readers import iob_docs, make_labels, pubtator_docs
from .tokenizer import make_tokenizer

FORMATS = ("iob", "pubtator")
_PUBTATOR_TITLE = re.compile(r"[^|\t]+\|\w+\|")


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
    """

    docs: int = 0
    sentences: int = 0
    tokens: int = 0
    mentions: Counter[str] = field(default_factory=Counter)
    ents: int = 0
    linked: int = 0
    relations: int = 0
    unaligned: int = 0

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
    path: Path,
    output: Path,
    *,
    nlp: Language,
    format: str = "auto",
    label: str | None = None,
    label_map: Mapping[str, str] | None = None,
    labels: list[str] | None = None,
    prefixes: Mapping[str, str] | None = None,
    spans_key: str = SPANS_KEY,
    n_sents: int = 1,
    strict: bool = False,
    split_sentences: bool = False,
    limit: int = 0,
    progress: Callable[[Iterable[Doc]], Iterable[Doc]] = iter,
) -> Summary:
    """Convert a corpus to a ``.spacy`` file.

    Args:
        path: The corpus.
        output: The ``.spacy`` file to write.
        nlp: The pipeline whose tokenizer raw text is tokenized with, see `blank_pipeline`.
        format: One of `FORMATS`, or "auto" to tell by the file's first line.
        label: IOB only: the label of tags that name none.
        label_map: The label of each type in the file; ``*`` stands for all others.
        labels: The labels to keep, after `label_map`; None keeps all.
        prefixes: PubTator only: the vocabulary of concept ids that are plain numbers, by type.
        spans_key: PubTator only: where all mentions go in `doc.spans`.
        n_sents: IOB only: sentences in one `Doc`; 0 for whole documents.
        strict: IOB only: refuse mentions that do not open with a B, S or U tag.
        split_sentences: PubTator only: set sentence starts by rule.
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
    if (guess_format(path) if format == "auto" else format) == "iob":
        docs = iob_docs(path, nlp.vocab, label=label, labels=kept, n_sents=n_sents, strict=strict)
    else:
        docs = pubtator_docs(
            path, nlp.make_doc, labels=kept, prefixes=prefixes, spans_key=spans_key, split_sentences=split_sentences
        )
    summary = write_docs(progress(islice(docs, limit or None)), output, spans_key=spans_key)
    if labels is not None and not summary.mentions:
        warnings.warn(Warnings.W303.format(path=path, labels=", ".join(labels)), stacklevel=2)
    return summary


def write_docs(docs: Iterable[Doc], output: Path, *, spans_key: str = SPANS_KEY) -> Summary:
    """Write documents to a ``.spacy`` file, with entities, spans, concept ids and document data.

    Args:
        docs: Reference documents.
        output: The file; folders above it are made.
        spans_key: Where all mentions stand in `doc.spans`; a `Doc` without has only those in `doc.ents`.

    Returns:
        What was written.
    """
    summary = Summary()
    doc_bin = DocBin(store_user_data=True)
    for doc in docs:
        doc_bin.add(doc)
        summary.add(doc, spans_key)
    output.parent.mkdir(parents=True, exist_ok=True)
    doc_bin.to_disk(output)
    return summary


def guess_format(path: Path) -> str:
    """Tell a PubTator file from an IOB file by its first line that is not blank.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file's first line is not UTF-8.
    """
    for _, line in numbered_lines(path):
        if line.strip():
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
        ValueError: The config does not say which language it is for.
    """
    if config is None:
        nlp = spacy.blank("en")
        nlp.tokenizer = make_tokenizer()(nlp)
        return nlp
    if not config.is_file():
        raise FileNotFoundError(Errors.B301.format(path=config))
    settings = load_config(config, interpolate=True).get("nlp", {})
    if not settings.get("lang"):
        raise ValueError(Errors.B332.format(path=config))
    section = {key: settings[key] for key in ("lang", "tokenizer") if key in settings}
    return load_model_from_config({"nlp": {**section, "pipeline": []}}, auto_fill=True)
