"""Which windows each step of pretraining sees, by the seed and nothing else: any step can be gone back to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_HELD_OUT = 0.005
_MOST_HELD_OUT = 500
"""Windows that are never trained on: a share of all, but no more than it takes to measure a loss to 1 %."""


class Schedule:
    """Passes over the windows, each in an order of its own, cut into steps of about equal cost.

    Attributes:
        held_out: Windows to validate on, which no step sees, (n_held_out,).
        steps_per_pass: Steps of one pass.
        n_steps: All steps.
    """

    def __init__(self, costs: NDArray[np.int64], step_pieces: int, passes: int, seed: int) -> None:
        """Plan the steps.

        Args:
            costs: Pieces of each window, its two special pieces included, (n_windows,).
            step_pieces: Pieces of a step.
            passes: Passes over the windows.
            seed: Draws the orders.
        """
        self._costs = costs
        self._seed = seed
        drawn = np.random.default_rng(seed).permutation(len(costs))
        n_held_out = min(max(round(_HELD_OUT * len(costs)), 1), _MOST_HELD_OUT, len(costs) - 1)
        self.held_out, self._seen = np.sort(drawn[:n_held_out]), np.sort(drawn[n_held_out:])
        self.steps_per_pass = max(1, round(int(costs[self._seen].sum()) / step_pieces))
        self.n_steps = passes * self.steps_per_pass
        self._drawn: tuple[int, NDArray[np.int64], NDArray[np.int64]] | None = None

    def windows(self, step: int) -> NDArray[np.int64]:
        """Return the windows of a step, counted from 0."""
        number, at = divmod(step, self.steps_per_pass)
        if self._drawn is None or self._drawn[0] != number:
            self._drawn = (number, *self._draw(number))
        _, order, bounds = self._drawn
        return order[bounds[at] : bounds[at + 1]]

    def _draw(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the order of a pass, and where in it each step begins and the last ends."""
        order = np.random.default_rng([self._seed, number]).permutation(self._seen)
        sums = np.cumsum(self._costs[order])
        shares = sums[-1] * np.arange(1, self.steps_per_pass) / self.steps_per_pass
        return order, np.concatenate([[0], np.searchsorted(sums, shares), [len(order)]])

    def learn_rate(self, step: int, *, peak: float, warmup: float) -> float:
        """Return the learning rate of a step: up to the peak in the first share of all steps, then down to nothing."""
        rising = max(1, round(warmup * self.n_steps))
        if step < rising:
            return peak * (step + 1) / rising
        return peak * (self.n_steps - step) / (self.n_steps - rising + 1)
