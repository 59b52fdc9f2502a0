"""Text files, plain or gzipped, read strictly: what cannot be decoded is never guessed at."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path

from .errors import Errors

GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_UTF_16 = "It is UTF-16: convert it with iconv -f utf-16 -t utf-8."
_ADVICE = {
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
    _ZIP: "It is a zip archive, as .docx and .xlsx files are, too: unpack it, or save it as text.",
    b"\x78\x9c": "It is packed by zlib, as .spacy files are: these are converted already.",
}
"""What to do with a file that begins so."""


@contextmanager
def opened(path: str | Path) -> Iterator[BufferedIOBase]:
    """Open a file to read bytes; one that is gzipped, whatever its name, is unpacked on the way.

    Raises:
        FileNotFoundError: There is no such file.
        IsADirectoryError: It is a folder.
        ValueError: It is an archive of files; or it is gzipped, and damaged or cut off.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(Errors.B341.format(path=path))
    if not path.is_file():
        raise FileNotFoundError(Errors.B301.format(path=path))
    with path.open("rb") as raw:
        start = raw.read(len(_ZIP))
        raw.seek(0)
        if start == _ZIP:
            raise ValueError(Errors.B307.format(path=path))
        try:
            with gzip.GzipFile(fileobj=raw) if start.startswith(GZIP) else raw as file:
                yield file
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(Errors.B342.format(path=path, reason=error)) from None


def numbered_lines(path: str | Path, *, keep_ends: bool = False) -> Iterator[tuple[int, str]]:
    """Read a UTF-8 text file line by line.

    Lines end with LF or CRLF and with nothing else, since text may hold any other separator that Unicode knows. A byte
    order mark at the start is dropped.

    Args:
        path: The file, plain or gzipped.
        keep_ends: Whether lines keep their ends.

    Yields:
        The line's number, from 1, and the line.

    Raises:
        FileNotFoundError: There is no such file.
        IsADirectoryError: It is a folder.
        ValueError: A line is not UTF-8, the file is an archive of files, or a gzipped file is damaged.
    """
    with opened(path) as file:
        yield from decoded_lines(path, file, keep_ends=keep_ends)


def decoded_lines(source: str | Path, file: Iterable[bytes], *, keep_ends: bool = False) -> Iterator[tuple[int, str]]:
    """Read the lines of an open file as `numbered_lines` does; ``source`` names it in messages."""
    for number, raw in enumerate(file, 1):
        line = _decoded(source, number, raw, "utf-8-sig" if number == 1 else "utf-8")
        yield number, line if keep_ends else line.removesuffix("\n").removesuffix("\r")


def whole_text(path: str | Path) -> str:
    """Read a UTF-8 text file as it is, each character that an offset may count in its place.

    Raises:
        FileNotFoundError: There is no such file.
        IsADirectoryError: It is a folder.
        ValueError: A line is not UTF-8, the file is an archive of files, or a gzipped file is damaged.
    """
    with opened(path) as file:
        return "".join(_decoded(path, number, raw, "utf-8") for number, raw in enumerate(file, 1))


def _how_to_decode(raw: bytes) -> str:
    """Say what to do with a file that is not UTF-8, by the line that is not."""
    for start, advice in _ADVICE.items():
        if raw.startswith(start):
            return advice
    if b"\0" in raw:
        return "It is no text, or text in UTF-16; that is converted with iconv -f utf-16 -t utf-8."
    return "Save the file as UTF-8, for example with iconv -f latin1 -t utf-8."


def _decoded(source: str | Path, number: int, raw: bytes, encoding: str) -> str:
    """Decode a line, or say which byte is wrong."""
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        # What was decoded has no byte order mark any more, and columns are counted after it.
        where = {"line": number, "byte": error.object[error.start], "column": error.start + 1}
        raise ValueError(Errors.B302.format(path=source, advice=_how_to_decode(raw), **where)) from None
