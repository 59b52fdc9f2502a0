"""Text files and their lines, gzipped or not, with an error that names file and line for what is no text."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from ...corpora.lines import how_to_decode
from ...errors import Errors

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 file, gzipped or not, with their numbers from 1.

    Line ends, a byte order mark and blank lines are left out.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is not UTF-8, or the compressed data end too early.
    """
    for number, line in read_whole_lines(path):
        text = line.rstrip("\r\n")
        if text.strip():
            yield number, text


def read_whole_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield every line as :func:`read_lines` does, but blank ones too, and each with its end."""
    with open_source(path) as file:
        number = 0
        try:
            for number, line in enumerate(file, start=1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf8")
        except UnicodeDecodeError as error:
            raise ValueError(
                Errors.B232.format(path=path, line=number, reason=error.reason, advice=how_to_decode(line))
            ) from error
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(Errors.B233.format(path=path, line=number, reason=error)) from error


@contextmanager
def open_source(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a file to read its bytes. Whether it is gzipped is told by how it begins, not by its name.

    Raises:
        FileNotFoundError: There is no such file.
        IsADirectoryError: It is a folder.
        ValueError: It is an archive of files.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(Errors.B279.format(path=path))
    if not path.is_file():
        raise FileNotFoundError(Errors.B231.format(path=path))
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        if start == _ZIP:
            raise ValueError(Errors.B275.format(path=path))
        if start.startswith(_GZIP):
            with gzip.open(file) as unpacked:
                yield cast(IO[bytes], unpacked)
        else:
            yield file


def malformed(path: str | Path, line: int, reason: str) -> ValueError:
    """Return the error for a line that is not in its file's format."""
    return ValueError(Errors.B234.format(path=path, line=line, reason=reason))
