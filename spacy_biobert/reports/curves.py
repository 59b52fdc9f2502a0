"""Precision and recall at every threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision and recall if only entities that score at least a threshold were reported; K thresholds, descending.

    Attributes:
        thresholds: (K,) the distinct scores.
        precision: (K,) at each.
        recall: (K,) at each.
    """

    thresholds: npt.NDArray[np.float64]
    precision: npt.NDArray[np.float64]
    recall: npt.NDArray[np.float64]

    def at(self, threshold: float) -> tuple[float, float] | None:
        """Give recall and precision at a threshold, or None where no entity reaches it."""
        n = int(np.count_nonzero(self.thresholds >= threshold))
        return (float(self.recall[n - 1]), float(self.precision[n - 1])) if n else None

    def thinned(self, n: int) -> Curve:
        """Keep at most n points, evenly spread, the first and the last among them."""
        if len(self.thresholds) <= n:
            return self
        kept = np.unique(np.linspace(0, len(self.thresholds) - 1, n).round().astype(np.int64))
        return Curve(self.thresholds[kept], self.precision[kept], self.recall[kept])


def precision_recall(scores: npt.NDArray[np.float64], is_right: npt.NDArray[np.bool_], n_gold: int) -> Curve:
    """Compute precision and recall at every threshold that makes a difference.

    Args:
        scores: (n,) score of each predicted entity.
        is_right: (n,) whether it is right.
        n_gold: Number of gold mentions. Recall is 0 where there is none.

    Returns:
        The curve. It ends at the recall of all predictions: what was not predicted has no score.
    """
    order = np.argsort(-scores, kind="stable")
    thresholds = scores[order]
    right = np.cumsum(is_right[order])
    last = np.flatnonzero(np.append(thresholds[1:] != thresholds[:-1], True)) if len(scores) else np.zeros(0, np.int64)
    return Curve(thresholds[last], right[last] / (last + 1), right[last] / max(n_gold, 1))
