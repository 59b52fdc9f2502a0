"""Scores every name that shares a feature with a mention: exact, for indexes of up to some hundred thousand names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .sparse import make_csr

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_BLOCK_SCORES = 1 << 18
"""How many scores are computed at once: 1 MB, so that they stay in a processor's cache while postings are added."""


def score_all(words: csr_matrix, word_bags: csr_matrix) -> Iterator[NDArray[np.float32]]:
    """Score all bags for each mention.

    Args:
        words: What each word adds to a mention's product with a name, mentions by words.
        word_bags: The words' postings, words by bags; each entry is 1 / the bag's length.

    Yields:
        For each mention, the cosine with each bag, shape (n_bags,).
    """
    n_mentions, n_bags = words.shape[0], word_bags.shape[1]
    at_once = max(1, _BLOCK_SCORES // n_bags)
    for first in range(0, n_mentions, at_once):
        n_rows = min(at_once, n_mentions - first)
        entries = slice(words.indptr[first], words.indptr[first + n_rows])
        postings = word_bags[words.indices[entries]]
        # The scores of all rows lie one after another, which makes of several products one. scipy's product of two
        # sparse matrices took ten times as long: a mention meets a good part of all bags.
        n_postings = np.diff(postings.indptr[words.indptr[first : first + n_rows + 1] - words.indptr[first]])
        postings.indices += np.repeat(np.arange(n_rows, dtype=postings.indices.dtype) * n_bags, n_postings)
        flat = make_csr(postings.data, postings.indices, postings.indptr, n_rows * n_bags)
        scores = flat.T @ words.data[entries]
        yield from scores.reshape(n_rows, n_bags)
