"""Keeps what was made of masks: a knowledge base has few, one for each set of semantic types that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from .sparse import Mask

Value = TypeVar("Value")

_MAX_MASKS = 64


class MadeOfMasks(Generic[Value]):
    """Values by the mask that they were made of; a mask is known again by its identity.

    Args:
        make: Makes a value of a mask.
    """

    def __init__(self, make: Callable[[Mask], Value]) -> None:
        self._make = make
        # With the masks: as long as one is kept, no other has its identity.
        self._kept: dict[int, tuple[Mask, Value]] = {}

    def get(self, mask: Mask) -> Value:
        """Return what is made of a mask, which is not changed."""
        kept = self._kept.get(id(mask))
        if kept is None:
            if len(self._kept) >= _MAX_MASKS:
                self._kept.clear()
            kept = self._kept[id(mask)] = mask, self._make(mask)
        return kept[1]


def by_mask(masks: Sequence[Mask | None]) -> Iterator[tuple[Mask | None, NDArray[np.int64]]]:
    """Yield each different mask and in which places it is."""
    places: dict[int, list[int]] = {}
    for place, mask in enumerate(masks):
        places.setdefault(id(mask), []).append(place)
    for same in places.values():
        yield masks[same[0]], np.array(same)
