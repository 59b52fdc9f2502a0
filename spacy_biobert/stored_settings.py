"""Settings that are changed in a loaded pipeline are stored with it, and yet what `spacy.load` is told wins.

A component keeps its settings in ``cfg``, and beside them what the config said when it was made. Where a config says
something else now than it said when the pipeline was stored, somebody wants it so. What is given as it was then cannot
be told from what is not given: to go back to it, set it in ``cfg``.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

SETTINGS = "settings"
"""The key, beside the settings in force, of those that the config gave."""


def restored(value: Any) -> Any:
    """Return stored settings as they were: the JSON reader that spaCy uses reads 0.7 as 0.7000000000000001."""
    if isinstance(value, float):
        return float(f"{value:.15g}")
    if isinstance(value, Mapping):
        return {key: restored(some) for key, some in value.items()}
    return [restored(some) for some in value] if isinstance(value, list) else value


def given_otherwise(now: Mapping[str, Any], when_stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a config gives otherwise than it did when the pipeline was stored.

    Args:
        now: What the config says.
        when_stored: What it said then. A setting that it did not have is not otherwise.
    """
    common = now.keys() & when_stored.keys()
    return {key: deepcopy(now[key]) for key in common if restored(now[key]) != restored(when_stored[key])}
