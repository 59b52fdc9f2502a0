"""spaCy's binary training files, ``.spacy``: writing them, and reading them with messages that say what to do."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example
from spacy.training.corpus import walk_corpus
from spacy.vocab import Vocab

from ..errors import Errors
from ..identifiers import NIL
from ..span_places import SPANS_KEY
from .annotated_labels import set_annotated_labels
from .concept_ids import split_concept_ids
from .documents import USER_DATA_KEY


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
