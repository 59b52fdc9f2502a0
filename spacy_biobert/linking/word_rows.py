"""Keeps what was computed of words: the words of mentions come again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .sparse import Words, make_csr

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MAX_ENTRIES = 4_000_000
"""How many entries of rows are kept, in 32 MB."""

_Row = tuple[NDArray[np.int32], NDArray[np.float32]]
"""Columns and what is in them."""


class WordRows:
    """Sparse rows of words, and their sums over the words of mentions. Several threads may use it.

    Args:
        compute: Returns one or several matrices of shape (n_words, n_columns) for different words. What a word gets
            must not depend on the others.
        n_columns: The number of columns.
    """

    def __init__(self, compute: Callable[[Sequence[str]], Sequence[csr_matrix]], n_columns: int) -> None:
        self._compute = compute
        self._n_columns = n_columns
        self._kept: dict[str, tuple[_Row, ...]] = {}
        self._n_entries = 0

    def find(self, mentions: Sequence[Words]) -> list[csr_matrix]:
        """Return, of each matrix, the sum of the rows of each mention's words, (n_mentions, n_columns).

        A column may be there several times in a row, and then counts as the sum.
        """
        words = [word for mention in mentions for word in mention]
        rows = self._rows(words)
        starts = np.cumsum([0, *map(len, mentions)])
        return [self._join(matrix, starts) for matrix in zip(*map(rows.__getitem__, words), strict=True)]

    def _rows(self, words: Sequence[str]) -> dict[str, tuple[_Row, ...]]:
        known = self._kept
        missing = [word for word in dict.fromkeys(words) if word not in known]
        if not missing:
            return known
        rows = {word: known[word] for word in words if word in known}
        matrices = self._compute(missing)
        new = dict(zip(missing, zip(*map(_split, matrices), strict=True), strict=True))
        n_new = sum(matrix.nnz for matrix in matrices)
        if self._n_entries + n_new > MAX_ENTRIES:
            # Another dictionary, since other threads may read this one.
            self._kept, self._n_entries = {}, 0
        self._kept.update(new)
        self._n_entries += n_new
        return rows | new

    def _join(self, rows: Sequence[_Row], starts: NDArray[np.int64]) -> csr_matrix:
        ends = np.cumsum([0, *(len(data) for _, data in rows)])
        return make_csr(
            np.concatenate([data for _, data in rows]),
            np.concatenate([columns for columns, _ in rows]),
            ends[starts].astype(np.int32),
            self._n_columns,
        )


def _split(matrix: csr_matrix) -> list[_Row]:
    """Return the rows of a matrix as copies, or each would keep the whole alive."""
    starts, ends = matrix.indptr[:-1].tolist(), matrix.indptr[1:].tolist()
    return [
        (matrix.indices[start:end].copy(), matrix.data[start:end].copy())
        for start, end in zip(starts, ends, strict=True)
    ]
