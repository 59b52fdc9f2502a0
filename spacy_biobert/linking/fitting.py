"""Fits a linker's ranker by itself, outside of `spacy train`."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from spacy.pipeline import Pipe
from spacy.tokens import Doc

from .candidates import CandidateFinder
from .component import Linker
from .context import ConceptFacts
from .dense import DenseIndex
from .evaluation import corpus_names, extend_with_names
from .kb import KnowledgeBase
from .mentions import GoldMention
from .name_encoder import Remembering
from .training import RankerTrainer

N_PARTS = 5
"""Into how many parts a corpus is divided whose names the knowledge base has."""

FIRST_RATE = 2.0
"""What the ranker's learning rate is multiplied by at the beginning; it falls to nothing."""

_ENCODED = 32
"""Docs whose token vectors are in memory at once."""

_Part = tuple[Sequence[Sequence[GoldMention]], CandidateFinder]
"""The gold mentions of some docs, and what finds candidates for them."""


def train_ranker(
    linker: Linker,
    references: Sequence[Doc],
    *,
    epochs: int = 20,
    batch_size: int = 16,
    seed: int = 0,
    published: KnowledgeBase | None = None,
    encoder: Pipe | None = None,
) -> Iterator[float]:
    """Train the ranker of a linker by itself, on gold mentions.

    A knowledge base that has the names of the corpus, see :func:`.extend_with_names`, knows each training mention, and
    a ranker would learn that whatever is spelled like a name is it. New texts are not so. For such a linker, give the
    knowledge base as it was before: each fifth of the docs is then looked up in that one with the names of the others.

    Args:
        linker: The linker; its ranker is made anew.
        references: Docs with gold mentions and their ids.
        epochs: How often each doc is seen.
        batch_size: Docs in a batch.
        seed: Of the order of docs.
        published: The linker's knowledge base without the names of these docs, if it has them.
        encoder: A ``biobert`` pipe that gives the docs their token vectors, for a linker that reads them. They are
            dropped as soon as they are read: those of a corpus take much memory.

    Yields:
        The mean loss of each epoch's batches, in nats a mention.
    """
    linker.ranker = None
    linker.initialize()
    if linker.ranker is None:  # a linker that ranks by spelling
        return
    gold = list(_read(linker, references, encoder))
    linker.ranker.count(gold, ConceptFacts(linker.require_kb()))
    trainer = RankerTrainer(linker.ranker)
    order = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="spacy-biobert-") as folder:
        parts = list(_parts(linker, references, gold, published, Path(folder), order))
        for epoch in range(epochs):
            batches = [batch for docs, finder in parts for batch in _batches(docs, finder, batch_size, order)]
            order.shuffle(batches)
            loss = 0.0
            for number, (docs, finder) in enumerate(batches):
                loss += trainer.update(docs, finder)
                trainer.step(FIRST_RATE * (1 - (epoch + number / len(batches)) / epochs))
            yield loss / len(batches)


def _read(linker: Linker, references: Sequence[Doc], encoder: Pipe | None) -> Iterator[list[GoldMention]]:
    """Yield the gold mentions of each doc."""
    for doc in encoder.pipe(references, batch_size=_ENCODED) if encoder is not None else references:
        yield linker.gold(doc)
        if encoder is not None:
            doc._.trf_data = None


def _parts(
    linker: Linker,
    references: Sequence[Doc],
    gold: Sequence[Sequence[GoldMention]],
    published: KnowledgeBase | None,
    folder: Path,
    order: random.Random,
) -> Iterator[_Part]:
    """Yield all docs, each part of them with what finds candidates for it."""
    if published is None:
        yield gold, linker.resolver().finder
        return
    encoder = Remembering(linker.name_encoder) if linker.name_encoder is not None else None
    shuffled = list(zip(references, gold, strict=True))
    order.shuffle(shuffled)
    for number in range(min(N_PARTS, len(shuffled))):
        others = [doc for i, (doc, _) in enumerate(shuffled) if i % N_PARTS != number]
        names = corpus_names(others, linker.cfg["spans_key"])
        kb = KnowledgeBase.build(extend_with_names(published, names), folder / str(number))
        dense = DenseIndex(encoder, kb) if encoder is not None else None
        yield [mentions for _, mentions in shuffled[number::N_PARTS]], CandidateFinder(kb, dense)


def _batches(
    docs: Sequence[Sequence[GoldMention]], finder: CandidateFinder, size: int, order: random.Random
) -> Iterator[_Part]:
    """Yield the docs of a part in batches, in another order each time."""
    shuffled = list(docs)
    order.shuffle(shuffled)
    for first in range(0, len(shuffled), size):
        yield shuffled[first : first + size], finder
