"""Names as bags of features: the letters' trigrams within each word, and the words themselves.

A feature is a 64-bit code, so that a whole batch of names becomes two arrays without a Python loop over trigrams, and a
vocabulary is a sorted array that can be memory-mapped. A trigram is its three code points, 21 bits each; a word is
a hash with the highest bit set. Features do not depend on the order of the words: "Anemia, Fanconi" and
"Fanconi anemia" have the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

_POINT_BITS = np.uint64(21)
_WORD_BIT = 1 << 63

FIRST_WORD_CODE = np.uint64(_WORD_BIT)
"""Codes of trigrams are lower than this, those of words are not."""
_SEPARATOR = 0x0A
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


def extract_features(names: Sequence[tuple[str, ...]]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Extract the features of normalised names.

    Args:
        names: The words of each name, as :func:`.normalization.name_words` gives them.

    Returns:
        The codes of the features and, for each, the row of its name; both of shape (n_features,), a feature as often as
        the name has it. The rows ascend within the trigrams, which come first, and within the words.
    """
    return _extract(names, _trigrams)


def extract_grams(names: Sequence[tuple[str, ...]]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Extract what finds similar words sooner than trigrams, which too many words share: four letters, and the words.

    Args:
        names: The words of each name, as for :func:`extract_features`.

    Returns:
        The codes and, for each, the row of its name, as :func:`extract_features` returns them. Four letters are a hash.
    """
    return _extract(names, _tetragrams)


def hash_key(words: tuple[str, ...]) -> int:
    """Return the key, 64 bits, under which names with the same words in any order are found."""
    text = " ".join(sorted(words)).encode("utf8", errors="surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


def _extract(
    names: Sequence[tuple[str, ...]], grams: Callable[[Sequence[str]], tuple[NDArray[np.uint64], NDArray[np.int64]]]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the grams of all words and then the words, and the row of the name of each."""
    words = [word for name in names for word in name]
    word_rows = np.repeat(np.arange(len(names), dtype=np.int64), [len(name) for name in names])
    gram_codes, word_of_gram = grams(words)
    codes = np.fromiter((_word_code(word) for word in words), dtype=np.uint64, count=len(words))
    return np.concatenate([gram_codes, codes]), np.concatenate([word_rows[word_of_gram], word_rows])


@lru_cache(maxsize=262144)
def _word_code(word: str) -> int:
    return hash_key((word,)) | _WORD_BIT


def _trigrams(words: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the trigrams of words with a space on both sides, and for each the index of its word."""
    points, word_index = _windows(words, 3)
    first, middle, last = points
    return ((first << _POINT_BITS) | middle) << _POINT_BITS | last, word_index


def _tetragrams(words: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return hashes of four letters of words with a space on both sides, and for each the index of its word."""
    points, word_index = _windows(words, 4)
    codes = points[0]
    for following in points[1:]:
        codes = codes * _MULTIPLIER
        codes ^= (codes >> _SHIFT) ^ following
    return codes & ~FIRST_WORD_CODE, word_index


def _windows(words: Sequence[str], size: int) -> tuple[list[NDArray[np.uint64]], NDArray[np.int64]]:
    """Return the windows of some letters within words with a space on both sides.

    Returns:
        The code points of all windows' first letters, of their second letters and so on, each of shape (n_windows,);
        and the index of each window's word.
    """
    text = "\n".join(f" {word} " for word in words)
    points = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype="<u4").astype(np.uint64)
    count = max(0, len(points) - size + 1)
    separators = points == _SEPARATOR
    word_index = np.cumsum(separators)
    # What spans two words is no part of either: its first and its last letter have different words, or it holds a
    # separator, which belongs to the word that follows.
    inside = (word_index[:count] == word_index[len(points) - count :]) & ~separators[:count]
    letters = [points[place : place + count][inside] for place in range(size)]
    return letters, word_index[:count][inside]
