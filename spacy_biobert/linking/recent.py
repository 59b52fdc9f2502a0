"""Keeps what was looked up of late: mentions and names come again and again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Results by what they are the results of. Several threads may use it.

    Args:
        size: How many are kept. When there are more, all older ones are dropped; what is asked for at once is kept.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: dict[Key, Value] = {}

    def look_up(self, keys: Collection[Key], compute: Callable[[Sequence[Key]], Sequence[Value]]) -> dict[Key, Value]:
        """Return the result for each key.

        Args:
            keys: What is wanted.
            compute: Returns the results, in order, for keys whose results are not kept, each once.
        """
        known = self._kept
        results = {key: known[key] for key in keys if key in known}
        missing = [key for key in dict.fromkeys(keys) if key not in results]
        if missing:
            new = dict(zip(missing, compute(missing), strict=True))
            if len(known) + len(new) > self._size:
                # Another dictionary, since other threads may read the one that there is.
                self._kept = {}
            self._kept.update(new)
            results |= new
        return results

    def look_up_in_order(self, keys: Sequence[Key], compute: Callable[[Sequence[Key]], Sequence[Value]]) -> list[Value]:
        """Return the result for each key in its place, see :meth:`look_up`: faster, where mostly all are kept."""
        try:
            return list(map(self._kept.__getitem__, keys))
        except KeyError:
            return list(map(self.look_up(keys, compute).__getitem__, keys))
