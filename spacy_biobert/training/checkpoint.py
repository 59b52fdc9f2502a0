"""A training on disk: a folder that is there as a whole or not at all.

checkpoints/step-00000100/
    state.json               config, place in the data, scores, random states: read by people too
    weights.safetensors      tensors by name, one file for each kind
    exp_avg.safetensors      …
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ..errors import Errors
from .state import Tensors

CHECKPOINTS = "checkpoints"
_STEP = re.compile(r"step-(\d+)")
_UNFINISHED = "unfinished"


def write_checkpoint(root: Path, step: int, state: Mapping[str, Any], tensors: Tensors) -> Path:
    """Write a checkpoint, and remove those before it.

    Args:
        root: Where checkpoints lie.
        step: The last step that has been made.
        state: Plain values; numbers of numpy's become Python's.
        tensors: By kind and by name.

    Returns:
        Its folder. It gets its name when everything is in it, so that a process that is killed leaves the one before.
    """
    unfinished = root / _UNFINISHED
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for kind, some in tensors.items():
        save_file(some, unfinished / f"{kind}.safetensors")
    (unfinished / "state.json").write_text(json.dumps(state, default=_plain), encoding="utf8")
    folder = root / f"step-{step:08d}"
    os.replace(unfinished, folder)
    for other in root.iterdir():
        if other != folder and _STEP.fullmatch(other.name):
            shutil.rmtree(other)
    return folder


class Past(NamedTuple):
    """What a training goes on from.

    Attributes:
        folder: The checkpoint.
        state: Its plain values, see `write_checkpoint`.
    """

    folder: Path
    state: dict[str, Any]


def read_past(root: Path) -> Past | None:
    """Read the latest checkpoint, without its tensors, if there is any.

    Raises:
        ValueError: It is damaged.
    """
    folder = find_checkpoint(root)
    return None if folder is None else Past(folder, read_state(folder))


def find_checkpoint(root: Path) -> Path | None:
    """Return the folder of the latest checkpoint, if there is any."""
    folders = [path for path in root.iterdir() if _STEP.fullmatch(path.name)] if root.is_dir() else []
    return max(folders, key=lambda path: path.name, default=None)


def remove_checkpoints(root: Path) -> None:
    """Remove all checkpoints, or none of them, where the process is killed."""
    gone = root.with_name(f".{root.name}.old")
    shutil.rmtree(gone, ignore_errors=True)
    if root.exists():
        os.replace(root, gone)
        shutil.rmtree(gone)


def read_state(folder: Path) -> dict[str, Any]:
    """Read the plain values of a checkpoint.

    Raises:
        ValueError: The file is damaged.
    """
    try:
        state: dict[str, Any] = json.loads((folder / "state.json").read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise ValueError(Errors.B424.format(path=folder, problem=error)) from None
    return state


def read_tensors(folder: Path) -> Tensors:
    """Read the tensors of a checkpoint.

    Raises:
        ValueError: A file is damaged.
    """
    try:
        # Cloned: what is loaded may be a view of the file, and the file goes when the next checkpoint is written.
        return {
            path.stem: {name: tensor.clone() for name, tensor in load_file(path).items()}
            for path in sorted(folder.glob("*.safetensors"))
        }
    except (OSError, SafetensorError) as error:
        raise ValueError(Errors.B424.format(path=folder, problem=error)) from None


def _plain(value: Any) -> Any:
    """Turn numpy's numbers and arrays, which scorers may give, into what JSON has."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
