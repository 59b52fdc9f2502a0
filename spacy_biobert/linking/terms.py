"""Postings that stay short however many names there are: what a pruned search reads.

The names that are most like a mention are among the shortest that have its telling words, or have several of its words.
So a *term* is a word, with the shortest names that have it; or, since the words that mentions and names share are often
frequent ones ("chronic kidney disease"), a pair of frequent words, with the shortest names that have both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..arrays import ranges
from .sparse import Mask, make_csr, rows_of

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MAX_POSTINGS = 1_000
"""How many bags a term keeps. A word that more bags have is a frequent word."""

_MAX_FREQUENT = 1 << 15
_BLOCK = 500_000


def build_terms(
    bag_words: csr_matrix, bag_lengths: NDArray[np.float64]
) -> tuple[csr_matrix, NDArray[np.int32], NDArray[np.int64]]:
    """Make the terms of an index.

    Args:
        bag_words: The words of each bag, bags by words.
        bag_lengths: The length of each bag's features, shape (n_bags,).

    Returns:
        Postings, terms by bags, each entry 1 / the bag's length: the terms are all words, by their numbers, then pairs;
        the numbers of the frequent words, ascending; and the codes of the pairs, ascending, see :func:`pair_codes`.
    """
    n_bags, n_words = bag_words.shape
    counts = np.bincount(bag_words.indices, minlength=n_words)
    n_frequent = min(_MAX_FREQUENT, int(np.sum(counts > MAX_POSTINGS)))
    frequent = np.sort(np.argsort(-counts, kind="stable")[:n_frequent]).astype(np.int32)
    by_length = np.argsort(bag_lengths, kind="stable")
    ranks = np.empty(n_bags, np.uint64)
    ranks[by_length] = np.arange(n_bags, dtype=np.uint64)
    # A posting is a number: its term in the upper half, the bag's rank in the lower one. Sorting sorts by both.
    words = _shortest([bag_words.indices.astype(np.uint64) << np.uint64(32) | ranks[rows_of(bag_words)]])
    pairs = _shortest(list(_pair_postings(bag_words, frequent, ranks)))
    codes, first_of_pair = np.unique(pairs >> np.uint64(32), return_index=True)
    _, first_of_word = np.unique(words >> np.uint64(32), return_index=True)
    starts = np.concatenate([first_of_word, len(words) + first_of_pair, [len(words) + len(pairs)]])
    bags = by_length[np.concatenate([words, pairs]) & np.uint64(0xFFFFFFFF)].astype(np.int32)
    postings = make_csr((1 / bag_lengths[bags]).astype(np.float32), bags, starts.astype(np.int32), n_bags)
    return postings, frequent, codes.astype(np.int64)


def pair_codes(
    rows: NDArray[np.int64], words: NDArray[np.int64], n_frequent: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Pair the frequent words of each row.

    Args:
        rows: The row of each entry, ascending, shape (n_entries,).
        words: The place of each entry's word among the frequent ones, ascending within a row.
        n_frequent: How many frequent words there are.

    Returns:
        For each pair its code, and the two entries that it is of; all of shape (n_pairs,).
    """
    ends = np.searchsorted(rows, rows, side="right")
    following = np.arange(len(rows)) + 1
    first = np.repeat(following - 1, ends - following)
    second = ranges(following, ends - following)
    return words[first] * n_frequent + words[second], first, second


def _pair_postings(
    bag_words: csr_matrix, frequent: NDArray[np.int32], ranks: NDArray[np.uint64]
) -> Iterator[NDArray[np.uint64]]:
    """Yield, in blocks of bags, the postings of all pairs of frequent words."""
    n_frequent = len(frequent)
    places = np.full(bag_words.shape[1], -1, np.int64)
    places[frequent] = np.arange(n_frequent)
    for start in range(0, bag_words.shape[0], _BLOCK):
        block = bag_words[start : start + _BLOCK]
        found = places[block.indices]
        kept: Mask = found >= 0
        # Sorted, and each word of a bag once.
        entries = np.unique(rows_of(block)[kept] * max(1, n_frequent) + found[kept])
        rows, words = np.divmod(entries, max(1, n_frequent))
        codes, first, _ = pair_codes(rows, words, n_frequent)
        yield _shortest([codes.astype(np.uint64) << np.uint64(32) | ranks[start + rows[first]]])


def _shortest(postings: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """Return the first postings of each term, sorted."""
    merged = np.concatenate(postings)
    merged.sort()
    terms = merged >> np.uint64(32)
    # All but those that come so many places after another posting of the same term.
    kept = np.ones(len(merged), dtype=bool)
    kept[MAX_POSTINGS:] = terms[MAX_POSTINGS:] != terms[:-MAX_POSTINGS]
    return merged[kept]
