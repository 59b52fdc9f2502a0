"""Batches of synonyms to learn from: some concepts, those spelled most like them, and names of each.

In SapBERT's training hard pairs, names of different concepts that look alike, turn up in large batches by chance; here
each concept brings its nearest neighbours in spelling along.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ..errors import Errors
from .kb import KnowledgeBase

NAMES_PER_CONCEPT = 3
NEIGHBOURS_PER_CONCEPT = 3
N_NEIGHBOURS = 8
MENTIONED_WEIGHT = 6.0
"""How much more often a concept is drawn that the corpus mentions."""


def names_of_concepts(kb: KnowledgeBase, mentions: Iterable[tuple[str, Collection[str]]]) -> dict[str, list[str]]:
    """Sort what a corpus mentions by concept.

    Args:
        kb: The concepts.
        mentions: Texts of mentions, and the ids of each, see :func:`.corpus_names`. What has several ids is left out:
            it is no name of any of them.

    Returns:
        For the id of each concept that is mentioned, by whichever of its ids, the texts.
    """
    names: dict[str, list[str]] = {}
    for text, ids in mentions:
        for identifier in kb.equivalent_ids(next(iter(ids))) if len(ids) == 1 else ():
            if identifier in kb:
                names.setdefault(identifier, []).append(text)
    return names


class SynonymSampler:
    """Draws batches.

    Args:
        kb: Its names.
        mentions: For ids of concepts, texts that a corpus mentions them by; they count as names.
        concepts: Concepts that a batch is grown from; with neighbours, and three names of each, it holds about ten
            times as many names.
        seed: Of everything random.

    Attributes:
        names: All names.

    Raises:
        ValueError: No concept has two names.
    """

    def __init__(
        self, kb: KnowledgeBase, mentions: Mapping[str, Iterable[str]] | None, *, concepts: int, seed: int
    ) -> None:
        mentions = mentions or {}
        every = list(kb.concepts())
        rows = {concept.id: row for row, concept in enumerate(every)}
        names = [list(dict.fromkeys([*concept.names, *mentions.get(concept.id, ())])) for concept in every]
        self.names = [name for some in names for name in some]
        self._drawn = [row for row, some in enumerate(names) if len(some) > 1]
        if not self._drawn:
            raise ValueError(Errors.B240.format(path=kb.folder))
        weights = [MENTIONED_WEIGHT if every[row].id in mentions else 1.0 for row in self._drawn]
        self._weights = list(accumulate(weights))
        found = kb.candidates([concept.name for concept in every], N_NEIGHBOURS)
        self._neighbours = [
            [rows[candidate.concept_id] for candidate in candidates if rows[candidate.concept_id] != row]
            for row, candidates in enumerate(found)
        ]
        self._starts = list(accumulate(map(len, names), initial=0))
        self._size = concepts
        self._random = random.Random(seed)

    def batch(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return rows of names and the concept of each, both of shape (n,)."""
        chosen: set[int] = set()
        for concept in self._random.choices(self._drawn, cum_weights=self._weights, k=self._size):
            chosen.add(concept)
            chosen.update(self._sample(self._neighbours[concept], NEIGHBOURS_PER_CONCEPT))
        rows: list[int] = []
        concepts: list[int] = []
        for concept in sorted(chosen):
            names = self._sample(range(self._starts[concept], self._starts[concept + 1]), NAMES_PER_CONCEPT)
            rows += names
            concepts += [concept] * len(names)
        return np.array(rows, dtype=np.int64), np.array(concepts, dtype=np.int64)

    def _sample(self, items: Sequence[int], n: int) -> list[int]:
        return self._random.sample(items, min(n, len(items)))
