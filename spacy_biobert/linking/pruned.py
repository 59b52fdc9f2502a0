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

from .similar import SimilarWords
from .sparse import Mask, Scored, Words, choose_within, count_words, find_codes, make_csr, ranges, rows_of
from .terms import pair_codes

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# Chosen on names made like those of UMLS, see benchmarks/linking_scale.py.
_MAX_FREQUENT = 12
"""How many frequent words of a mention are paired, those that add most to the score."""

_BAG_POSTINGS = 40_000
"""How many names are looked at for each mention, those with the most telling terms first."""

_RESCORED = 7
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
        found = [Scored.nothing()]
        for row, mask in enumerate(masks or [None] * len(mentions)):
            entries = slice(starts[row], starts[row + 1])
            # scipy's product of the two matrices, which adds up in an array of all bags, took five times as long.
            bags, places = np.unique(postings.indices[entries], return_inverse=True)
            sums = _estimate(places, kinds[entries], parts[entries], len(bags))
            bags = _largest(bags, sums, max(_RESCORED * top_n, _MIN_RESCORED), mask)
            features = slice(queries.indptr[row], queries.indptr[row + 1])
            query[queries.indices[features]] = queries.data[features]
            found.append(Scored(np.full(len(bags), row), bags.astype(np.int64), self._exact(query, bags)))
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

    def _exact(self, query: NDArray[np.float32], bags: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the cosines of bags, shape (n_bags,), with a mention's unit vector, shape (n_features,)."""
        starts, all_words = self.bag_words
        sizes = (starts[bags + 1] - starts[bags]).astype(np.int64)
        words, places = np.unique(all_words[ranges(starts[bags], sizes)], return_inverse=True)
        parts = (self.word_features[words] @ query)[places]
        return np.add.reduceat(parts, np.cumsum(sizes) - sizes) / self.bag_lengths[bags] if len(bags) else parts


def _estimate(
    places: NDArray[np.int64], kinds: NDArray[np.int8], parts: NDArray[np.float32], n_bags: int
) -> NDArray[np.float64]:
    """Return about what bags' words add to their scores, from their postings.

    A bag with f frequent words of the mention is in the postings of f (f - 1) / 2 pairs, which count each of the words
    f - 1 times, and perhaps in those of the words themselves.
    """
    sums = np.bincount(places * 3 + kinds, weights=parts, minlength=3 * n_bags).reshape(n_bags, 3)
    n_pairs = np.bincount(places[kinds == _PAIR], minlength=n_bags)
    others = np.maximum(1, (np.sqrt(1 + 8 * n_pairs) - 1) / 2)
    return sums[:, _RARE] + np.maximum(sums[:, _FREQUENT], sums[:, _PAIR] / others)


def _largest(bags: NDArray[np.int32], scores: NDArray[np.float64], count: int, mask: Mask | None) -> NDArray[np.int32]:
    """Return the allowed bags with the highest scores."""
    if mask is not None:
        allowed = mask[bags]
        bags, scores = bags[allowed], scores[allowed]
    if len(bags) <= count:
        return bags
    return bags[np.argpartition(scores, len(scores) - count)[len(scores) - count :]]
