"""Files written whole or not at all, new folders, and checksums."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import Errors

_BLOCK = 1 << 20
"""Bytes that are read at a time."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside a file to write to, and move it there when the block ends well; else it disappears.

    Whoever reads the file, has it mapped, or stops this program, has the old file or the new one. Folders above it are
    made.

    Args:
        path: The file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        yield part
        # Or, when the power fails, the new name may be on disk, and what it names not yet.
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def require_new(folder: Path) -> None:
    """Check that nothing lies where a folder shall be made, but for an empty one.

    Raises:
        FileExistsError: Something does.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(Errors.B046.format(path=folder))


def file_digest(path: Path, algorithm: str) -> str:
    """Return the checksum of a file, in hexadecimal digits.

    Args:
        path: The file.
        algorithm: A name that `hashlib.new` knows, such as "sha256".
    """
    # hashlib.file_digest came with Python 3.11.
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
