"""Scores the names that are likely to be the most similar ones: for indexes of millions of names.

Three steps, each with a budget: for each word of the mentions, the words most like it, see :mod:`.similar`; for each
mention, the names that have the most telling ones of these, or pairs of them, see :mod:`.terms`; and for the best of
these, the exact score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..arrays import ranges
from .similar import SimilarWords
from .sparse import Mask, Scored, Words, choose_within, count_words, find_codes, make_csr, rows_of
from .terms import pair_codes

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# Chosen on names made like those of UMLS, see benchmarks/linking_scale.py.
_MAX_FREQUENT = 12
"""How many frequent words of a mention are paired, those that add most to the score."""

_BAG_POSTINGS = 40_000
"""How many names are looked at for each mention, those with the most telling terms first."""

_RESCORED = 14
_MIN_RESCORED = 300
"""How many names get their exact score, for each that is wanted; and how many at least."""

_RARE, _FREQUENT, _PAIR = range(3)
"""Kinds of terms."""


@dataclass(frozen=True)
class PrunedSearch:
    """Searches an index under budgets.

    Attributes:
        similar: Finds the words of the index that are like a mention's.
        word_features: The features of words, words by features, weighed by inverse document frequency.
        term_bags: Postings, terms by bags; each entry is 1 / the bag's length. See :mod:`.terms`.
        frequent_words: The words that pairs are made of, ascending, shape (n_frequent,).
        pair_codes: The codes of the pairs, ascending, shape (n_pairs,).
        bag_words: The words of each bag: where those of a bag start, shape (n_bags + 1,), and the words.
        bag_lengths: The length of each bag's features, shape (n_bags,).
    """

    similar: SimilarWords
    word_features: csr_matrix
    term_bags: csr_matrix
    frequent_words: NDArray[np.int32]
    pair_codes: NDArray[np.int64]
    bag_words: tuple[NDArray[np.int32], NDArray[np.int32]]
    bag_lengths: NDArray[np.float32]

    def score(
        self,
        mentions: Sequence[Words],
        queries: csr_matrix,
        top_n: int,
        *,
        masks: Sequence[Mask | None] | None = None,
    ) -> Scored:
        """Find and score bags.

        Args:
            mentions: The words of each mention.
            queries: The unit vector of each mention, mentions by features.
            top_n: How many bags are wanted for each.
            masks: For each mention, which bags may be found, shape (n_bags,), or None for all.

        Returns:
            Bags and their cosines, for each mention more than are wanted or all that were found.
        """
        terms = self._telling_terms(mentions)
        postings = self.term_bags[terms.indices]
        sizes = np.diff(postings.indptr)
        parts = postings.data * np.repeat(terms.data, sizes)
        kinds = np.repeat(self._kinds(terms.indices), sizes)
        starts = postings.indptr[terms.indptr]
        query = np.zeros(queries.shape[1], np.float32)
        bag_places, word_places = Places(self.term_bags.shape[1]), Places(self.word_features.shape[0])
        found = [Scored.nothing()]
        for row, mask in enumerate(masks or [None] * len(mentions)):
            entries = slice(starts[row], starts[row + 1])
            firsts, is_first = bag_places.find(postings.indices[entries])
            bags = postings.indices[entries][is_first]
            sums = _estimate(firsts, kinds[entries], parts[entries])[is_first]
            bags = _largest(bags, sums, max(_RESCORED * top_n, _MIN_RESCORED), mask)
            features = slice(queries.indptr[row], queries.indptr[row + 1])
            query[queries.indices[features]] = queries.data[features]
            scores = self._exact(query, bags, word_places)
            found.append(Scored(np.full(len(bags), row), bags.astype(np.int64), scores))
            query[queries.indices[features]] = 0
        return Scored(*map(np.concatenate, zip(*found, strict=True)))

    def _kinds(self, terms: NDArray[np.int32]) -> NDArray[np.int8]:
        """Return which terms are rare words, frequent words and pairs."""
        _, frequent = find_codes(self.frequent_words, terms)
        kinds = np.where(frequent, np.int8(_FREQUENT), np.int8(_RARE))
        kinds[terms >= self.word_features.shape[0]] = _PAIR
        return kinds

    def _telling_terms(self, mentions: Sequence[Words]) -> csr_matrix:
        """Return the terms whose postings are worth reading, and what each adds to a product, mentions by terms."""
        different, counts = count_words(mentions)
        words = counts @ self.similar.find(different)
        pair_rows, pairs, pair_data = self._pairs(words)
        rows = np.concatenate([rows_of(words), pair_rows])
        terms = np.concatenate([words.indices, pairs])
        order = np.lexsort((terms, rows))
        rows, terms = rows[order], terms[order]
        data = np.concatenate([words.data, pair_data])[order]
        costs = self.term_bags.indptr[terms + 1] - self.term_bags.indptr[terms]
        chosen = choose_within(_BAG_POSTINGS, costs, costs / data**2, rows)
        starts = np.searchsorted(rows[chosen], np.arange(len(mentions) + 1)).astype(np.int32)
        return make_csr(data[chosen], terms[chosen].astype(np.int32), starts, self.term_bags.shape[0])

    def _pairs(self, words: csr_matrix) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Return the pairs of frequent words that mentions have: the mention's row, the term, what it adds."""
        places, frequent = find_codes(self.frequent_words, words.indices)
        rows, places, data = rows_of(words)[frequent], places[frequent], words.data[frequent]
        order = np.lexsort((places, rows))
        rows, places, data = rows[order], places[order], data[order]
        chosen = choose_within(_MAX_FREQUENT, np.ones(len(rows), np.int64), -data, rows)
        rows, places, data = rows[chosen], places[chosen], data[chosen]
        codes, first, second = pair_codes(rows, places, len(self.frequent_words))
        pairs, known = find_codes(self.pair_codes, codes)
        n_words = self.word_features.shape[0]
        return rows[first][known], n_words + pairs[known], (data[first] + data[second])[known]

    def _exact(self, query: NDArray[np.float32], bags: NDArray[np.int32], word_places: Places) -> NDArray[np.float32]:
        """Return the cosines of bags, shape (n_bags,), with a mention's unit vector, shape (n_features,)."""
        if not len(bags):
            return np.empty(0, np.float32)
        starts, all_words = self.bag_words
        sizes = (starts[bags + 1] - starts[bags]).astype(np.int64)
        words = all_words[ranges(starts[bags], sizes)]
        firsts, is_first = word_places.find(words)
        products = np.zeros(len(words), np.float32)
        products[is_first] = self.word_features[words[is_first]] @ query
        return np.add.reduceat(products[firsts], np.cumsum(sizes) - sizes) / self.bag_lengths[bags]


