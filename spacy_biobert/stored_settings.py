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


def given_otherwise(now: Mapping[str, Any], when_stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a config gives otherwise than it did when the pipeline was stored.

    Args:
        now: What the config says.
        when_stored: What it said then. A setting that it did not have is not otherwise.
    """
    return {key: deepcopy(now[key]) for key in now.keys() & when_stored.keys() if now[key] != when_stored[key]}
