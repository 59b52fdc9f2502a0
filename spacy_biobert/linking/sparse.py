"""What building an index and searching it share: sparse matrices, look-up in sorted arrays, ranges, budgets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import Errors

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Words = tuple[str, ...]
Mask = NDArray[np.bool_]


class Scored(NamedTuple):
    """What was found for mentions, all in arrays of shape (n,): a container for each mention would cost more.

    Attributes:
        mentions: The row of the mention, ascending.
        items: The row of the bag, or of the name.
        scores: Its score.
    """

    mentions: NDArray[np.int64]
    items: NDArray[np.int64]
    scores: NDArray

    @classmethod
    def nothing(cls) -> Scored:
        """Return that nothing was found."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))

    def keep(self, kept: Mask) -> Scored:
        """Return some of it; ``kept`` has the shape (n,)."""
        return Scored(self.mentions[kept], self.items[kept], self.scores[kept])


# scipy takes 60 ms to import, and spaCy imports this for every pipeline: functions import it, modules do not.


def load_array(path: Path, *, writable: bool = False) -> NDArray:
    """Memory-map an array, read-only.

    Args:
        path: The file.
        writable: Whether the array is one that could be written to, for libraries that refuse others. What is written
            never reaches the file, and processes share the pages that none has written to.

    Raises:
        ValueError: The file is no array.
    """
    try:
        return np.asarray(np.load(path, mmap_mode="c" if writable else "r", allow_pickle=False))
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(Errors.B203.format(path=path.parent, reason=f"{path.name}: {error}")) from error


def make_csr(data: NDArray, indices: NDArray, indptr: NDArray, n_columns: int) -> csr_matrix:
    """Make a matrix of arrays without copying them: memory-mapped ones stay so.

    Raises:
        ValueError: The arrays do not fit each other.
    """
    from scipy.sparse import csr_matrix

    return csr_matrix((data, indices, indptr), shape=(len(indptr) - 1, n_columns), copy=False)


def count_pairs(rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, int]) -> csr_matrix:
    """Return how often each row has each column."""
    from scipy.sparse import coo_matrix

    # Adds up what is there twice.
    return coo_matrix((np.ones(len(columns), np.float32), (rows, columns)), shape=shape).tocsr()


def count_words(mentions: Sequence[Words]) -> tuple[list[str], csr_matrix]:
    """Return the different words of mentions, and how often each mention has each, (n_mentions, n_words).

    They are in the alphabet's order, in which what is found for a mention's words is added up: it does not depend on
    the other mentions.
    """
    words = sorted({word for mention in mentions for word in mention})
    numbers = {word: number for number, word in enumerate(words)}
    places = np.array([numbers[word] for mention in mentions for word in mention], dtype=np.int64)
    rows = np.repeat(np.arange(len(mentions)), [len(mention) for mention in mentions])
    return words, count_pairs(rows, places, (len(mentions), len(words)))


def find_codes(vocabulary: NDArray, codes: NDArray) -> tuple[NDArray[np.int64], Mask]:
    """Return each code's place in the vocabulary, which is sorted, and whether it is there."""
    places = np.searchsorted(vocabulary, codes)
    known = places < len(vocabulary)
    known[known] = vocabulary[places[known]] == codes[known]
    places[~known] = 0
    return places, known


def rows_of(matrix: csr_matrix) -> NDArray[np.int64]:
    """Return the row of each entry, shape (n_entries,)."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def row_lengths(matrix: csr_matrix) -> NDArray[np.float64]:
    """Return the Euclidean length of each row, shape (n_rows,)."""
    return np.sqrt(np.bincount(rows_of(matrix), weights=matrix.data.astype(np.float64) ** 2, minlength=matrix.shape[0]))


def keep_entries(matrix: csr_matrix, kept: Mask) -> csr_matrix:
    """Return a matrix with some of its entries only; ``kept`` has the shape (n_entries,)."""
    counts = np.concatenate([[0], np.cumsum(kept)])
    return make_csr(matrix.data[kept], matrix.indices[kept], counts[matrix.indptr].astype(np.int32), matrix.shape[1])


def choose_within(budget: int, costs: NDArray, order: NDArray, groups: NDArray[np.int64]) -> Mask:
    """Choose entries of each group while their costs add up to no more than a budget.

    Args:
        budget: For each group. The group's first entry in order is chosen whatever it costs.
        costs: What each entry costs, shape (n_entries,).
        order: In which order the entries of a group are looked at, lowest first, shape (n_entries,).
        groups: The group of each entry, ascending, shape (n_entries,).

    Returns:
        Which entries are chosen, shape (n_entries,).
    """
    by_order = np.argsort(order, kind="stable")
    # numpy sorts short integers by counting, which makes this twice as fast as `lexsort`.
    short = groups.astype(np.int16) if len(groups) and groups[-1] < 1 << 15 else groups
    by_group = by_order[np.argsort(short[by_order], kind="stable")]
    totals = np.concatenate([[0], np.cumsum(costs[by_group], dtype=np.int64)])
    firsts = np.searchsorted(groups, groups)
    chosen = np.empty(len(costs), dtype=bool)
    chosen[by_group] = (totals[1:] - totals[firsts] <= budget) | (firsts == np.arange(len(firsts)))
    return chosen
