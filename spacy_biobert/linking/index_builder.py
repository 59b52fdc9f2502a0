"""Builds the index of names. :mod:`.index` says what it consists of.

What grows with the number of names are a key of 64 bits for each and the numbers of its words; features are counted for
words, of which there are far fewer, and summed over the words of a name. Eight million names take some minutes and
two gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import ranges
from ..errors import Errors
from .features import FIRST_WORD_CODE, extract_features, extract_grams, hash_key
from .sparse import Words, count_pairs, make_csr, row_lengths
from .terms import build_terms
from .weights import Extract, inverse_document_frequency

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MATRICES = ("feature_words", "word_features", "gram_words", "word_bags", "term_bags")

ARRAY_FILES = {
    array: f"index_{array}.npy"
    for array in (
        "vocabulary",
        "idf",
        "word_lengths",
        "gram_vocabulary",
        "gram_idf",
        "sorted_keys",
        "bag_of_key",
        "bag_starts",
        "bag_names",
        "bag_lengths",
        *(f"{matrix}_{part}" for matrix in MATRICES for part in ("indptr", "indices", "data")),
        "frequent_words",
        "pair_codes",
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
    vocabulary, word_features, places = _count_features(list(numbers), extract_features)
    bags = _group(keys, sizes)
    bag_sizes = sizes[bags.firsts]
    bag_words = make_csr(
        np.ones(bag_sizes.sum(), np.float32),
        places[words[ranges((np.cumsum(sizes) - sizes)[bags.firsts], bag_sizes)]],
        np.concatenate([[0], np.cumsum(bag_sizes)]).astype(np.int32),
        word_features.shape[0],
    )
    idf = inverse_document_frequency(_frequencies(bag_words, word_features, np.diff(bags.starts)), len(sizes))
    bag_lengths = np.concatenate([row_lengths(_weighted(block, idf)) for block in _products(bag_words, word_features)])
    bag_words.data = (1 / np.repeat(bag_lengths, bag_sizes)).astype(np.float32)
    word_features = _weighted(word_features, idf)
    gram_vocabulary, gram_idf, word_grams = _word_grams(list(numbers))
    term_bags, frequent_words, codes_of_pairs = build_terms(bag_words, bag_lengths)
    arrays = {
        "vocabulary": vocabulary,
        "idf": idf,
        "gram_vocabulary": gram_vocabulary,
        "gram_idf": gram_idf,
        "word_lengths": row_lengths(word_features).astype(np.float32),
        "sorted_keys": bags.sorted_keys,
        "bag_of_key": bags.bag_of_key,
        "bag_starts": bags.starts,
        "bag_names": bags.names,
        "bag_lengths": bag_lengths.astype(np.float32),
        "frequent_words": frequent_words,
        "pair_codes": codes_of_pairs,
        "bag_words_indptr": bag_words.indptr,
        "bag_words_indices": bag_words.indices,
    }
    matrices = {
        "feature_words": word_features.T.tocsr(),
        "word_features": word_features,
        "gram_words": word_grams.T.tocsr(),
        "word_bags": bag_words.T.tocsr(),
        "term_bags": term_bags,
    }
    for name, matrix in matrices.items():
        arrays |= {f"{name}_indptr": matrix.indptr, f"{name}_indices": matrix.indices, f"{name}_data": matrix.data}
    for array, file in ARRAY_FILES.items():
        np.save(folder / file, arrays[array], allow_pickle=False)


class _Bags(NamedTuple):
    """Names, grouped by their keys.

    Attributes:
        sorted_keys: The keys, ascending, shape (n_bags,).
        bag_of_key: The bag of each.
        starts: Where the names of each bag start, shape (n_bags + 1,).
        names: The names, bag by bag, each by its row.
        firsts: The first name of each bag, shape (n_bags,).
    """

    sorted_keys: NDArray[np.uint64]
    bag_of_key: NDArray[np.int32]
    starts: NDArray[np.int32]
    names: NDArray[np.int32]
    firsts: NDArray[np.int64]


def _group(keys: NDArray[np.uint64], sizes: NDArray[np.int64]) -> _Bags:
    """Group names that have the same words, from their keys and numbers of words; names without words are left out.

    Bags are numbered as their first names are, so that those of a concept, which are alike, are neighbours: a search
    then touches fewer lines of the processor's cache.
    """
    names = np.flatnonzero(sizes)
    sorted_keys, firsts, places = np.unique(keys[names], return_index=True, return_inverse=True)
    bag_of_key = np.argsort(np.argsort(firsts)).astype(np.int32)
    bag_of_name = bag_of_key[places]
    return _Bags(
        sorted_keys,
        bag_of_key,
        np.concatenate([[0], np.cumsum(np.bincount(bag_of_name))]).astype(np.int32),
        names[np.argsort(bag_of_name, kind="stable")].astype(np.int32),
        names[np.sort(firsts)],
    )


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


def _count_features(words: Sequence[str], extract: Extract) -> tuple[NDArray[np.uint64], csr_matrix, NDArray[np.int32]]:
    """Count the features of words.

    Args:
        words: Words, each once.
        extract: Which features.

    Returns:
        The codes of all features, sorted; how often each word has each feature, words by features; and the row of each
        word, as rows are sorted by the words' codes.
    """
    blocks = [words[start : start + _BLOCK] for start in range(0, len(words), _BLOCK)]
    extracted = [extract([(word,) for word in block]) for block in blocks]
    codes = np.concatenate([codes for codes, _ in extracted])
    rows = np.concatenate([rows + i * _BLOCK for i, (_, rows) in enumerate(extracted)])
    vocabulary, columns = np.unique(codes, return_inverse=True)
    n_grams = np.searchsorted(vocabulary, FIRST_WORD_CODE)
    is_word = columns >= n_grams
    places = np.empty(len(words), dtype=np.int32)
    places[rows[is_word]] = columns[is_word] - n_grams
    shape = (len(vocabulary) - int(n_grams), len(vocabulary))
    return vocabulary, count_pairs(places[rows], columns, shape), places


def _word_grams(words: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.float32], csr_matrix]:
    """Return the codes of all grams, sorted, what they count, and the unit vectors of words, words by grams."""
    vocabulary, counts, _ = _count_features(words, extract_grams)
    idf = inverse_document_frequency(np.bincount(counts.indices, minlength=len(vocabulary)), counts.shape[0])
    vectors = _weighted(counts, idf)
    vectors.data /= np.repeat(row_lengths(vectors).astype(np.float32), np.diff(vectors.indptr))
    return vocabulary, idf, vectors


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
