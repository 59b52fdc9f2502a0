"""The batches of a training, such that they can be drawn again as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.loop import create_train_batches

from ..corpora.annotated_labels import get_annotated_labels
from .randomness import OwnRandomness, RandomState

Corpus = Callable[[Language], Iterable[Example]]
Batcher = Callable[[Iterable[Example]], Iterable[list[Example]]]

_ATTRIBUTES = (
    "ORTH", "SPACY", "TAG", "POS", "MORPH", "LEMMA", "HEAD", "DEP", "SENT_START", "ENT_IOB", "ENT_TYPE", "ENT_KB_ID"
)  # fmt: skip


class Fingerprint:
    """A short number for all examples that were shown to it, equal in every process.

    Attributes:
        n: How many have been shown.
    """

    def __init__(self) -> None:
        self.n = 0
        self._hash = blake2b(digest_size=16)

    def add(self, example: Example) -> None:
        """Take in the annotations of an example: tokens, spans, categories, and which labels were looked for."""
        doc: Doc = example.reference
        spans = {
            key: [(span.start, span.end, span.label_, span.kb_id_) for span in group]
            for key, group in sorted(doc.spans.items())
        }
        self._hash.update(doc.to_array(list(_ATTRIBUTES)).tobytes())
        looked_for = get_annotated_labels(doc)
        annotated = None if looked_for is None else sorted(looked_for)
        self._hash.update(repr((spans, sorted(doc.cats.items()), annotated)).encode("utf8"))
        self.n += 1

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"docs": self.n, "hash": self._hash.hexdigest()}


def fingerprint(examples: Iterable[Example]) -> dict[str, Any]:
    """Return the fingerprint of examples, as plain values."""
    found = Fingerprint()
    for example in examples:
        found.add(example)
    return found.to_dict()


class Batches:
    """The batches that spaCy makes of a corpus, epoch by epoch, with random states of their own.

    Components draw random numbers too (spaCy's parser cuts long docs at random places), and readers and batchers draw
    some whenever they go on. With states of their own, the batches depend on nothing but the state at the start: to
    find the place where a training stood, as many are drawn again.

    Args:
        nlp: The pipeline.
        corpus: Reads the examples.
        batcher: Groups them.
        max_epochs: See spaCy's ``[training]``: -1 reads the corpus anew in each epoch, without shuffling.
        start: State to begin with, where they are drawn again.
    """

    def __init__(
        self, nlp: Language, corpus: Corpus, batcher: Batcher, max_epochs: int, *, start: RandomState | None = None
    ) -> None:
        self._corpus = corpus
        self._random = OwnRandomness(start)
        self._read = Fingerprint()
        self._batches = create_train_batches(nlp, self._watch, batcher, max_epochs)  # type: ignore[arg-type]

    @property
    def start(self) -> RandomState:
        """The random state before anything was read."""
        return self._random.start

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Of what has been read so far."""
        return self._read.to_dict()

    def _watch(self, nlp: Language) -> Iterator[Example]:
        for example in self._corpus(nlp):
            self._read.add(example)
            yield example

    def __iter__(self) -> Iterator[tuple[int, list[Example]]]:
        """Draw batches, each with the number of its epoch."""
        while True:
            with self._random():
                batch = next(self._batches, None)
            if batch is None:
                return
            yield batch
