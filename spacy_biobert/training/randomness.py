"""The states of all random number generators that training draws from, as plain values."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

RandomState = dict[str, Any]


def data_state() -> RandomState:
    """Return the states of the generators that readers and batchers draw from: Python's and numpy's."""
    version, words, gauss = random.getstate()
    kind, keys, *rest = np.random.get_state(legacy=True)
    return {"python": [version, list(words), gauss], "numpy": [kind, np.asarray(keys).tolist(), *rest]}


def random_state() -> RandomState:
    """Return the states of all generators, PyTorch's too, in values that JSON has.

    cupy's cannot be read: heads of thinc's that train on a GPU draw other dropout after a resumption.
    """
    state = data_state()
    state["torch"] = torch.get_rng_state().tolist()
    if torch.cuda.is_available():
        state["cuda"] = [device.tolist() for device in torch.cuda.get_rng_state_all()]
    return state


def set_random_state(state: RandomState) -> None:
    """Go on drawing where a state was taken; generators that it does not have go on as they are."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
    if "torch" in state:
        torch.set_rng_state(torch.tensor(state["torch"], dtype=torch.uint8))
    if "cuda" in state and torch.cuda.device_count() == len(state["cuda"]):
        torch.cuda.set_rng_state_all([torch.tensor(device, dtype=torch.uint8) for device in state["cuda"]])


class OwnRandomness:
    """Random states of one's own, in use only within ``with own:``.

    Args:
        state: Where it begins; as the generators are now, if there is none.
    """

    def __init__(self, state: RandomState | None = None) -> None:
        self.start = state or data_state()
        self._state = self.start

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        """Use this state within a block, and put the others' back behind it."""
        others = data_state()
        set_random_state(self._state)
        try:
            yield
        finally:
            self._state = data_state()
            set_random_state(others)
