"""Reading one or more files of one format, and recording where the concepts came from."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import Errors
from ...files import file_digest
from ..concepts import Concept
from . import READERS
from .report import SourceReport
from .rrf import rrf_files


class SourceReading:
    """The concepts of files, and after they were read what to record of them.

    Args:
        paths: The files, or for "rrf" the folder. Of several, the concepts follow one another.
        source_format: One of :data:`.READERS`.
        types: The types of all concepts, in place of the source's.
        name: What to call the knowledge base; the first file's name where there is none.
        version: The version of the source, where the source does not state it itself or states it wrongly.
        options: What else the format's reader takes.

    Raises:
        ValueError: There is no such format, or it has no such option.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        source_format: str,
        *,
        types: tuple[str, ...] | None = None,
        name: str = "",
        version: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if source_format not in READERS:
            raise ValueError(Errors.B251.format(format=source_format, formats=", ".join(READERS)))
        self._reader = READERS[source_format]
        self._paths = list(paths)
        self._format = source_format
        self._types = types
        self._name = name
        self._version = version
        self._options = dict(options or {})
        self.reports: list[SourceReport] = []
        known = inspect.signature(self._reader).parameters.keys() - {"path", "types", "report"}
        for option in self._options.keys() - known:
            raise ValueError(
                Errors.B278.format(format=source_format, option=option, known=", ".join(sorted(known)) or "none")
            )

    def __iter__(self) -> Iterator[Concept]:
        for path in self._paths:
            report = SourceReport()
            self.reports.append(report)
            yield from self._reader(path, types=self._types, report=report, **self._options)

    @property
    def skipped(self) -> dict[str, int]:
        """How many of each kind of thing were left out, by a description."""
        return dict(sum((report.skipped for report in self.reports), start=SourceReport().skipped))

    def describe(self) -> dict[str, Any]:
        """Return the record of the source, for ``meta.json``: complete when all concepts were read."""
        versions = dict.fromkeys(report.version for report in self.reports if report.version)
        record = {
            "name": self._name or _title(self._paths[0]),
            "format": self._format,
            "version": self._version or ", ".join(versions),
            "files": [
                {"name": file.name, "size": file.stat().st_size, "sha256": file_digest(file, "sha256")}
                for path in self._paths
                for file in (rrf_files(path) if path.is_dir() else [path])
            ],
            "options": self._options,
            "skipped": self.skipped,
        }
        return {key: value for key, value in record.items() if value}


def _title(path: Path) -> str:
    """Return a file's name without its endings, or a folder's name."""
    name = path.absolute().name
    return name if path.is_dir() else name.removesuffix(".gz").rpartition(".")[0] or name
