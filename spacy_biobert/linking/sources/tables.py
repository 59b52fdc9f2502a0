"""Tables whose first line names the columns: comma-separated, or separated by tabs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ...errors import Errors
from .lines import malformed

Row = Mapping[str, str]


def read_table(
    path: str | Path, lines: Iterable[tuple[int, str]], *, delimiter: str, columns: Sequence[str] | None = None
) -> Iterator[tuple[int, Row]]:
    """Yield the rows of a table.

    Args:
        path: The file, for messages.
        lines: Its lines with their numbers, each with its end: a text in quotation marks may hold several lines.
        delimiter: "," or a tab. Quotation marks have no meaning where it is a tab.
        columns: The names of the columns; None where the first line has them.

    Yields:
        The number of the last line of each row, and its cells, without white space around them, by column.

    Raises:
        ValueError: A row has more or fewer cells than there are columns, or a quotation mark is not closed.
    """
    number = 0

    def texts() -> Iterator[str]:
        nonlocal number
        for number, line in lines:  # noqa: B007
            yield line

    reader = csv.reader(
        texts(), delimiter=delimiter, strict=True, quoting=csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
    )
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = [cell.strip() for cell in cells]
                continue
            if len(cells) != len(columns):
                raise malformed(path, number, f"there are {len(cells)} cells, where {len(columns)} columns are named")
            yield number, dict(zip(columns, (cell.strip() for cell in cells), strict=True))
    except csv.Error as error:
        raise malformed(path, number, f"{error}; is a quotation mark not closed?") from error


def split_list(text: str, separator: str = "|") -> tuple[str, ...]:
    """Return the texts of a cell that holds several."""
    return tuple(part for part in (part.strip() for part in text.split(separator)) if part)


def require_columns(path: str | Path, found: Iterable[str], needed: Iterable[str]) -> None:
    """Raise where a table lacks a column.

    Raises:
        ValueError: It does.
    """
    found = list(found)
    if missing := [column for column in needed if column not in found]:
        raise ValueError(Errors.B273.format(path=path, missing=", ".join(missing), found=", ".join(found) or "none"))
