"""Fits a linker's ranker by itself, outside of `spacy train`."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from spacy.tokens import Doc
from spacy.training import Example

from .component import Linker


def train_ranker(
    linker: Linker, references: Sequence[Doc], *, epochs: int = 10, batch_size: int = 16, seed: int = 0
) -> Iterator[float]:
    """Train the ranker of a linker by itself, on gold mentions.

    Args:
        linker: The linker; its ranker is made anew.
        references: Docs with gold mentions and their ids.
        epochs: How often each doc is seen.
        batch_size: Docs in a batch.
        seed: Of the order of docs.

    Yields:
        The mean loss of each epoch's batches, in nats a mention.
    """
    examples = [Example(Doc(doc.vocab, words=[token.text for token in doc]), doc) for doc in references]
    linker.initialize(lambda: examples)
    order = random.Random(seed)
    for _ in range(epochs):
        order.shuffle(examples)
        losses: dict[str, float] = {}
        batches = [examples[first : first + batch_size] for first in range(0, len(examples), batch_size)]
        for batch in batches:
            linker.update(batch, losses=losses)
            if linker.trainer is not None:
                linker.trainer.step()
        yield losses[linker.name] / len(batches)
