"""What BioC's two syntaxes have in common: each document as the nested mapping that BioC JSON is.

XML is read a document at a time. Each of its documents, passages and annotations knows the line that it starts at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import Any
from xml.parsers import expat

from ..errors import Errors
from ..text_files import opened, whole_text

LINE = "@line"
"""Where an element read from XML keeps the number of its line."""

_LISTS = {
    name[:-1]: name for name in ("documents", "passages", "sentences", "annotations", "relations", "locations", "nodes")
}
_VALUES = ("id", "offset", "text")
# What JSON has in each of these elements, be it empty.
_ALWAYS = {"document": ("passages",), "annotation": ("locations",)}
_CHUNK = 1 << 16


def bioc_documents(path: Path) -> Iterator[dict[str, Any]]:
    """Read the documents of a BioC file, XML or JSON, plain or gzipped.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is neither.
    """
    with opened(path) as file:
        start = file.read(_CHUNK).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<"):
        with opened(path) as file:
            yield from _from_xml(path, file)
    else:
        yield from _from_json(path)


class _Builder:
    """Handlers that turn the events of an XML parser into documents."""

    def __init__(self) -> None:
        self.done: list[dict[str, Any]] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self._open: list[dict[str, Any]] = [{}]
        self._key = ""
        self._text: list[str] = []
        self.root = ""

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.root = self.root or tag
        self._text = []
        self._key = attributes.get("key", "")
        if tag in _LISTS:
            empty: dict[str, Any] = {name: [] for name in _ALWAYS.get(tag, ())}
            self._open.append({LINE: self.parser.CurrentLineNumber, **attributes, **empty})

    def _end(self, tag: str) -> None:
        if tag in _LISTS:
            item = self._open.pop()
            if tag == "document":
                self.done.append(item)
            else:
                self._open[-1].setdefault(_LISTS[tag], []).append(item)
        elif tag == "infon":
            self._open[-1].setdefault("infons", {})[self._key] = "".join(self._text)
        elif tag in _VALUES:
            self._open[-1][tag] = "".join(self._text)
        self._text = []

    def _characters(self, text: str) -> None:
        self._text.append(text)


def _from_xml(path: Path, file: BufferedIOBase) -> Iterator[dict[str, Any]]:
    """Read documents as XML."""
    builder = _Builder()
    while True:
        chunk = file.read(_CHUNK)
        try:
            builder.parser.Parse(chunk, not chunk)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise ValueError(Errors.B360.format(path=path, place=f":{error.lineno}", reason=reason)) from None
        yield from builder.done
        builder.done.clear()
        if not chunk:
            break
    if builder.root not in ("collection", "document"):
        reason = f"it starts with <{builder.root}>"
        raise ValueError(Errors.B360.format(path=path, place=":1", reason=reason))


def _from_json(path: Path) -> Iterator[dict[str, Any]]:
    """Read documents as JSON: a collection, a list of collections or documents, or one of either a line."""
    text = whole_text(path).removeprefix("\ufeff")
    decoder = json.JSONDecoder()
    position, line = 0, 1
    while position < len(text):
        if text[position].isspace():
            line += text[position] == "\n"
            position += 1
            continue
        try:
            value, end = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise ValueError(Errors.B360.format(path=path, place=f":{error.lineno}", reason=error.msg)) from None
        yield from _unpacked(path, value, line)
        # From here on, not from the beginning: there may be a document on each of a million lines.
        line += text.count("\n", position, end)
        position = end


def _unpacked(path: Path, value: Any, line: int) -> Iterator[dict[str, Any]]:
    """Find the documents in a value: PubTator's own service puts them under its name."""
    if isinstance(value, list):
        for item in value:
            yield from _unpacked(path, item, line)
    elif isinstance(value, dict) and "passages" in value:
        yield value
    elif isinstance(value, dict) and isinstance(value.get("documents", value.get("PubTator3")), list):
        yield from _unpacked(path, value.get("documents", value.get("PubTator3")), line)
    else:
        reason = f"{str(value)[:40]!r} holds no documents"
        raise ValueError(Errors.B360.format(path=path, place=f":{line}", reason=reason))
