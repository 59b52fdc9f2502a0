"""Readers of knowledge bases' own formats, each a function from a file to concepts.

A new format is a new module with such a function and a line in :data:`READERS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ..concepts import Concept
from .jsonl import read_jsonl
from .medic import read_medic
from .obo import read_obo


class Reader(Protocol):
    """What all readers are."""

    def __call__(self, path: str | Path, *, types: tuple[str, ...] | None = None) -> Iterator[Concept]:
        """Read a file, gzipped or not; ``types``, where given, are the types of all concepts."""


READERS: dict[str, Reader] = {"jsonl": read_jsonl, "medic": read_medic, "obo": read_obo}
"""The reader of each format that ``spacy biobert kb build --format`` knows."""

__all__ = ["READERS", "Reader", "read_jsonl", "read_medic", "read_obo"]
