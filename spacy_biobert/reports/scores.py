"""Precision, recall and F by label, and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..ner.matching import Matching

Floats = npt.NDArray[np.float64]

N_RESAMPLES = 1_000
_BLOCK = 5_000_000  # numbers held at once while resampling


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and F-score, each from 0 to 1, with 95 % intervals.

    Attributes:
        gold: Number of gold mentions.
        found: Number of predicted ones.
        right: Number of those that are right.
        values: Precision, recall and F.
        intervals: The lower and upper bound of each.
    """

    gold: int
    found: int
    right: int
    values: tuple[float, float, float]
    intervals: tuple[tuple[float, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        named = zip("prf", self.values, self.intervals, strict=True)
        scores = {key: item for x, value, bounds in named for key, item in ((x, value), (f"{x}_95", list(bounds)))}
        return {"gold": self.gold, "found": self.found, "right": self.right, **scores}


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of all mentions together, the mean over labels, and the scores of each label."""

    micro: Score
    macro: Score
    labels: dict[str, Score]


def score_matchings(matchings: Sequence[Matching], *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> Scores:
    """Score docs by exact match.

    Intervals are those of the percentile bootstrap (Efron and Tibshirani 1993, "An Introduction to the Bootstrap",
    chapter 13): D docs are drawn out of the D, with replacement, again and again. Docs and not mentions, because the
    mentions of a doc are alike. The draws depend on the seed and on D alone, so that those of two pipelines on one
    corpus are pairs.

    Args:
        matchings: The docs.
        n_resamples: How often to draw.
        seed: Where the draws begin.

    Returns:
        The scores. Where nothing was found, precision is 0, as conlleval has it. The macro average is over labels with
        a mention, gold or predicted, and its counts are those of all mentions.
    """
    labels = sorted({place.label for matching in matchings for place in (*matching.gold, *matching.found)})
    counts = count_mentions(matchings, labels)
    total = counts.sum(axis=0, dtype=np.float64)
    values = _with_averages(total[None])[0]
    bounds = np.zeros((2, *values.shape))
    if len(matchings):
        drawn = np.concatenate([_with_averages(sums) for sums in _resample(counts, n_resamples, seed)])
        bounds = np.quantile(drawn, (0.025, 0.975), axis=0)

    def score(row: int, numbers: Floats) -> Score:
        right, found, gold = map(int, numbers)
        p, r, f = values[row].tolist()
        intervals = tuple((low, high) for low, high in zip(*bounds[:, row].tolist(), strict=True))
        return Score(gold, found, right, (p, r, f), intervals)

    everything = total.sum(axis=0)
    by_label = {label: score(i + 2, total[i]) for i, label in enumerate(labels)}
    return Scores(score(0, everything), score(1, everything), by_label)


def count_mentions(matchings: Sequence[Matching], labels: Sequence[str]) -> npt.NDArray[np.int64]:
    """Count, for each doc and label, the right, the predicted and the gold mentions: (D, L, 3)."""
    index = {label: i for i, label in enumerate(labels)}
    counts = np.zeros((len(matchings), len(labels), 3), dtype=np.int64)
    for row, matching in zip(counts, matchings, strict=True):
        for column, places in enumerate((matching.gold.keys() & matching.found.keys(), matching.found, matching.gold)):
            for place in places:
                row[index[place.label], column] += 1
    return counts


def precision_recall_f(counts: Floats) -> Floats:
    """Turn (…, 3) counts of right, predicted and gold mentions into (…, 3) precisions, recalls and F-scores."""
    right, found, gold = np.moveaxis(counts, -1, 0)
    scores = np.zeros(counts.shape)
    for i, (above, below) in enumerate(((right, found), (right, gold), (2 * right, found + gold))):
        np.divide(above, below, out=scores[..., i], where=below > 0)
    return scores


def _with_averages(counts: Floats) -> Floats:
    """Score (B, L, 3) counts: (B, 2 + L, 3), the micro average first, then the macro average, then the labels."""
    scores = precision_recall_f(counts)
    present = counts[..., 1:].any(axis=-1)
    n_present = np.maximum(present.sum(axis=1), 1)[:, None]
    macro = (scores * present[..., None]).sum(axis=1) / n_present
    return np.concatenate([precision_recall_f(counts.sum(axis=1))[:, None], macro[:, None], scores], axis=1)


def _resample(counts: npt.NDArray[np.int64], n_resamples: int, seed: int) -> list[Floats]:
    """Draw docs with replacement and add up their counts: (n, L, 3) in blocks, ``n_resamples`` in all."""
    n_docs = len(counts)
    random = np.random.default_rng(seed)
    flat = counts.reshape(n_docs, counts[0].size).astype(np.float64)
    size = max(1, _BLOCK // n_docs)
    sums = []
    for first in range(0, n_resamples, size):
        n = min(size, n_resamples - first)
        times = random.multinomial(n_docs, np.full(n_docs, 1 / n_docs), size=n)
        sums.append((times.astype(np.float64) @ flat).reshape(n, *counts.shape[1:]))
    return sums
