"""Looks up in several threads: Python's, where numpy and scipy let go of its lock, or those of a library."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ..forking import is_forked

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_THREADS = 4
"""With more, they would wait for Python's lock and for memory."""


def map_in_threads(
    function: Callable[[Item], Result], items: Sequence[Item], *, max_threads: int = MAX_THREADS
) -> list[Result]:
    """Apply a function to items, in as many threads as there are processors for this process, but few.

    The threads end with the call: none is there when a process forks.

    Args:
        function: What to apply; threads may run it at the same time.
        items: What to apply it to.
        max_threads: How many threads there are at most.

    Returns:
        What it returned, in the order of the items.
    """
    n_threads = min(max_threads, n_processors(), len(items))
    if n_threads < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(function, items))


def n_native_threads() -> int:
    """Return how many threads a library may use that keeps them (OpenMP's).

    One in a forked process, see :mod:`..forking`.
    """
    return 1 if is_forked() else min(MAX_THREADS, n_processors())


def n_processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
