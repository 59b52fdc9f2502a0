"""Lines of text files, with an error that names file and line for what is no text."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from ...errors import Errors


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 file, gzipped where its name ends in ".gz", with their numbers from 1.

    Line ends, a byte order mark and blank lines are left out.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is not UTF-8, or the compressed data end too early.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(Errors.B231.format(path=path))
    with _open(path) as file:
        number = 0
        try:
            for number, line in enumerate(file, start=1):
                text = line.decode("utf-8-sig" if number == 1 else "utf8").rstrip("\r\n")
                if text.strip():
                    yield number, text
        except UnicodeDecodeError as error:
            raise ValueError(Errors.B232.format(path=path, line=number, reason=error.reason)) from error
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(Errors.B233.format(path=path, line=number, reason=error)) from error


def malformed(path: str | Path, line: int, reason: str) -> ValueError:
    """Return the error for a line that is not in its file's format."""
    return ValueError(Errors.B234.format(path=path, line=line, reason=reason))


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")
