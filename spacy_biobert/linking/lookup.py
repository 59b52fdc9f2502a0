"""The look-up of names: from texts of mentions to the concepts with names like them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from itertools import chain, islice, pairwise
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import ranges
from .concepts import Candidate
from .index import SCORE_UNITS, NameIndex
from .normalization import name_words
from .sparse import Mask, Scored, Words
from .storage import ConceptStore
from .threads import map_in_threads

_BAGS_PER_CONCEPT = 4
"""How many different bags of words are looked at for each concept that is wanted."""

_MORE_BAGS = 8
"""How many times as many are looked at where they were all names of a few concepts."""

_PRIORITY_BITS = 32
_RANK_BITS = 14
"""Of the numbers that names are sorted by: the priority of a name, and above it what its score is short of 1."""

# Candidates are returned by the million: what makes them takes no step of Python's for each.
_new_candidate: Callable[[tuple[str, float, str]], Candidate] = partial(tuple.__new__, Candidate)
_CONCEPT_ID, _NAME = itemgetter(0), itemgetter(1)

_Ranked = tuple[list[int], list[float]]
"""Rows of names and their scores."""


class NameLookup:
    """Finds the concepts with names like mentions.

    Args:
        index: Finds names.
        store: Tells what they are, and whose.
        concepts: The row of the concept that bears each name, (n_names,).
        priorities: The order among names that are equally like a mention, (n_names,).
        type_sets: All sets of semantic types that a concept has.
        concept_type_sets: Which of them each concept has, (n_concepts,).
    """

    def __init__(
        self,
        index: NameIndex,
        store: ConceptStore,
        *,
        concepts: NDArray[Any],
        priorities: NDArray[Any],
        type_sets: Sequence[Collection[str]],
        concept_type_sets: NDArray[Any],
    ) -> None:
        self.index = index
        self._store = store
        self._concepts = concepts
        self._priorities = priorities
        self._type_sets = type_sets
        self._concept_type_sets = concept_type_sets
        self._masks: dict[frozenset[str], Mask | None] = {}

    def candidates(
        self, mentions: Sequence[str], top_n: int, *, types: Sequence[Collection[str] | None] | None
    ) -> list[list[Candidate]]:
        """Find the concepts that each mention may mean, see :meth:`.KnowledgeBase.candidates`."""
        masks = [None if allowed is None else self._mask(frozenset(allowed)) for allowed in types or []]
        size = self.index.batch_size
        batches = [slice(first, first + size) for first in range(0, len(mentions), size)]
        found = map_in_threads(
            lambda batch: self._look_up(mentions[batch], masks[batch], top_n),
            batches,
            max_threads=self.index.max_threads,
        )
        return [candidates for batch in found for candidates in batch]

    def _look_up(self, mentions: Sequence[str], masks: Sequence[Mask | None], top_n: int) -> list[list[Candidate]]:
        words = [name_words(mention) for mention in mentions]
        exact = self._exact_rows(mentions, words, masks)
        ranked = self._ranked_rows(words, exact, masks, top_n)
        named = self._store.describe_names([row for rows, _ in ranked for row in rows])
        scores = chain.from_iterable(scores for _, scores in ranked)
        made = map(_new_candidate, zip(map(_CONCEPT_ID, named), scores, map(_NAME, named), strict=True))
        return [list(islice(made, len(rows))) for rows, _ in ranked]

    def _mask(self, types: frozenset[str]) -> Mask | None:
        """Return which names belong to concepts that may have one of the types; None where all do."""
        if types not in self._masks:
            allowed = np.array([not names or not types.isdisjoint(names) for names in self._type_sets])
            mask = None if allowed.all() else allowed[self._concept_type_sets[self._concepts]]
            self._masks[types] = mask
        return self._masks[types]

    def _exact_rows(
        self, mentions: Sequence[str], words: Sequence[Words], masks: Sequence[Mask | None]
    ) -> list[list[int]]:
        """Return, for each mention, the rows of the names that differ in form only, the best first."""
        found = self.index.exact(words)
        if masks:
            found = [rows if mask is None else rows[mask[rows]] for rows, mask in zip(found, masks, strict=True)]
        several = [rows.tolist() for rows in found]
        unclear = [row for rows in several if len(rows) > 1 for row in rows]
        described = dict(zip(unclear, self._store.describe_names(unclear), strict=True))

        def order(row: int, text: str) -> tuple[bool, int]:
            return described[row][1].casefold() != text, int(self._priorities[row])

        return [
            sorted(rows, key=partial(order, text=mention.casefold())) if len(rows) > 1 else rows
            for mention, rows in zip(mentions, several, strict=True)
        ]

    def _ranked_rows(
        self,
        words: Sequence[Words],
        exact: Sequence[Sequence[int]],
        masks: Sequence[Mask | None],
        top_n: int,
    ) -> list[_Ranked]:
        """Return, for each mention, the best row of each of its ``top_n`` best concepts, in order, and their scores."""
        ranked: list[_Ranked] = [([], [])] * len(words)
        pending = list(range(len(words)))
        n_bags = _BAGS_PER_CONCEPT * top_n
        while pending:
            found = self.index.search(
                [words[i] for i in pending],
                n_bags,
                masks=[masks[i] for i in pending] if masks else None,
            )
            best = self._best_of_concepts([exact[i] for i in pending], found, top_n)
            n_found = np.bincount(found.mentions, minlength=len(pending)).tolist()
            unfinished = []
            for i, of_mention, n in zip(pending, best, n_found, strict=True):
                ranked[i] = of_mention
                if len(of_mention[0]) < top_n and n >= n_bags:
                    # All those names belong to a few concepts.
                    unfinished.append(i)
            pending = unfinished
            n_bags *= _MORE_BAGS
        return ranked

    def _best_of_concepts(self, exact: Sequence[Sequence[int]], found: Scored, top_n: int) -> list[_Ranked]:
        """Return, for each mention, the best row of each of its best concepts, the best first, and their scores."""
        counts = [len(rows) for rows in exact]
        exact_rows = np.array([row for rows in exact for row in rows], dtype=np.int64)
        places = ranges(np.zeros(len(counts), np.int64), np.array(counts))
        mentions = np.concatenate([np.repeat(np.arange(len(exact)), counts), found.mentions])
        rows = np.concatenate([exact_rows, found.items])
        units = np.concatenate([np.full(len(places), SCORE_UNITS), found.scores])
        # One number to sort by: the mention; names that differ in form only, in their order; higher scores; priority.
        ranks = np.concatenate([np.zeros(len(places), np.int64), 1 + SCORE_UNITS - found.scores])
        priorities = np.concatenate([places, self._priorities[found.items]])
        order = np.argsort((mentions << _RANK_BITS | ranks) << _PRIORITY_BITS | priorities)
        mentions, rows, units = mentions[order], rows[order], units[order]
        # The first name of each concept.
        _, first = np.unique(mentions * len(self._concept_type_sets) + self._concepts[rows], return_index=True)
        first.sort()
        starts = np.searchsorted(mentions[first], np.arange(len(exact) + 1)).tolist()
        best, scores = rows[first].tolist(), (units[first] / SCORE_UNITS).tolist()
        ends = [min(start + top_n, end) for start, end in pairwise(starts)]
        return [(best[start:end], scores[start:end]) for start, end in zip(starts, ends, strict=False)]
