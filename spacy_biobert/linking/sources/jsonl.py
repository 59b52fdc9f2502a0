"""Concepts as JSON, one on each line, with the field names of scispaCy's knowledge bases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...identifiers import to_curie
from ..concepts import Concept
from .lines import malformed, read_lines


def read_jsonl(path: str | Path, *, types: tuple[str, ...] | None = None) -> Iterator[Concept]:
    """Read concepts from JSON lines.

    Args:
        path: The file. Its objects have ``concept_id`` and ``canonical_name``, and may have ``aliases``, ``types``,
            ``definition`` and ``alternative_ids``. Other fields are not read.
        types: The types of all concepts, in place of each object's own.

    Yields:
        A concept for each line.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is no JSON object, lacks a field that is needed, or has one of the wrong type; or the file is
            not UTF-8.
    """
    for number, line in read_lines(path):
        try:
            record = json.loads(line)
        except ValueError as error:
            raise malformed(path, number, f"it is not JSON: {error}") from error
        except RecursionError as error:
            raise malformed(path, number, "its JSON is nested too deeply") from error
        if not isinstance(record, dict):
            raise malformed(path, number, "it is not a JSON object")
        definition = record.get("definition")
        if definition is not None and not isinstance(definition, str):
            raise malformed(path, number, "'definition' is not a text")
        own_types = _texts(path, number, record, "types")
        yield Concept(
            id=to_curie(_text(path, number, record, "concept_id")),
            name=_text(path, number, record, "canonical_name"),
            synonyms=_texts(path, number, record, "aliases"),
            types=own_types if types is None else types,
            definition=definition,
            alternative_ids=tuple(map(to_curie, _texts(path, number, record, "alternative_ids"))),
        )


def _text(path: str | Path, number: int, record: dict[str, Any], field: str) -> str:
    value = record.get(field)
    if not isinstance(value, str) or not value.strip():
        raise malformed(path, number, f"'{field}' is missing or is not a text")
    return value.strip()


def _texts(path: str | Path, number: int, record: dict[str, Any], field: str) -> tuple[str, ...]:
    value = record.get(field) or []
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise malformed(path, number, f"'{field}' is not a list of texts")
    return tuple(value)
