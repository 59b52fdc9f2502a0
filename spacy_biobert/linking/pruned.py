"""Scores the names that are likely to be the most similar ones: for indexes of millions of names.

Three steps, each with a budget: for each word of the mentions, the words most like it, by its rarest features; for
each mention, the names that have the most telling ones of these; and for the best of them, the exact score.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .features import extract_features
from .sparse import (
    Mask,
    Words,
    choose_within,
    count_pairs,
    find_codes,
    keep_entries,
    make_csr,
    ranges,
    row_lengths,
    rows_of,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# Chosen on names made like those of UMLS, see benchmarks/linking_scale.py.
_WORD_POSTINGS = 5_000
"""How many words are looked at for each word of a mention, those with its rarest features first."""

_MIN_COSINE = 0.15
_MAX_WORDS = 128
"""How similar words must be, and how many of them count for each word of a mention."""

_BAG_POSTINGS = 30_000
"""How many names are looked at for each mention, those with the most telling words first."""

_MIN_RESCORED = 300
"""How many names get their exact score; twice as many as are wanted, if that is more."""


@dataclass(frozen=True)
class PrunedSearch:
    """Searches an index under budgets.

    Attributes:
        vocabulary: The codes of features, sorted, shape (n_features,).
        idf: Their inverse document frequencies, shape (n_features,).
        unknown_idf: That of a feature that no name has.
        feature_words: Postings, features by words, weighed by inverse document frequency.
        word_features: The same, words by features.
        word_lengths: The length of each word's features, shape (n_words,).
        word_bags: Postings, words by bags; each entry is 1 / the bag's length.
        bag_words: The words of each bag: where those of a bag start, shape (n_bags + 1,), and the words.
        bag_lengths: The length of each bag's features, shape (n_bags,).
    """

    vocabulary: NDArray[np.uint64]
    idf: NDArray[np.float32]
    unknown_idf: float
    feature_words: csr_matrix
    word_features: csr_matrix
    word_lengths: NDArray[np.float32]
    word_bags: csr_matrix
    bag_words: tuple[NDArray[np.int32], NDArray[np.int32]]
    bag_lengths: NDArray[np.float32]

    def score(
        self,
        mentions: Sequence[Words],
        queries: csr_matrix,
        top_n: int,
        *,
        masks: Sequence[Mask | None] | None = None,
    ) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        """Find and score bags.

        Args:
            mentions: The words of each mention.
            queries: The unit vector of each mention, mentions by features.
            top_n: How many bags are wanted for each.
            masks: For each mention, which bags may be found, shape (n_bags,), or None for all.

        Yields:
            For each mention, bags and their cosines, more than are wanted or all that were found.
        """
        found = self._telling_words(mentions) @ self.word_bags
        likely = []
        for row, mask in enumerate(masks or [None] * len(mentions)):
            entries = slice(found.indptr[row], found.indptr[row + 1])
            likely.append(_largest(found.indices[entries], found.data[entries], max(2 * top_n, _MIN_RESCORED), mask))
        sizes = np.array([len(bags) for bags in likely])
        scores = self._exact(queries, np.repeat(np.arange(len(mentions)), sizes), np.concatenate(likely))
        yield from zip(likely, np.split(scores, np.cumsum(sizes)[:-1]), strict=True)

    def _telling_words(self, mentions: Sequence[Words]) -> csr_matrix:
        """Return the words whose postings are worth reading, and what each adds to a product, mentions by words."""
        numbers: dict[str, int] = {}
        places = [numbers.setdefault(word, len(numbers)) for mention in mentions for word in mention]
        rows = np.repeat(np.arange(len(mentions)), [len(mention) for mention in mentions])
        counts = count_pairs(rows, np.array(places, dtype=np.int64), (len(mentions), len(numbers)))
        words = counts @ self._similar_words(list(numbers))
        costs = np.diff(self.word_bags.indptr)[words.indices]
        return keep_entries(words, choose_within(_BAG_POSTINGS, costs, costs / words.data**2, rows_of(words)))

    def _similar_words(self, words: list[str]) -> csr_matrix:
        """Return the products of words with the most similar ones of the index, words by words."""
        codes, rows = extract_features([(word,) for word in words])
        columns, known = find_codes(self.vocabulary, codes)
        weights = count_pairs(rows[known], columns[known], (len(words), len(self.vocabulary)))
        weights.data *= self.idf[weights.indices]
        unknown = np.bincount(rows[~known], minlength=len(words)) * self.unknown_idf**2
        lengths = np.sqrt(row_lengths(weights) ** 2 + unknown)
        costs = np.diff(self.feature_words.indptr)[weights.indices]
        rarest = keep_entries(weights, choose_within(_WORD_POSTINGS, costs, costs, rows_of(weights)))
        products = rarest @ self.feature_words
        cosines = products.data / (lengths[rows_of(products)] * self.word_lengths[products.indices])
        similar = cosines > _MIN_COSINE
        products, cosines = keep_entries(products, similar), cosines[similar]
        return keep_entries(products, choose_within(_MAX_WORDS, np.ones(len(cosines), np.int64), -cosines, rows_of(products)))

    def _exact(
        self, queries: csr_matrix, rows: NDArray[np.int64], bags: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """Return the cosines of mentions, by row, with bags; both of shape (n_pairs,), as are the cosines."""
        starts, all_words = self.bag_words
        sizes = (starts[bags + 1] - starts[bags]).astype(np.int64)
        words = all_words[ranges(starts[bags], sizes)]
        is_used = np.zeros(self.word_features.shape[0], dtype=bool)
        is_used[words] = True
        used = np.flatnonzero(is_used)
        places = np.cumsum(is_used)
        products = (queries @ self.word_features[used].T).toarray()
        parts = products[np.repeat(rows, sizes), places[words] - 1]
        ends = np.cumsum(sizes)
        return np.add.reduceat(parts, ends - sizes) / self.bag_lengths[bags] if len(bags) else parts


def _largest(
    bags: NDArray[np.int32], scores: NDArray[np.float32], count: int, mask: Mask | None
) -> NDArray[np.int32]:
    """Return the allowed bags with the highest scores."""
    if mask is not None:
        allowed = mask[bags]
        bags, scores = bags[allowed], scores[allowed]
    if len(bags) <= count:
        return bags
    return bags[np.argpartition(scores, len(scores) - count)[len(scores) - count :]]
