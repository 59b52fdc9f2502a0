"""Readers of knowledge bases' own formats, each a function from a file to concepts.

A new format is a new module with such a function and a line in :data:`READERS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ..concepts import Concept
from .csv_table import read_csv
from .ctd import read_ctd
from .gene_info import read_gene_info
from .jsonl import read_jsonl
from .medic import read_medic
from .mesh import read_mesh, read_mesh_table
from .obo import read_obo
from .report import SourceReport
from .rrf import read_rrf


class Reader(Protocol):
    """What all readers are. Some have more options, which are keywords."""

    def __call__(
        self, path: str | Path, *, types: tuple[str, ...] | None = None, report: SourceReport | None = None
    ) -> Iterator[Concept]:
        """Read a file, gzipped or not.

        ``types``, where given, are the types of all concepts; ``report`` is told the source's version, and what is left
        out.
        """


READERS: dict[str, Reader] = {
    "csv": read_csv,
    "ctd": read_ctd,
    "gene_info": read_gene_info,
    "jsonl": read_jsonl,
    "medic": read_medic,
    "mesh": read_mesh,
    "mesh_table": read_mesh_table,
    "obo": read_obo,
    "rrf": read_rrf,
}
"""The reader of each format that ``spacy biobert kb build --format`` knows."""

__all__ = [
    "READERS",
    "Reader",
    "SourceReport",
    "read_csv",
    "read_ctd",
    "read_gene_info",
    "read_jsonl",
    "read_medic",
    "read_mesh",
    "read_mesh_table",
    "read_obo",
    "read_rrf",
]
