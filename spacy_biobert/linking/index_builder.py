"""Builds the index of names. :mod:`.index` says what it consists of.

What grows with the number of names are a key of 64 bits for each and the numbers of its words; features are counted for
words, of which there are far fewer, and summed over the words of a name. Eight million names take some minutes and
two gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import Errors
from .features import FIRST_WORD_CODE, extract_features, hash_key
from .sparse import Words, count_pairs, find_codes, inverse_document_frequency, make_csr, ranges, row_lengths, rows_of

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MATRICES = ("feature_words", "word_features", "word_bags")

ARRAY_FILES = {
    array: f"index_{array}.npy"
    for array in (
        "vocabulary",
        "idf",
        "word_lengths",
        "sorted_keys",
        "bag_of_key",
        "bag_starts",
        "bag_names",
        "bag_lengths",
        *(f"{matrix}_{part}" for matrix in MATRICES for part in ("indptr", "indices", "data")),
        "bag_words_indptr",
        "bag_words_indices",
    )
}
"""The file of each array of the index."""

_BLOCK = 50_000
"""How many words or bags get their features at once."""


def build_index(folder: Path, blocks: Iterable[Sequence[Words]]) -> None:
    """Index names.

    Args:
        folder: Where to write the arrays.
        blocks: The words of all names, in blocks: names are never all in memory.

    Raises:
        ValueError: No name has a word.
    """
    numbers, words, sizes, keys = _read(blocks)
    if not numbers:
        raise ValueError(Errors.B215)
    vocabulary, word_features, word_places = _word_features(list(numbers))
    # Names with the same words are one bag. Bags are numbered as their first names are, so that those of a concept, which
    # are alike, are neighbours: a search then stays in few lines of the processor's cache.
    names = np.flatnonzero(sizes)
    sorted_keys, firsts, bag_of_name = np.unique(keys[names], return_index=True, return_inverse=True)
    bag_of_key = np.argsort(np.argsort(firsts)).astype(np.int32)
    firsts = np.sort(firsts)
    bag_of_name = bag_of_key[bag_of_name]
    bag_starts = np.concatenate([[0], np.cumsum(np.bincount(bag_of_name))])
    bag_sizes = sizes[names[firsts]]
    word_starts = (np.cumsum(sizes) - sizes)[names[firsts]]
    bag_words = make_csr(
        np.ones(bag_sizes.sum(), np.float32),
        word_places[words[ranges(word_starts, bag_sizes)]],
        np.concatenate([[0], np.cumsum(bag_sizes)]).astype(np.int32),
        word_features.shape[0],
    )
    idf = inverse_document_frequency(_frequencies(bag_words, word_features, np.diff(bag_starts)), len(sizes))
    bag_lengths = np.concatenate([row_lengths(_weighted(block, idf)) for block in _products(bag_words, word_features)])
    weighted = _weighted(word_features, idf)
    bag_words.data = (1 / np.repeat(bag_lengths, bag_sizes)).astype(np.float32)
    matrices = dict(zip(MATRICES, (weighted.T.tocsr(), weighted, bag_words.T.tocsr()), strict=True))
    arrays = {
        "vocabulary": vocabulary,
        "idf": idf,
        "word_lengths": row_lengths(weighted).astype(np.float32),
        "sorted_keys": sorted_keys,
        "bag_of_key": bag_of_key,
        "bag_starts": bag_starts.astype(np.int32),
        "bag_names": names[np.argsort(bag_of_name, kind="stable")].astype(np.int32),
        "bag_lengths": bag_lengths.astype(np.float32),
        "bag_words_indptr": bag_words.indptr,
        "bag_words_indices": bag_words.indices,
        **{f"{name}_indptr": matrix.indptr for name, matrix in matrices.items()},
        **{f"{name}_indices": matrix.indices for name, matrix in matrices.items()},
        **{f"{name}_data": matrix.data for name, matrix in matrices.items()},
    }
    for array, file in ARRAY_FILES.items():
        np.save(folder / file, arrays[array], allow_pickle=False)


def _read(
    blocks: Iterable[Sequence[Words]],
) -> tuple[dict[str, int], NDArray[np.int32], NDArray[np.int64], NDArray[np.uint64]]:
    """Return the number of each word, the numbers of the names' words, and each name's number of words and key."""
    numbers: dict[str, int] = {}
    words, sizes, keys = [np.empty(0, np.int32)], [np.empty(0, np.int64)], [np.empty(0, np.uint64)]
    for block in blocks:
        places = [numbers.setdefault(word, len(numbers)) for name in block for word in name]
        words.append(np.array(places, dtype=np.int32))
        sizes.append(np.fromiter(map(len, block), np.int64, count=len(block)))
        keys.append(np.fromiter(map(hash_key, block), np.uint64, count=len(block)))
    return numbers, np.concatenate(words), np.concatenate(sizes), np.concatenate(keys)


def _word_features(words: Sequence[str]) -> tuple[NDArray[np.uint64], csr_matrix, NDArray[np.int32]]:
    """Count the features of words.

    Returns:
        The codes of all features, sorted; how often each word has each feature, words by features; and the row of each
        word, as rows are sorted by the words' codes.
    """
    blocks = [words[start : start + _BLOCK] for start in range(0, len(words), _BLOCK)]
    extracted = [extract_features([(word,) for word in block]) for block in blocks]
    codes = np.concatenate([codes for codes, _ in extracted])
    rows = np.concatenate([rows + i * _BLOCK for i, (_, rows) in enumerate(extracted)])
    vocabulary, columns = np.unique(codes, return_inverse=True)
    n_trigrams = np.searchsorted(vocabulary, FIRST_WORD_CODE)
    is_word = columns >= n_trigrams
    places = np.empty(len(words), dtype=np.int32)
    places[rows[is_word]] = columns[is_word] - n_trigrams
    shape = (len(vocabulary) - int(n_trigrams), len(vocabulary))
    return vocabulary, count_pairs(places[rows], columns, shape), places


def _products(bag_words: csr_matrix, word_features: csr_matrix) -> Iterator[csr_matrix]:
    """Yield, in blocks of bags, how often each bag has each feature."""
    for start in range(0, bag_words.shape[0], _BLOCK):
        yield bag_words[start : start + _BLOCK] @ word_features


def _frequencies(bag_words: csr_matrix, word_features: csr_matrix, n_names: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how many names have each feature, shape (n_features,), from how many names each bag is."""
    frequencies = np.zeros(word_features.shape[1])
    start = 0
    for block in _products(bag_words, word_features):
        weights = np.repeat(n_names[start : start + block.shape[0]], np.diff(block.indptr))
        frequencies += np.bincount(block.indices, weights=weights, minlength=len(frequencies))
        start += block.shape[0]
    return frequencies


def _weighted(counts: csr_matrix, idf: NDArray[np.float32]) -> csr_matrix:
    return make_csr(counts.data * idf[counts.indices], counts.indices, counts.indptr, counts.shape[1])
