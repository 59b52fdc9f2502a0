"""Scores the names that have a word like one of the mention's: for indexes of up to some hundred thousand names.

Nearly all names share some trigram with a mention, and hardly any of them is for that among the most similar ones. So
words come first: the products of a word's features with those of all words of the index are exact, and kept. By those
that are not small a sparse product finds the best names, and these get their exact score, by all. :mod:`.pruned` does
the like for millions of names, under budgets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..arrays import ranges
from .masks import MadeOfMasks, by_mask
from .products import largest_products
from .sparse import Mask, Scored, Words, keep_entries, rows_of
from .weights import FeatureWeights
from .word_rows import WordRows

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_MIN_COSINE = 0.08
"""How similar a word must be to find names by."""

_SPARE = 1.25
_MIN_RESCORED = 60
"""How many bags get their exact score, for each that is wanted; and how many at least."""


class ThoroughSearch:
    """Searches an index whose words can all be compared with a mention's.

    Args:
        weights: What features count.
        word_lengths: The length of each word's features, shape (n_words,).
        feature_words: The features of words, features by words, weighed by inverse document frequency.
        word_bags: Postings, words by bags; each entry is 1 / the bag's length.
        bag_words: The words of each bag: where those of a bag start, shape (n_bags + 1,), and the words.
        bag_lengths: The length of each bag's features, shape (n_bags,).
    """

    def __init__(
        self,
        weights: FeatureWeights,
        word_lengths: NDArray[np.float32],
        feature_words: csr_matrix,
        word_bags: csr_matrix,
        bag_words: tuple[NDArray[np.int32], NDArray[np.int32]],
        bag_lengths: NDArray[np.float32],
    ) -> None:
        self._weights = weights
        self._word_lengths = word_lengths
        self._feature_words = feature_words
        self._word_bags = word_bags
        self._bag_words = bag_words
        self._bag_lengths = bag_lengths
        self.forget_words()
        self._allowed = MadeOfMasks(self._allow)

    def score(
        self,
        mentions: Sequence[Words],
        top_n: int,
        *,
        masks: Sequence[Mask | None] | None = None,
        exhaustive: bool = False,
    ) -> Scored:
        """Find and score bags.

        Args:
            mentions: The words of each mention.
            top_n: How many bags are wanted for each.
            masks: For each mention, which bags may be found, shape (n_bags,), or None for all.
            exhaustive: Whether to look at all bags that share a feature with the mention.

        Returns:
            Bags and their cosines, for each mention more than are wanted or all that were found.
        """
        if not any(mentions):
            return Scored.nothing()
        _, lengths = self._weights.weigh(mentions)
        count = max(int(_SPARE * top_n), _MIN_RESCORED)
        products, likely = self._rows.find(mentions)
        found = self._find(products if exhaustive else likely, count, masks)
        if not exhaustive:
            found = found._replace(scores=self._exact(products.toarray(), found.mentions, found.items))
        return found._replace(scores=found.scores / lengths[found.mentions])

    def forget_words(self) -> None:
        """Let go of what is kept of the words of mentions."""
        self._rows = WordRows(self._compare, len(self._word_lengths))

    def _find(self, words: csr_matrix, count: int, masks: Sequence[Mask | None] | None) -> Scored:
        """Return the bags with the highest sums of their words' products, divided by their lengths."""
        if masks is None:
            found = largest_products(words, self._word_bags, count)
            return Scored(rows_of(found), found.indices.astype(np.int64), found.data)
        parts = []
        for mask, places in by_mask(masks):
            found = largest_products(words[places], self._word_bags if mask is None else self._allowed.get(mask), count)
            parts.append((places[rows_of(found)], found.indices.astype(np.int64), found.data))
        mentions, bags, scores = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(mentions, kind="stable")
        return Scored(mentions[order], bags[order], scores[order])

    def _compare(self, words: Sequence[str]) -> tuple[csr_matrix, csr_matrix]:
        """Return the products of words with all words of the index, (n_words, n_all): each, and the likely ones."""
        vectors, lengths = self._weights.weigh([(word,) for word in words])
        products = vectors @ self._feature_words
        cosines = products.data / (lengths[rows_of(products)] * self._word_lengths[products.indices])
        return products, keep_entries(products, cosines > _MIN_COSINE)

    def _allow(self, mask: Mask) -> csr_matrix:
        """Return the postings of the bags of a mask."""
        postings = self._word_bags
        return keep_entries(postings, mask[postings.indices])

    def _exact(
        self, products: NDArray[np.float32], rows: NDArray[np.int64], bags: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return the products of mentions with bags of the length 1.

        Args:
            products: Of mentions with words, (n_mentions, n_words).
            rows: Rows of mentions, shape (n,).
            bags: A bag for each of them.
        """
        if not len(bags):
            return np.empty(0, np.float32)
        starts, words = self._bag_words
        sizes = starts[bags + 1] - starts[bags]
        entries = words[ranges(starts[bags], sizes)] + np.repeat(rows * products.shape[1], sizes)
        return np.add.reduceat(products.ravel()[entries], np.cumsum(sizes) - sizes) / self._bag_lengths[bags]
