"""The backward pass of an encoder that several heads share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from thinc.api import Optimizer
from thinc.types import Floats2d


class BackwardPass:
    """One forward pass whose backward pass has not run: it collects the gradients of the heads.

    Args:
        backprop: Takes the sum of the heads' gradients, an array of shape (n_tokens, width) for each doc with tokens.
        step: Lets an optimizer step the weights.
        waiting: How many heads are to answer.
        losses: Where the norm of the sum is added.
        name: Under which name.
        owed: The optimizer of a step that was asked for before there was a gradient.
    """

    def __init__(
        self,
        backprop: Callable[[list[Floats2d]], Any],
        *,
        step: Callable[[Optimizer], None],
        waiting: int,
        losses: dict[str, float],
        name: str,
        owed: Optimizer | None,
    ) -> None:
        self._backprop = backprop
        self._step = step
        self._waiting = waiting
        self._losses = losses
        self._name = name
        self._sum: list[Floats2d] | None = None
        self.owed = owed

    @property
    def answered(self) -> bool:
        """Whether any head has sent a gradient."""
        return self._sum is not None

    def add(self, d_vectors: list[Floats2d]) -> bool:
        """Add the gradient of one head, an array for each doc with tokens; return whether all heads have answered."""
        if self._sum is None:
            self._sum = d_vectors
        else:
            for total, more in zip(self._sum, d_vectors, strict=True):
                total += more
        self._waiting -= 1
        return self._waiting <= 0

    def finish(self) -> None:
        """Send the sum back through the encoder, if there is any, and make the step that is owed."""
        if self._sum is not None:
            squares = [(gradient**2).sum(axis=(0, 1)) for gradient in self._sum]
            self._losses[self._name] += float(sum(squares)) ** 0.5  # a GPU is waited for once
            self._backprop(self._sum)
        if self.owed is not None:
            self._step(self.owed)
