"""The lines of a vocabulary's file, and the error for one that is not as it should be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...errors import Errors
from ...text_files import numbered_lines


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 file, gzipped or not, with their numbers from 1; blank lines are left out.

    Raises:
        FileNotFoundError: There is no such file.
        IsADirectoryError: It is a folder.
        ValueError: A line is not UTF-8, the file is an archive of files, or the compressed data end too early.
    """
    return ((number, line) for number, line in numbered_lines(path) if line.strip())


def malformed(path: str | Path, line: int, reason: str) -> ValueError:
    """Return the error for a line that is not in its file's format."""
    return ValueError(Errors.B234.format(path=path, line=line, reason=reason))
