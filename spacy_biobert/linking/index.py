"""Look-up of names: exact by normalised words, and by TF-IDF over trigrams and words.

The index is a set of arrays that are memory-mapped: opening it reads nothing, and processes share it. The search is
exhaustive: what is scored is every name that shares a feature with the mention, by scipy's product of the features'
postings with the mention's weights. One thread: what is left to Python made two slower than one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import Errors
from .features import extract_features, hash_key

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Words = tuple[str, ...]
Mask = NDArray[np.bool_]

ARRAY_FILES = {
    array: f"index_{array}.npy"
    for array in ("vocabulary", "idf", "indptr", "postings", "weights", "exact_keys", "exact_names")
}
"""The file of each array of the index."""

SCORE_DECIMALS = 4
"""Scores are rounded, so that names with the same features tie whatever the order of additions was."""


class Match(NamedTuple):
    """Names like one mention: rows of names and their scores, both of shape (n,), in no particular order."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


class NameIndex:
    """Finds names that are like a mention. Made by :func:`build_index`, opened from the folder that it wrote.

    Args:
        folder: Where the arrays lie.
        n_names: Number of names that were indexed.

    Raises:
        ValueError: An array cannot be read.
    """

    def __init__(self, folder: Path, n_names: int) -> None:
        arrays = {array: load_array(folder / file) for array, file in ARRAY_FILES.items()}
        self._vocabulary = arrays["vocabulary"]
        self._idf = arrays["idf"]
        self._unknown_idf = float(_idf(np.zeros(1), n_names)[0])
        self._exact_keys = arrays["exact_keys"]
        self._exact_names = arrays["exact_names"]
        try:
            self._postings = _csr(arrays["weights"], arrays["postings"], arrays["indptr"], n_names)
        except ValueError as error:
            raise ValueError(Errors.B203.format(path=folder, reason=f"the index is inconsistent: {error}")) from error

    def exact(self, mentions: Sequence[Words]) -> list[NDArray[np.int64]]:
        """Return, for each mention's words, the rows of the names with the same words in any order."""
        keys = np.fromiter((hash_key(words) for words in mentions), dtype=np.uint64, count=len(mentions))
        starts = np.searchsorted(self._exact_keys, keys, side="left")
        ends = np.searchsorted(self._exact_keys, keys, side="right")
        return [
            np.asarray(self._exact_names[start:end], dtype=np.int64) if words else np.empty(0, np.int64)
            for words, start, end in zip(mentions, starts, ends, strict=True)
        ]

    def search(
        self, mentions: Sequence[Words], top_n: int, *, masks: Sequence[Mask | None] | None = None
    ) -> list[Match]:
        """Return, for each mention's words, the names with the highest cosine.

        Args:
            mentions: The words of each mention.
            top_n: How many names: all whose score is at least that of the one in this place, so that ties are whole.
            masks: For each mention, which names may be found, shape (n_names,), or None for all.

        Returns:
            One match for each mention; empty where no name has a feature of the mention.
        """
        queries = self._vectorize(mentions)
        matches = []
        for row, (first, last) in enumerate(pairwise(queries.indptr)):
            # One score for each name. A sparse product of the whole batch took three times as long: most mentions
            # share a frequent trigram with a third of all names.
            scores = self._postings[queries.indices[first:last]].T @ queries.data[first:last]
            matches.append(_best(scores, top_n, masks[row] if masks else None))
        return matches

    def _vectorize(self, mentions: Sequence[Words]) -> csr_matrix:
        """Return the mentions' unit vectors, shape (n_mentions, n_features)."""
        codes, rows = extract_features(mentions)
        columns, known = _columns(self._vocabulary, codes)
        # A feature that no name has counts for the length all the same, or "Xyz disease" would be "disease".
        unknown = np.bincount(rows[~known], minlength=len(mentions)) * self._unknown_idf**2
        counts = _count(columns[known], rows[known], (len(mentions), len(self._vocabulary)))
        return _unit_rows(counts, self._idf, extra=unknown)


def build_index(folder: Path, blocks: Iterable[Sequence[Words]], again: Iterable[Sequence[Words]]) -> None:
    """Index names.

    Args:
        folder: Where to write the arrays.
        blocks: The words of all names, in blocks: names are never all in memory.
        again: The same once more: how rare a feature is must be known before a name is weighed.

    Raises:
        ValueError: No name has a word.
    """
    vocabulary = np.empty(0, np.uint64)
    frequencies = np.empty(0, np.int64)
    keys: list[NDArray[np.uint64]] = []
    n_names = 0
    for block in blocks:
        codes, rows = extract_features(block)
        columns, inverse = np.unique(codes, return_inverse=True)
        counts = _count(inverse, rows, (len(block), len(columns)))
        vocabulary, frequencies = _merge(
            vocabulary, frequencies, columns, np.bincount(counts.indices, minlength=len(columns))
        )
        keys.append(np.fromiter((hash_key(words) if words else 0 for words in block), np.uint64, count=len(block)))
        n_names += len(block)
    if not len(vocabulary):
        raise ValueError(Errors.B215)
    idf = _idf(frequencies, n_names)
    postings = _transposed(_weighted_blocks(again, vocabulary, idf))
    all_keys = np.concatenate(keys)
    order = np.argsort(all_keys, kind="stable")
    arrays = {
        "vocabulary": vocabulary,
        "idf": idf,
        "indptr": postings.indptr,
        "postings": postings.indices,
        "weights": postings.data,
        "exact_keys": all_keys[order],
        "exact_names": order.astype(np.int32),
    }
    for array, file in ARRAY_FILES.items():
        np.save(folder / file, arrays[array], allow_pickle=False)


