"""Corpus readers that a config can name: IOB, PubTator, BRAT and BioC straight into spaCy's training loop.

[corpora.train]
@readers = "spacy_biobert.PubTatorCorpus.v1"
path = "assets/ncbi_disease/NCBItrainset_corpus.txt"

[corpora.train.label_map]
* = "Disease"
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from ..errors import Errors, Warnings
from ..span_places import SPANS_KEY
from .annotations import AnnotatedDocument
from .bioc import read_bioc
from .brat import read_brat
from .concept_ids import DEFAULT_PREFIXES
from .documents import ALL_LABELS, USER_DATA_KEY, Labels, document_to_doc, grouped, sentences_to_doc
from .iob import read_iob
from .pubtator import read_pubtator
from .s800 import read_s800

DOCUMENT_READERS: dict[str, Callable[[Path], Iterator[AnnotatedDocument]]] = {
    "pubtator": read_pubtator,
    "brat": read_brat,
    "bioc": read_bioc,
    "s800": read_s800,
}
"""How each format with offsets is read."""

Corpus = Callable[[Language], Iterator[Example]]


def make_iob_corpus(
    path: Path | None,
    *,
    limit: int = 0,
    label: str | None = None,
    label_map: dict[str, str] | None = None,
    labels: list[str] | None = None,
    n_sents: int = 1,
    strict: bool = False,
    gold_tokens: bool = True,
) -> Corpus:
    """Make the reader registered as ``spacy_biobert.IOBCorpus.v1``.

    Args:
        path: A file of one token a line, its tag in the last column.
        limit: The most examples to read; 0 for all.
        label: The label of tags that name none, as in the files published with BioBERT (``B``, not ``B-Disease``).
        label_map: The label of each type in the file; ``*`` stands for all others.
        labels: The labels to keep, after `label_map`; None keeps all.
        n_sents: Sentences in one example; 0 makes whole documents, where the file marks their starts.
        strict: Refuse mentions that do not open with a B, S or U tag.
        gold_tokens: Give the pipeline the file's tokens. Otherwise it tokenizes them anew, joined by spaces.

    Returns:
        A function from a pipeline to examples, which reads the file anew each time.

    Raises:
        ValueError: There is no path. The function itself raises what `read_iob` raises.
    """
    source = _checked(path, "spacy_biobert.IOBCorpus.v1")
    kept = make_labels(label_map, labels)

    def read(nlp: Language) -> Iterator[Example]:
        docs = iob_docs(source, nlp.vocab, label=label, labels=kept, n_sents=n_sents, strict=strict)
        for doc in islice(docs, limit or None):
            predicted = Doc(nlp.vocab, words=[token.text for token in doc]) if gold_tokens else nlp.make_doc(doc.text)
            yield Example(predicted, doc)

    return read


def make_pubtator_corpus(
    path: Path | None,
    *,
    limit: int = 0,
    label_map: dict[str, str] | None = None,
    labels: list[str] | None = None,
    prefixes: dict[str, str] | None = None,
    spans_key: str = SPANS_KEY,
    split_sentences: bool = False,
) -> Corpus:
    """Make the reader registered as ``spacy_biobert.PubTatorCorpus.v1``.

    The pipeline always tokenizes the raw text itself: PubTator has no gold tokens.

    Args:
        path: A PubTator file.
        limit: The most documents to read; 0 for all.
        label_map: The label of each type in the file; ``*`` stands for all others.
        labels: The labels to keep, after `label_map`; None keeps all.
        prefixes: The vocabulary of concept ids that are plain numbers, by type: ``{"Gene": "NCBIGene"}``. Those given
            win over `DEFAULT_PREFIXES`.
        spans_key: Where all mentions go in `doc.spans`, nested and overlapping ones too; "sc" suits spaCy's spancat.
        split_sentences: Set sentence starts by rule.

    Returns:
        A function from a pipeline to examples, which reads the file anew each time.

    Raises:
        ValueError: There is no path. The function itself raises what `read_pubtator` raises.
    """
    return make_document_corpus(
        _checked(path, "spacy_biobert.PubTatorCorpus.v1"),
        format="pubtator",
        limit=limit,
        label_map=label_map,
        labels=labels,
        prefixes=prefixes,
        spans_key=spans_key,
        split_sentences=split_sentences,
    )


def make_document_corpus(
    path: Path | None,
    *,
    format: str,
    limit: int = 0,
    label_map: dict[str, str] | None = None,
    labels: list[str] | None = None,
    prefixes: dict[str, str] | None = None,
    spans_key: str = SPANS_KEY,
    split_sentences: bool = False,
) -> Corpus:
    """Make the reader registered as ``spacy_biobert.DocumentCorpus.v1``, for every format with offsets into raw text.

    Args:
        path: A corpus: a file, or a folder for "brat".
        format: How it is written: a key of `DOCUMENT_READERS`.
        limit: The most documents to read; 0 for all.
        label_map: As for `make_pubtator_corpus`, as are the others.
        labels: The labels to keep.
        prefixes: The vocabulary of concept ids that are plain numbers, by type.
        spans_key: Where all mentions go in `doc.spans`.
        split_sentences: Set sentence starts by rule.

    Returns:
        A function from a pipeline to examples, which reads the corpus anew each time.

    Raises:
        ValueError: There is no path, or no such format. The function itself raises what the format's reader raises.
    """
    source = _checked(path, "spacy_biobert.DocumentCorpus.v1")
    if format not in DOCUMENT_READERS:
        raise ValueError(Errors.B333.format(format=format, known=", ".join(DOCUMENT_READERS)))
    kept = make_labels(label_map, labels)

    def read(nlp: Language) -> Iterator[Example]:
        docs = document_docs(
            source,
            nlp.make_doc,
            format=format,
            labels=kept,
            prefixes=prefixes,
            spans_key=spans_key,
            split_sentences=split_sentences,
        )
        for doc in islice(docs, limit or None):
            yield Example(nlp.make_doc(doc.text), doc)

    return read


def make_labels(label_map: Mapping[str, str] | None, keep: Iterable[str] | None) -> Labels:
    """Make `Labels` of what a config or a command line says."""
    return Labels(label_map or {}, None if keep is None else frozenset(keep))


def iob_docs(
    path: Path,
    vocab: Vocab,
    *,
    label: str | None = None,
    labels: Labels = ALL_LABELS,
    n_sents: int = 1,
    strict: bool = False,
) -> Iterator[Doc]:
    """Read reference `Doc` objects from an IOB file; the arguments are those of `make_iob_corpus`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not what it should be, or empty, or whole documents are wanted of a file without marks.
    """
    if n_sents < 0:
        raise ValueError(Errors.B324.format(n=n_sents))
    empty = True
    for group in grouped(read_iob(path, default_label=label, strict=strict), n_sents):
        if empty and n_sents == 0 and not group[0].starts_document:
            raise ValueError(Errors.B325.format(path=path))
        empty = False
        yield sentences_to_doc(vocab, group, labels=labels)
    if empty:
        raise ValueError(Errors.B323.format(path=path, what="sentence"))


def document_docs(
    path: Path,
    tokenize: Callable[[str], Doc],
    *,
    format: str,
    labels: Labels = ALL_LABELS,
    prefixes: Mapping[str, str] | None = None,
    spans_key: str = SPANS_KEY,
    split_sentences: bool = False,
) -> Iterator[Doc]:
    """Read reference `Doc` objects from a corpus with offsets; the arguments are those of `make_document_corpus`.

    A document that stands in the corpus twice, annotations and all, is read once, with a warning; one with other
    annotations twice, with another. At the end a warning says how many mentions the tokenizer could not express.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not what it should be, or empty.
    """
    prefixes = {**DEFAULT_PREFIXES, **(prefixes or {})}
    seen: set[AnnotatedDocument] = set()
    texts: set[tuple[str, str]] = set()
    n_unaligned = 0
    for document in DOCUMENT_READERS[format](path):
        if document in seen:
            warnings.warn(Warnings.W301.format(path=path, line=document.line, id=document.id), stacklevel=2)
            continue
        seen.add(document)
        if (text := (document.id, document.text)) in texts:
            warnings.warn(Warnings.W305.format(path=path, line=document.line, id=document.id), stacklevel=2)
        texts.add(text)
        doc = document_to_doc(
            document, tokenize, labels=labels, prefixes=prefixes, spans_key=spans_key, split_sentences=split_sentences
        )
        n_unaligned += len(doc.user_data[USER_DATA_KEY]["unaligned"])
        yield doc
    if not seen:
        raise ValueError(Errors.B323.format(path=path, what="document"))
    if n_unaligned:
        warnings.warn(Warnings.W302.format(path=path, n=n_unaligned), stacklevel=2)


pubtator_docs = partial(document_docs, format="pubtator")
"""`document_docs` of a PubTator file."""


def _checked(path: Path | None, reader: str) -> Path:
    """Refuse a config whose path was never set; a config gives paths as strings."""
    if path is None or not str(path):
        raise ValueError(Errors.B322.format(reader=reader))
    return Path(path)
