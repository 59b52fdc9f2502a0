"""Concepts as JSON, with the field names of scispaCy's knowledge bases: an object on each line, or one list of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...identifiers import to_curie
from ...text_files import whole_text
from ..concepts import Concept
from .lines import malformed, read_lines
from .report import SourceReport


def read_jsonl(
    path: str | Path,
    *,
    types: tuple[str, ...] | None = None,
    prefix: str | None = None,
    report: SourceReport | None = None,
) -> Iterator[Concept]:
    """Read concepts from JSON lines, or from a file that is one JSON list (which is then whole in memory).

    Args:
        path: The file. Its objects have ``concept_id`` and ``canonical_name``, and may have ``aliases``, ``types``,
            ``definition``, ``alternative_ids`` and ``related_ids``.
        types: The types of all concepts, in place of each object's own.
        prefix: The vocabulary of ids that name none: "UMLS" for scispaCy's own files.
        report: Where to count fields that are not read.

    Yields:
        A concept for each object.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is no JSON object, lacks a field that is needed, or has one of the wrong type; or the file is
            not UTF-8.
    """
    report = SourceReport() if report is None else report

    def curies(number: int, record: dict[str, Any], field: str) -> tuple[str, ...]:
        return tuple(to_curie(identifier, prefix) for identifier in _texts(path, number, record, field))

    for number, record in _records(path):
        if not isinstance(record, dict):
            raise malformed(path, number, "it is not a JSON object")
        for unknown in record.keys() - _FIELDS:
            report.skip(f"fields '{unknown}'")
        definition = record.get("definition")
        if definition is not None and not isinstance(definition, str):
            raise malformed(path, number, "'definition' is not a text")
        own_types = _texts(path, number, record, "types")
        yield Concept(
            id=to_curie(_text(path, number, record, "concept_id"), prefix),
            name=_text(path, number, record, "canonical_name"),
            synonyms=_texts(path, number, record, "aliases"),
            types=own_types if types is None else types,
            definition=definition,
            alternative_ids=curies(number, record, "alternative_ids"),
            related_ids=curies(number, record, "related_ids"),
        )


_FIELDS = {"concept_id", "canonical_name", "aliases", "types", "definition", "alternative_ids", "related_ids"}


def _records(path: str | Path) -> Iterator[tuple[int, Any]]:
    """Yield what the file holds, with the line of each; for a list, the place of each in it."""
    for number, line in read_lines(path):
        if line.lstrip().startswith("[") and number == 1:
            yield from enumerate(_parse(path, 1, whole_text(path).removeprefix("\ufeff")), start=1)
            return
        yield number, _parse(path, number, line)


def _parse(path: str | Path, number: int, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise malformed(path, number, f"it is not JSON: {error}") from error
    except RecursionError as error:
        raise malformed(path, number, "its JSON is nested too deeply") from error


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
