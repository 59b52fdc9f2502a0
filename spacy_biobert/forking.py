"""What does not survive a fork: threads that the parent has made are not there, and waiting for them never ends.

Libraries that keep a pool of threads (torch, OpenMP) do not notice. `nlp.pipe(n_process=…)` forks on Linux.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Renewable(Protocol):
    """An object with locks, or with what they guard."""

    def renew(self) -> None:
        """Make the locks anew, and what another thread may have left half done."""


_forked = False
_renewable: WeakSet[Renewable] = WeakSet()


def _note_fork() -> None:
    global _forked
    _forked = True
    for some in list(_renewable):
        some.renew()


if hasattr(os, "register_at_fork"):  # Windows cannot fork
    os.register_at_fork(after_in_child=_note_fork)


def is_forked() -> bool:
    """Say whether this process was forked after this module had been imported."""
    return _forked


def renew_when_forked(some: Renewable) -> None:
    """Renew an object in each process that is forked: a thread that holds its lock goes on in the parent alone."""
    _renewable.add(some)
