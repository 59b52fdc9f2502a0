"""Plain text to pretrain on: files or folders of them, one document a line, gzipped or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import Errors
from ..text_files import numbered_lines

_SUFFIXES = (".txt", ".txt.gz")


def text_files(paths: Iterable[Path]) -> list[Path]:
    """List the files to read: each path that is a file, and every ``.txt`` and ``.txt.gz`` file below one that is not.

    Raises:
        FileNotFoundError: A path does not exist, or there is no text below it.
    """
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(Errors.B450.format(path=path))
        found = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.name.endswith(_SUFFIXES))
        if not found:
            raise FileNotFoundError(Errors.B451.format(path=path, suffixes=" or ".join(_SUFFIXES)))
        files += found
    return files


def read_documents(files: Iterable[Path]) -> Iterator[str]:
    """Yield the documents of files, one a line; blank lines are none.

    Raises:
        ValueError: A file is not UTF-8, or its compressed data are damaged.
    """
    for path in files:
        for _, line in numbered_lines(path):
            if text := line.strip():
                yield text
