"""Batches of training examples that belong together."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable

from spacy.training import Example

from ..corpora.annotated_labels import get_annotated_labels

Batcher = Callable[[Iterable[Example]], Iterable[list[Example]]]


def make_batch_by_annotation(batcher: Batcher) -> Batcher:
    """Make ``spacy_biobert.batch_by_annotation.v1``: batches whose examples were annotated with the same labels.

    Where corpora with different labels train together, each step is then one on a single kind of corpus, with as many
    of its words as if that were trained on alone, and steps on one kind alternate with those on others in random order.
    All examples of a pass over the corpus are read before its first batch.

    Args:
        batcher: Makes batches of the examples of one kind, such as ``spacy.batch_by_words.v1``.
    """

    def batch(examples: Iterable[Example]) -> Iterable[list[Example]]:
        kinds: dict[frozenset[str] | None, list[Example]] = defaultdict(list)
        for example in examples:
            kinds[get_annotated_labels(example.reference)].append(example)
        batches = [some for kind in kinds.values() for some in batcher(kind)]
        random.shuffle(batches)
        return batches

    return batch
