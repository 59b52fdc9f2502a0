"""Finds the words of an index that are like a word: slips of the pen, endings, compounds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .recent import Recent
from .sparse import choose_within, keep_entries, make_csr, rows_of
from .weights import FeatureWeights

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# Chosen on names made like those of UMLS, see benchmarks/linking_scale.py.
_POSTINGS = 4_000
"""How many words are looked at for a word, those with its rarest grams first."""

_MIN_COSINE = 0.12
_MAX_WORDS = 40
"""How similar words must be, and how many of them count."""

_MAX_KEPT = 1 << 15
"""For how many words the outcome is kept, in up to 30 MB: most words come again."""

_Entries = tuple[NDArray[np.int32], NDArray[np.float32]]
"""Columns and values of a row."""


class SimilarWords:
    """Finds similar words.

    Words are similar if they share rare grams, see :func:`.extract_grams`; that is an estimate of their similarity by
    the features that scores are made of.

    Args:
        weights: What features count.
        word_lengths: The length of each word's features, shape (n_words,).
        grams: What grams count.
        gram_words: Postings, grams by words, each entry the gram's part of the word's unit vector.
    """

    def __init__(
        self,
        weights: FeatureWeights,
        word_lengths: NDArray[np.float32],
        grams: FeatureWeights,
        gram_words: csr_matrix,
    ) -> None:
        self._weights = weights
        self._word_lengths = word_lengths
        self._grams = grams
        self._gram_words = gram_words
        self._kept: Recent[str, _Entries] = Recent(_MAX_KEPT)

    def find(self, words: Sequence[str]) -> csr_matrix:
        """Find what is like each of some words.

        Returns:
            About the product of each word's features with those of the words of the index that are most like it, one
            row for each word, one column for each word of the index.
        """
        rows = self._kept.look_up_in_order(words, self._find_new)
        return make_csr(
            np.concatenate([np.empty(0, np.float32), *(data for _, data in rows)]),
            np.concatenate([np.empty(0, np.int32), *(indices for indices, _ in rows)]),
            np.cumsum([0, *(len(indices) for indices, _ in rows)], dtype=np.int32),
            len(self._word_lengths),
        )

    def _find_new(self, words: Sequence[str]) -> list[_Entries]:
        """Return the entries of each word's row; copies, so that one that is kept does not keep the others alive."""
        found = self._search(words)
        entries = [slice(start, end) for start, end in pairwise(found.indptr)]
        return [(found.indices[some].copy(), found.data[some].copy()) for some in entries]

    def _search(self, words: Sequence[str]) -> csr_matrix:
        names = [(word,) for word in words]
        grams, gram_lengths = self._grams.weigh(names)
        grams.data /= np.repeat(gram_lengths, np.diff(grams.indptr))
        costs = self._gram_words.indptr[grams.indices + 1] - self._gram_words.indptr[grams.indices]
        found = keep_entries(grams, choose_within(_POSTINGS, costs, costs, rows_of(grams))) @ self._gram_words
        found = keep_entries(found, found.data > _MIN_COSINE)
        ones = np.ones(len(found.data), np.int64)
        found = keep_entries(found, choose_within(_MAX_WORDS, ones, -found.data, rows_of(found)))
        _, lengths = self._weights.weigh(names)
        found.data *= lengths[rows_of(found)] * self._word_lengths[found.indices]
        return found