def load_array(path: Path) -> NDArray:
    """Memory-map an array, read-only.

    Raises:
        ValueError: The file is no array.
    """
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(Errors.B203.format(path=path.parent, reason=f"{path.name}: {error}")) from error


def _best(scores: NDArray[np.float32], top_n: int, mask: Mask | None) -> Match:
    """Return the rows with the highest of the scores, which are one for each name."""
    if mask is not None:
        scores = np.where(mask, scores, np.float32(0))
    # Comparing is much faster than selecting, and mostly enough names have a third of the best score.
    best_score = scores.max()
    for share in (0.3, 0.1, 0.0):
        rows = np.flatnonzero(scores > share * best_score)
        if len(rows) >= top_n:
            break
    best = np.minimum(np.round(scores[rows], SCORE_DECIMALS), np.float32(1))
    if len(rows) > top_n:
        chosen = best >= np.partition(best, len(best) - top_n)[len(best) - top_n]
        rows, best = rows[chosen], best[chosen]
    return Match(rows, best)


def _columns(vocabulary: NDArray[np.uint64], codes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], Mask]:
    """Return each code's place in the vocabulary, and whether it is there."""
    columns = np.minimum(np.searchsorted(vocabulary, codes), len(vocabulary) - 1)
    return columns, vocabulary[columns] == codes


def _count(columns: NDArray[np.int64], rows: NDArray[np.int64], shape: tuple[int, int]) -> csr_matrix:
    """Return how often each row has each column."""
    from scipy.sparse import coo_matrix

    # Adds up what is there twice.
    return coo_matrix((np.ones(len(columns), np.float32), (rows, columns)), shape=shape).tocsr()


def _csr(data: NDArray, indices: NDArray, indptr: NDArray, n_columns: int) -> csr_matrix:
    # scipy takes 60 ms to import, and spaCy imports this room for every pipeline.
    from scipy.sparse import csr_matrix

    return csr_matrix((data, indices, indptr), shape=(len(indptr) - 1, n_columns), copy=False)


def _idf(frequencies: NDArray, n_names: int) -> NDArray[np.float32]:
    return (np.log((1 + n_names) / (1 + frequencies)) + 1).astype(np.float32)


def _merge(
    codes: NDArray[np.uint64], counts: NDArray[np.int64], new_codes: NDArray[np.uint64], new_counts: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Add counts by code; the codes that come out are sorted."""
    merged, inverse = np.unique(np.concatenate([codes, new_codes]), return_inverse=True)
    total = np.bincount(inverse, weights=np.concatenate([counts, new_counts]), minlength=len(merged))
    return merged, total.astype(np.int64)


def _transposed(blocks: Iterable[csr_matrix]) -> csr_matrix:
    """Turn blocks of rows, names by features, into postings, features by names."""
    from scipy.sparse import vstack

    return vstack(list(blocks), format="csr").T.tocsr()


def _unit_rows(counts: csr_matrix, idf: NDArray[np.float32], *, extra: NDArray | None = None) -> csr_matrix:
    """Weigh counts by inverse document frequency and give each row the length 1.

    ``extra`` is added to the square of each row's length, shape (n_rows,).
    """
    weights = counts.data * idf[counts.indices]
    n_entries = np.diff(counts.indptr)
    rows = np.repeat(np.arange(counts.shape[0]), n_entries)
    squares = np.bincount(rows, weights=weights.astype(np.float64) ** 2, minlength=counts.shape[0])
    lengths = np.sqrt(squares if extra is None else squares + extra)
    lengths[lengths == 0] = 1.0
    data = (weights / np.repeat(lengths, n_entries)).astype(np.float32)
    return _csr(data, counts.indices, counts.indptr, counts.shape[1])


def _weighted_blocks(
    blocks: Iterable[Sequence[Words]], vocabulary: NDArray[np.uint64], idf: NDArray[np.float32]
) -> Iterator[csr_matrix]:
    for block in blocks:
        codes, rows = extract_features(block)
        columns, _ = _columns(vocabulary, codes)
        yield _unit_rows(_count(columns, rows, (len(block), len(vocabulary))), idf)
