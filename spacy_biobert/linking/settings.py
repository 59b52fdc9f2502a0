"""What the settings of ``biobert_linker`` may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import Errors


def check_settings(cfg: Mapping[str, Any]) -> None:
    """Refuse settings that make no sense.

    Args:
        cfg: The settings, as the component keeps them.

    Raises:
        ValueError: A setting has a value that makes no sense.
    """
    wrong = {
        "top_n": "at least 1" if cfg["top_n"] < 1 else "",
        "threshold": "" if 0 <= cfg["threshold"] <= 1 else "from 0 to 1",
        "labels": "a list, or left out to link all" if isinstance(cfg["labels"], str) or cfg["labels"] == [] else "",
        "candidates_key": "another group than spans_key, which it would replace"
        if cfg["candidates_key"] is not None and cfg["candidates_key"] == cfg["spans_key"]
        else "",
    }
    for option, expected in wrong.items():
        if expected:
            raise ValueError(Errors.B221.format(option=option, value=cfg[option], expected=expected))