class Places:
    """Finds where numbers come again in an array, without sorting it, which takes several times as long.

    Args:
        limit: What all numbers are less than. So many places are noted, in 32 bits each.
    """

    def __init__(self, limit: int) -> None:
        # Nothing is read here that was not written before, so that nothing needs to be cleared.
        self._places = np.empty(limit, np.int32)

    def find(self, numbers: NDArray[np.int32]) -> tuple[NDArray[np.int32], Mask]:
        """Return, for each number, one place that stands for all where that number is; and whether it is this one."""
        here = np.arange(len(numbers), dtype=np.int32)
        self._places[numbers] = here
        chosen = self._places[numbers]
        return chosen, chosen == here


def _estimate(places: NDArray[np.int32], kinds: NDArray[np.int8], parts: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return about what bags' words add to their scores, from their postings, in the places that stand for the bags.

    A bag with f frequent words of the mention is in the postings of f (f - 1) / 2 pairs, which count each of the words
    f - 1 times, and perhaps in those of the words themselves.
    """
    n_places = len(places)
    rare, frequent, pairs = (
        np.bincount(places[of_kind], weights=parts[of_kind], minlength=n_places)
        for of_kind in (kinds == kind for kind in (_RARE, _FREQUENT, _PAIR))
    )
    n_pairs = np.bincount(places[kinds == _PAIR], minlength=n_places)
    others = np.maximum(1, (np.sqrt(1 + 8 * n_pairs) - 1) / 2)
    return rare + np.maximum(frequent, pairs / others)


def _largest(bags: NDArray[np.int32], scores: NDArray[np.float64], count: int, mask: Mask | None) -> NDArray[np.int32]:
    """Return the allowed bags with the highest scores."""
    if mask is not None:
        allowed = mask[bags]
        bags, scores = bags[allowed], scores[allowed]
    if len(bags) <= count:
        return bags
    return bags[np.argpartition(scores, len(scores) - count)[len(scores) - count :]]
