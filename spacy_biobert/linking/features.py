"""Names as bags of features: the letters' trigrams within each word, and the words themselves.

A feature is a 64-bit code, so that a whole batch of names becomes two arrays without a Python loop over trigrams, and a
vocabulary is a sorted array that can be memory-mapped. A trigram is its three code points, 21 bits each; a word is
a hash with the highest bit set. Features do not depend on the order of the words: "Anemia, Fanconi" and
"Fanconi anemia" have the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

_POINT_BITS = np.uint64(21)
_WORD_BIT = 1 << 63

FIRST_WORD_CODE = np.uint64(_WORD_BIT)
"""Codes of trigrams are lower than this, those of words are not."""
_SEPARATOR = 0x0A


def extract_features(names: Sequence[tuple[str, ...]]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Extract the features of normalised names.

    Args:
        names: The words of each name, as :func:`.normalization.name_words` gives them.

    Returns:
        The codes of the features and, for each, the row of its name; both of shape (n_features,), a feature as often as
        the name has it. The rows ascend within the trigrams, which come first, and within the words.
    """
    words = [word for name in names for word in name]
    word_rows = np.repeat(np.arange(len(names), dtype=np.int64), [len(name) for name in names])
    trigrams, word_of_trigram = _trigrams(words)
    codes = np.fromiter((_word_code(word) for word in words), dtype=np.uint64, count=len(words))
    return np.concatenate([trigrams, codes]), np.concatenate([word_rows[word_of_trigram], word_rows])


def hash_key(words: tuple[str, ...]) -> int:
    """Return the key, 64 bits, under which names with the same words in any order are found."""
    text = " ".join(sorted(words)).encode("utf8", errors="surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


@lru_cache(maxsize=262144)
def _word_code(word: str) -> int:
    return hash_key((word,)) | _WORD_BIT


def _trigrams(words: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the trigrams of words with a space on both sides, and for each the index of its word."""
    text = "\n".join(f" {word} " for word in words)
    points = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype="<u4").astype(np.uint64)
    if len(points) < 3:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    separators = points == _SEPARATOR
    word_index = np.cumsum(separators)
    first, middle, last = points[:-2], points[1:-1], points[2:]
    codes = (((first << _POINT_BITS) | middle) << _POINT_BITS) | last
    # What spans two words is no trigram of either.
    inside = ~(separators[:-2] | separators[1:-1] | separators[2:])
    return codes[inside], word_index[:-2][inside]
