"""Look-up of names: exact by normalised words, and by TF-IDF over trigrams and words.

A trigram lies within a word. A name therefore has the features of its words, and its cosine with a mention is a sum
over its words. The index is made for that. *Bags* are the different sets of words that names have; each has a key and
its names, which is the exact look-up. Postings lead from features to words and from words to bags, which is the search:
there are far fewer words than names, and few words share a feature with a mention.

All of it is arrays that are memory-mapped: opening the index reads next to nothing, and processes share it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import Errors
from .exhaustive import score_all
from .features import extract_features, extract_grams, hash_key
from .index_builder import ARRAY_FILES
from .pruned import PrunedSearch
from .similar import SimilarWords
from .sparse import Mask, Words, find_codes, load_array, make_csr, ranges
from .weights import FeatureWeights, inverse_document_frequency

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SCORE_DECIMALS = 4
"""Scores are rounded, so that names with the same features tie whatever the order of additions was."""

EXHAUSTIVE_BAGS = 100_000
"""Up to so many different bags in an index, a search scores all that share a feature with the mention."""

_BATCH = 128
"""How many mentions are looked for at once."""

_MAX_MASKS = 64
"""How many masks of names are kept as masks of bags."""


_Scored = Iterator[tuple[NDArray, NDArray[np.float32]]]
_Score = Callable[[Sequence[Words], int, Sequence[Mask | None]], _Scored]
"""Scores mentions, given how many bags are wanted and which may be found: yields bags and their cosines for each."""


class Match(NamedTuple):
    """Names like one mention: rows of names and their scores, both of shape (n,), in no particular order."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


class NameIndex:
    """Finds names that are like a mention. Made by :func:`.build_index`, opened from the folder that it wrote.

    Args:
        folder: Where the arrays lie.
        n_names: Number of names that were indexed.

    Raises:
        ValueError: An array cannot be read, or they do not fit each other.
    """

    def __init__(self, folder: Path, n_names: int) -> None:
        arrays = {array: load_array(folder / file) for array, file in ARRAY_FILES.items()}
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
        self._bag_masks: dict[int, tuple[Mask, Mask]] = {}

        def matrix(name: str, columns: str) -> csr_matrix:
            data, indices, indptr = (arrays[f"{name}_{part}"] for part in ("data", "indices", "indptr"))
            return make_csr(data, indices, indptr, len(arrays[columns]))

        try:
            self._word_bags = matrix("word_bags", "bag_lengths")
            self._feature_words = matrix("feature_words", "word_lengths")
            self._pruned = PrunedSearch(
                similar=SimilarWords(
                    self._weights, arrays["word_lengths"], grams, matrix("gram_words", "word_lengths")
                ),
                word_features=matrix("word_features", "vocabulary"),
                term_bags=matrix("term_bags", "bag_lengths"),
                frequent_words=arrays["frequent_words"],
                pair_codes=arrays["pair_codes"],
                bag_words=(arrays["bag_words_indptr"], arrays["bag_words_indices"]),
                bag_lengths=arrays["bag_lengths"],
            )
        except ValueError as error:
            raise ValueError(Errors.B203.format(path=folder, reason=f"the index is inconsistent: {error}")) from error

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
        exhaustive: bool | None = None,
    ) -> list[Match]:
        """Return, for each mention's words, the names with the highest cosine.

        Args:
            mentions: The words of each mention.
            top_n: How many names: all whose score is at least that of the one in this place, so that ties are whole.
            masks: For each mention, which names may be found, shape (n_names,), or None for all. What is computed of a
                mask is kept: pass the same array again, and do not change it.
            exhaustive: Whether to score all names that share a feature with the mention, or only those that are likely
                to be the best; see :mod:`.pruned`. By default, as there are few or many names.

        Returns:
            One match for each mention; empty where no name has a feature of the mention.
        """
        if exhaustive is None:
            exhaustive = len(self._sorted_keys) <= EXHAUSTIVE_BAGS
        score: _Score = self._score_all if exhaustive else self._score_likely
        matches = []
        for first in range(0, len(mentions), _BATCH):
            batch = slice(first, first + _BATCH)
            name_masks = masks[batch] if masks else [None] * len(mentions[batch])
            bag_masks = [None if mask is None else self._bag_mask(mask) for mask in name_masks]
            scored = score(mentions[batch], top_n, bag_masks)
            matches += [
                self._best_names(bags, scores, top_n, mask)
                for (bags, scores), mask in zip(scored, name_masks, strict=True)
            ]
        return matches

    def _score_all(self, mentions: Sequence[Words], top_n: int, masks: Sequence[Mask | None]) -> _Scored:
        words = self._vectorize(mentions) @ self._feature_words
        for scores, mask in zip(score_all(words, self._word_bags), masks, strict=True):
            if mask is not None:
                scores = np.where(mask, scores, np.float32(0))
            # Comparing is much faster than selecting, and mostly enough bags have a third of the best score.
            best = scores.max()
            for share in (0.3, 0.1, 0.0):
                bags = np.flatnonzero(scores > share * best)
                if len(bags) >= top_n:
                    break
            yield bags, scores[bags]

    def _score_likely(self, mentions: Sequence[Words], top_n: int, masks: Sequence[Mask | None]) -> _Scored:
        return self._pruned.score(mentions, self._vectorize(mentions), top_n, masks=masks)

    def _best_names(self, bags: NDArray, scores: NDArray[np.float32], top_n: int, mask: Mask | None) -> Match:
        """Return the names of the best of the bags that were scored."""
        scores = np.minimum(np.round(scores, SCORE_DECIMALS), np.float32(1))
        if len(bags) > 2 * top_n:
            # Each of them has a name.
            bags, scores = _first(bags, scores, top_n)
        starts = self._bag_starts[bags]
        sizes = self._bag_starts[bags + 1] - starts
        rows = self._bag_names[ranges(starts, sizes)].astype(np.int64)
        scores = np.repeat(scores, sizes)
        if mask is not None:
            allowed = mask[rows]
            rows, scores = rows[allowed], scores[allowed]
        if len(rows) > top_n:
            rows, scores = _first(rows, scores, top_n)
        return Match(rows, scores)

    def _bag_mask(self, mask: Mask) -> Mask:
        """Return which bags have a name that a mask allows."""
        # By identity, which holds as long as the mask is kept.
        kept = self._bag_masks.get(id(mask))
        if kept is None:
            if len(self._bag_masks) >= _MAX_MASKS:
                self._bag_masks.clear()
            kept = mask, np.logical_or.reduceat(mask[self._bag_names], self._bag_starts[:-1])
            self._bag_masks[id(mask)] = kept
        return kept[1]

    def _vectorize(self, mentions: Sequence[Words]) -> csr_matrix:
        """Return the mentions' unit vectors, shape (n_mentions, n_features)."""
        vectors, lengths = self._weights.weigh(mentions)
        vectors.data /= np.repeat(lengths, np.diff(vectors.indptr))
        return vectors


def _first(items: NDArray, scores: NDArray[np.float32], count: int) -> tuple[NDArray, NDArray[np.float32]]:
    """Return the items with the highest scores, and these: all that score as high as the one in this place."""
    chosen = scores >= np.partition(scores, len(scores) - count)[len(scores) - count]
    return items[chosen], scores[chosen]
