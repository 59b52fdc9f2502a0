"""Texts to be annotated, in whatever form people have them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from ..errors import Errors
from ..text_files import GZIP, decoded_lines, numbered_lines, whole_text
from .annotations import AnnotatedDocument, Passage
from .bioc import read_bioc
from .formats import format_of, guess_format
from .pubmed import read_pubmed
from .pubtator import read_pubtator

_READERS = {"pubtator": read_pubtator, "bioc": read_bioc, "pubmed": read_pubmed}
_SURROGATE = re.compile("[\ud800-\udfff]")
_STANDARD_INPUT = "standard input"


def read_texts(path: str) -> Iterator[AnnotatedDocument]:
    """Read texts.

    Args:
        path: A folder, of whose ``.txt`` files each is one text, empty ones too; or a file, or "-" for standard input,
            plain or gzipped: PubTator, BioC (XML or JSON), PubMed XML, JSON lines, or a JSON list, of objects with a
            ``text`` each, or one text a line, blank lines aside.

    Yields:
        Documents. Those of a corpus are as they stand there, annotations and all; other texts are one passage each, as
        they stand in the line or the file, so that offsets are the same, and called by their number or their file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A file is malformed, or not UTF-8.
    """
    if path == "-":
        yield from _of_stream(_STANDARD_INPUT, sys.stdin.buffer)
    elif Path(path).is_dir():
        files = sorted(file for file in Path(path).iterdir() if file.name.lower().endswith((".txt", ".txt.gz")))
        yield from (_plain(file.name, whole_text(file)) for file in files)
    elif Path(path).exists() and not Path(path).is_file():
        with Path(path).open("rb") as stream:
            yield from _of_stream(path, stream)
    else:
        yield from _of_file(Path(path))


def _of_stream(source: str, stream: BinaryIO) -> Iterator[AnnotatedDocument]:
    """Read a pipe: texts and JSON lines as they come, all else, of which a line says too little, when it is there."""
    first = stream.readline()
    if first.startswith(GZIP) or _is_part(first):
        with TemporaryDirectory() as folder:
            file = Path(folder) / Path(source).name
            with file.open("wb") as copy:
                copy.write(first)
                copyfileobj(stream, copy)
            yield from _of_file(file)
    else:
        yield from _of_lines(source, decoded_lines(source, chain([first], stream)))


def _is_part(line: bytes) -> bool:
    """Tell whether a first line is part of something larger, and no text or object by itself."""
    format = format_of(line)
    if format == "json":
        return not _is_object(line.decode("utf-8-sig", errors="replace"))
    return format != "lines" or line.strip() in (b"[", b"{", b"[{")


def _of_file(path: Path) -> Iterator[AnnotatedDocument]:
    """Read a file in the format that its beginning has."""
    format = guess_format(path)
    if format in _READERS:
        yield from _READERS[format](path)
    elif format == "json" and not _has_json_lines(path):
        yield from _of_whole_json(path)
    else:
        yield from _of_lines(str(path), numbered_lines(path))


def _has_json_lines(path: Path) -> bool:
    return _is_object(next(line for _, line in numbered_lines(path) if line.strip()))


def _plain(name: str, text: str) -> AnnotatedDocument:
    """Make a document of a text that is nothing more."""
    return AnnotatedDocument(name, (Passage("text", text),))


def _of_lines(source: str, lines: Iterable[tuple[int, str]]) -> Iterator[AnnotatedDocument]:
    """Read one text a line; where the first line is a JSON object, each of them has to be one with a text."""
    is_json: bool | None = None
    for number, line in lines:
        if not line.strip():
            continue
        if is_json is None:
            is_json = _is_object(line)
        if is_json:
            yield _of_json(source, number, line)
        else:
            yield _plain(str(number), line)


def _of_whole_json(path: Path) -> Iterator[AnnotatedDocument]:
    """Read a file that is one list of JSON objects, or one object, whatever its lines."""
    text = whole_text(path).removeprefix("\ufeff")
    try:
        data = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise ValueError(Errors.B370.format(path=path, line=line, reason=error)) from error
    for number, item in enumerate(data if isinstance(data, list) else [data], start=1):
        yield _of_object(str(path), number, item)


def _of_json(source: str, number: int, line: str) -> AnnotatedDocument:
    """Read one of a file of JSON lines."""
    try:
        data = json.loads(line)
    except ValueError as error:
        raise ValueError(Errors.B370.format(path=source, line=number, reason=error)) from error
    return _of_object(source, number, data)


def _of_object(source: str, number: int, data: Any) -> AnnotatedDocument:
    """Take an object's text, and what it is called, "id" or "title", or else its number."""
    text = data.get("text") if isinstance(data, dict) else None
    if not isinstance(text, str):
        raise ValueError(Errors.B370.format(path=source, line=number, reason='it has no "text"'))
    title = str(next((data[key] for key in ("id", "title") if data.get(key) is not None), number))
    if _SURROGATE.search(text) or _SURROGATE.search(title):
        reason = "its text or name has half of a character, an escape from \\ud800 to \\udfff by itself"
        raise ValueError(Errors.B370.format(path=source, line=number, reason=reason))
    return _plain(title, text)


def _is_object(line: str) -> bool:
    """Tell whether a line is a JSON object by itself."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
