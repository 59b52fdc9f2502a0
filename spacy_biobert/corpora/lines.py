"""Lines of a text file with their numbers, read strictly: a corpus that cannot be decoded is never guessed at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..errors import Errors


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read a UTF-8 text file line by line.

    Lines end with LF or CRLF and with nothing else, since text may hold any other separator that Unicode knows. A byte
    order mark at the start is dropped.

    Args:
        path: The file.

    Yields:
        The line's number, from 1, and the line without its end.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is not UTF-8.
    """
    if not path.is_file():
        raise FileNotFoundError(Errors.B301.format(path=path))
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                message = Errors.B302.format(path=path, line=number, byte=raw[error.start], column=error.start + 1)
                raise ValueError(message) from None
            yield number, line.removesuffix("\n").removesuffix("\r")
