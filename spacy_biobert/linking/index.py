"""Look-up of names: exact by normalised words, and by TF-IDF over trigrams and words.

A trigram lies within a word. A name therefore has the features of its words, and its cosine with a mention is a sum
over its words. The index is made for that. *Bags* are the different sets of words that names have; each has a key and
its names, which is the exact look-up. Postings lead from features to words and from words to bags, which is the search:
there are far fewer words than names, and few words share a feature with a mention.

All of it is arrays that are memory-mapped: opening the index reads next to nothing, and processes share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ..arrays import ranges
from ..errors import Errors
from .features import extract_features, extract_grams, hash_key
from .index_builder import ARRAY_FILES
from .masks import MadeOfMasks, by_mask
from .pruned import PrunedSearch
from .similar import SimilarWords
from .sparse import Mask, Scored, Words, find_codes, load_array, make_csr
from .thorough import ThoroughSearch
from .threads import MAX_THREADS
from .weights import FeatureWeights, inverse_document_frequency

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SCORE_DECIMALS = 4
"""Scores are rounded, so that names with the same features tie whatever the order of additions was."""

SCORE_UNITS = 10**SCORE_DECIMALS
"""Rounded scores are whole numbers of these parts."""

THOROUGH_BAGS = 100_000
"""Up to so many different bags in an index, it is searched thoroughly."""

Method = Literal["exhaustive", "thorough", "pruned"]
"""Which names are scored: all that share a feature with the mention; those that have a word like one of it, see
:mod:`.thorough`; those that have the most telling of such words, see :mod:`.pruned`."""

_BATCH = 128
_MAX_BATCH = 1024
_BATCH_PRODUCTS = 1 << 21
"""How many mentions are searched at once: more where few words make it cheap to keep their products in memory."""

_LIBRARY_READS = {name for name in ARRAY_FILES if name.startswith("word_bags")}
"""The arrays that :func:`.largest_products` reads: it takes none that cannot be written to."""

_LEVEL_BITS = 6
_LEVELS = (SCORE_UNITS >> _LEVEL_BITS) + 1
"""Into how many levels scores are divided where bags are counted."""


class NameIndex:
    """Finds names that are like a mention. Made by :func:`.build_index`, opened from the folder that it wrote.

    Args:
        folder: Where the arrays lie.
        n_names: Number of names that were indexed.

    Attributes:
        method: How it is searched. It depends on the number of names, unless it is set.

    Raises:
        ValueError: An array cannot be read, or they do not fit each other.
    """

    def __init__(self, folder: Path, n_names: int) -> None:
        arrays = {
            array: load_array(folder / file, writable=array in _LIBRARY_READS) for array, file in ARRAY_FILES.items()
        }
        self._sorted_keys = arrays["sorted_keys"]
        self._bag_of_key = arrays["bag_of_key"]
        self._bag_starts = arrays["bag_starts"]
        self._bag_names = arrays["bag_names"]
        self._weights = FeatureWeights(
            extract=extract_features,
            vocabulary=arrays["vocabulary"],
            idf=arrays["idf"],
            unknown=float(inverse_document_frequency(np.zeros(1), n_names)[0]),
        )
        grams = FeatureWeights(
            extract=extract_grams,
            vocabulary=arrays["gram_vocabulary"],
            idf=arrays["gram_idf"],
            unknown=float(inverse_document_frequency(np.zeros(1), len(arrays["word_lengths"]))[0]),
        )
        self._bag_masks = MadeOfMasks(self._bag_mask)
        self.method: Method = "thorough" if len(self._sorted_keys) <= THOROUGH_BAGS else "pruned"

        def matrix(name: str, columns: str) -> csr_matrix:
            data, indices, indptr = (arrays[f"{name}_{part}"] for part in ("data", "indices", "indptr"))
            return make_csr(data, indices, indptr, len(arrays[columns]))

        bag_words = arrays["bag_words_indptr"], arrays["bag_words_indices"]
        try:
            self._feature_words = matrix("feature_words", "word_lengths")
            self._thorough = ThoroughSearch(
                weights=self._weights,
                word_lengths=arrays["word_lengths"],
                feature_words=self._feature_words,
                word_bags=matrix("word_bags", "bag_lengths"),
                bag_words=bag_words,
                bag_lengths=arrays["bag_lengths"],
            )
            self._pruned = PrunedSearch(
                similar=SimilarWords(
                    self._weights, arrays["word_lengths"], grams, matrix("gram_words", "word_lengths")
                ),
                word_features=matrix("word_features", "vocabulary"),
                term_bags=matrix("term_bags", "bag_lengths"),
                frequent_words=arrays["frequent_words"],
                pair_codes=arrays["pair_codes"],
                bag_words=bag_words,
                bag_lengths=arrays["bag_lengths"],
            )
        except ValueError as error:
            raise ValueError(Errors.B203.format(path=folder, reason=f"the index is inconsistent: {error}")) from error

    @property
    def max_threads(self) -> int:
        """How many threads may search at the same time, with profit."""
        # Where the time goes, sparse_dot_topn has threads of its own, and holds on to Python's lock.
        return MAX_THREADS if self.method == "pruned" else 1

    @property
    def batch_size(self) -> int:
        """How many mentions are best searched at once."""
        if self.method != "thorough":
            return _BATCH
        return min(max(_BATCH, _BATCH_PRODUCTS // self._feature_words.shape[1]), _MAX_BATCH)

    def forget_words(self) -> None:
        """Let go of what is kept of the words of mentions; how fast a search is without, benchmarks want to know."""
        self._thorough.forget_words()

    def exact(self, mentions: Sequence[Words]) -> list[NDArray[np.int64]]:
        """Return, for each mention's words, the rows of the names with the same words in any order."""
        keys = np.fromiter((hash_key(words) for words in mentions), dtype=np.uint64, count=len(mentions))
        places, known = find_codes(self._sorted_keys, keys)
        bags = self._bag_of_key[places]
        none = np.empty(0, np.int64)
        return [
            self._bag_names[self._bag_starts[bag] : self._bag_starts[bag + 1]].astype(np.int64) if is_known else none
            for bag, is_known in zip(bags, known, strict=True)
        ]

    def search(
        self,
        mentions: Sequence[Words],
        top_n: int,
        *,
        masks: Sequence[Mask | None] | None = None,
        method: Method | None = None,
    ) -> Scored:
        """Return, for each mention's words, the names with the highest cosine.

        Args:
            mentions: The words of each mention. What is computed at once are all of them: best some hundred.
            top_n: At least so many of the best bags of words, where there are so many, with all of their names. Bags
                that tie with the last one are all included, and a few lower ones may be.
            masks: For each mention, which names may be found, shape (n_names,), or None for all. What is computed of a
                mask is kept: pass the same array again, and do not change it.
            method: How to search; by default, as :attr:`method` says.

        Returns:
            Rows of names and their scores, in `SCORE_UNITS`; none for a mention where no name has a feature of it.
        """
        # Each of the bags of such a mask has a name that may be found.
        bag_masks = [None if mask is None else self._bag_masks.get(mask) for mask in masks] if masks else None
        bags = self._score(method or self.method, mentions, top_n, bag_masks)
        units = np.minimum(np.rint(bags.scores * SCORE_UNITS), SCORE_UNITS).astype(np.int64)
        return self._names(_first(bags._replace(scores=units), len(mentions), top_n), masks)

    def _score(
        self, method: Method, mentions: Sequence[Words], top_n: int, masks: Sequence[Mask | None] | None
    ) -> Scored:
        if method == "pruned":
            return self._pruned.score(mentions, self._vectorize(mentions), top_n, masks=masks)
        return self._thorough.score(mentions, top_n, masks=masks, exhaustive=method == "exhaustive")

    def _names(self, bags: Scored, masks: Sequence[Mask | None] | None) -> Scored:
        """Return the names of bags that may be found."""
        starts = self._bag_starts[bags.items]
        sizes = self._bag_starts[bags.items + 1] - starts
        rows = self._bag_names[ranges(starts, sizes)].astype(np.int64)
        names = Scored(np.repeat(bags.mentions, sizes), rows, np.repeat(bags.scores, sizes))
        if masks:
            kept = np.ones(len(rows), dtype=bool)
            for mask, places in by_mask(masks):
                if mask is not None:
                    kept &= mask[rows] | ~np.isin(names.mentions, places)
            names = names.keep(kept)
        return names

    def _bag_mask(self, mask: Mask) -> Mask:
        """Return which bags have a name that a mask allows."""
        return np.asarray(np.logical_or.reduceat(mask[self._bag_names], self._bag_starts[:-1]))

    def _vectorize(self, mentions: Sequence[Words]) -> csr_matrix:
        """Return the mentions' unit vectors, shape (n_mentions, n_features)."""
        vectors, lengths = self._weights.weigh(mentions)
        vectors.data /= np.repeat(lengths, np.diff(vectors.indptr))
        return vectors


def _first(found: Scored, n_mentions: int, top_n: int) -> Scored:
    """Return what scores highest for each mention, so many and all of their level, without sorting anything."""
    levels = found.scores >> _LEVEL_BITS
    counts = np.bincount(found.mentions * _LEVELS + levels, minlength=n_mentions * _LEVELS).reshape(-1, _LEVELS)
    # How many there are on each level and above: it falls from level to level, and the last that has enough counts.
    so_high = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
    least = np.sum(so_high >= top_n, axis=1) - 1
    return found.keep(levels >= least[found.mentions])
