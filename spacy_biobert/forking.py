"""Whether this process was forked: the threads that its parent has made are not there, and waiting for them never ends.

Libraries that keep a pool of threads (torch, OpenMP) do not notice. `nlp.pipe(n_process=…)` forks on Linux.
"""

from __future__ import annotations

import os

_forked = False


def _note_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):  # Windows cannot fork
    os.register_at_fork(after_in_child=_note_fork)


def is_forked() -> bool:
    """Say whether this process was forked after this module had been imported."""
    return _forked
