"""Do scores mean what they say? Of the entities with a score near 0.8, are eight in ten right?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .decoding import Bools, Floats, Ints

N_BINS = 15


@dataclass(frozen=True, slots=True)
class Reliability:
    """Scores in bins; B bins, those without an entity left out.

    Attributes:
        counts: (B,) number of entities.
        scores: (B,) their mean score.
        shares: (B,) share of them that is right.
    """

    counts: Ints
    scores: npt.NDArray[np.float64]
    shares: npt.NDArray[np.float64]

    @property
    def error(self) -> float:
        """The expected calibration error: the mean of |share - score| over entities. 0 where there is none."""
        n = int(self.counts.sum())
        return float(self.counts @ np.abs(self.shares - self.scores)) / n if n else 0.0


def reliability(scores: Floats, is_right: Bools, *, n_bins: int = N_BINS, equal_mass: bool = False) -> Reliability:
    """Sort entities into bins by score.

    Equal-width bins are ((b - 1) / B, b / B], the first with 0, and their :attr:`Reliability.error` is the ECE of Guo
    et al. (2017), "On Calibration of Modern Neural Networks", ICML, section 2. Bins of equal mass hold a B-th of the
    entities each, as near as whole numbers allow, in order of score (Nguyen and O'Connor 2015, "Posterior calibration
    and exploratory analysis for natural language processing models", EMNLP): where most scores are near 1, they look
    closer.

    Args:
        scores: (n,) scores, in [0, 1].
        is_right: (n,) whether each entity is right.
        n_bins: Number of bins.
        equal_mass: Whether bins hold equal numbers of entities, in place of being equally wide.

    Returns:
        The bins, in ascending order.
    """
    if equal_mass:
        bins = np.empty(len(scores), dtype=np.int64)
        bins[np.argsort(scores, kind="stable")] = np.arange(len(scores)) * n_bins // max(len(scores), 1)
    else:
        bins = np.clip(np.ceil(np.asarray(scores, dtype=np.float64) * n_bins).astype(np.int64) - 1, 0, n_bins - 1)
    counts = np.bincount(bins, minlength=n_bins)
    filled = counts > 0
    sums = np.bincount(bins, weights=scores, minlength=n_bins)[filled]
    rights = np.bincount(bins, weights=is_right, minlength=n_bins)[filled]
    counts = counts[filled]
    return Reliability(counts, sums / counts, rights / counts)
