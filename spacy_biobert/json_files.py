"""Reading the JSON files that checkpoints and pipelines consist of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .errors import Errors


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, or holds something else. The message names it.
    """
    try:
        found = json.loads(path.read_text(encoding="utf8"))
    except ValueError as error:
        raise ValueError(Errors.B002.format(path=path, reason=error)) from error
    if not isinstance(found, dict):
        raise ValueError(Errors.B002.format(path=path, reason="it holds no JSON object"))
    return found
