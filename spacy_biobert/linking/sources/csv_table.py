"""A table of one's own: comma-separated, or separated by tabs where the file's name says ``.tsv``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from ...identifiers import to_curie
from ...text_files import numbered_lines
from ..concepts import Concept
from .lines import malformed
from .report import SourceReport
from .tables import read_table, require_columns, split_list

COLUMNS = ("id", "name", "synonyms", "types", "definition", "alternative_ids", "related_ids")
"""The columns that are read, in any order; the first two are needed. Lists are joined by "|"."""


def read_csv(
    path: str | Path,
    *,
    types: tuple[str, ...] | None = None,
    prefix: str | None = None,
    report: SourceReport | None = None,
) -> Iterator[Concept]:
    """Read concepts from a table whose first line names its columns, see :data:`COLUMNS`.

    Args:
        path: The file, with commas, or with tabs where its name ends in ".tsv" (or ".tsv.gz").
        types: The types of all concepts, in place of each row's own.
        prefix: The vocabulary of ids that name none.
        report: Where to count the cells of columns that are not read.

    Yields:
        A concept for each row.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A column that is needed is missing, a row has no id, no name, or not as many cells as there are
            columns, or the file is not UTF-8.
    """
    report = SourceReport() if report is None else report
    delimiter = "\t" if ".tsv" in Path(path).suffixes else ","
    rows = read_table(path, numbered_lines(path, keep_ends=True), delimiter=delimiter)
    first = next(rows, None)
    if first is None:
        # A table without rows has nothing to complain of here; building from it has.
        return
    require_columns(path, first[1], ("id", "name"))

    def ids(cell: str) -> tuple[str, ...]:
        return tuple(to_curie(identifier, prefix) for identifier in split_list(cell))

    for number, row in chain([first], rows):
        for column in row.keys() - set(COLUMNS):
            report.skip(f"cells of the column '{column}'")
        if not row["id"]:
            raise malformed(path, number, "there is no id")
        if not row["name"]:
            raise malformed(path, number, "there is no name")
        yield Concept(
            id=to_curie(row["id"], prefix),
            name=row["name"],
            synonyms=split_list(row.get("synonyms", "")),
            types=split_list(row.get("types", "")) if types is None else types,
            definition=row.get("definition") or None,
            alternative_ids=ids(row.get("alternative_ids", "")),
            related_ids=ids(row.get("related_ids", "")),
        )
