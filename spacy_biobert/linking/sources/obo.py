r"""Ontologies in OBO format: Disease Ontology, HPO, GO, MONDO, ChEBI.

The format: https://owlcollab.github.io/oboformat/doc/GO.format.obo-1_4.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ...identifiers import concept_url, to_curie
from ..concepts import Concept
from .lines import malformed, read_lines

NAME_SCOPES = frozenset(("EXACT", "NARROW", "RELATED"))
"""Scopes of the synonyms that are names of the concept. A BROAD one names something more general."""

_STANZA = re.compile(r"\[(\w+)\]\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(\w*)')
_ESCAPE = re.compile(r"\\(.)")
_WHITE_ESCAPES = {"n": "\n", "t": "\t", "W": " "}


class _Tag(NamedTuple):
    line: int
    name: str
    value: str


def read_obo(path: str | Path, *, types: tuple[str, ...] | None = None) -> Iterator[Concept]:
    """Read the terms of an OBO file. Obsolete ones are left out.

    Args:
        path: The file.
        types: The types of all concepts; a term's namespace where there are none given.

    Yields:
        A concept for each term. Its synonyms are the term's but the broad ones; its alternative ids are ``alt_id`` and
        the cross-references to vocabularies that :mod:`spacy_biobert.identifiers` knows.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is no tag, a term has no id or no name, or the file is not UTF-8.
    """
    for start, tags in _terms(path):
        if any(tag.name == "is_obsolete" and tag.value == "true" for tag in tags):
            continue
        yield _concept(path, start, tags, types)


def _terms(path: str | Path) -> Iterator[tuple[int, list[_Tag]]]:
    """Yield the tags of each ``[Term]``, and the line at which it begins."""
    kind = ""  # the header has none
    start = 0
    tags: list[_Tag] = []
    for number, line in read_lines(path):
        stanza = _STANZA.fullmatch(line)
        if stanza:
            if kind == "Term":
                yield start, tags
            kind, start, tags = stanza.group(1), number, []
        elif kind == "Term" and not line.startswith("!"):
            name, colon, value = line.partition(":")
            if not colon:
                raise malformed(path, number, "there is no ':' after the tag")
            tags.append(_Tag(number, name.strip(), value.strip()))
    if kind == "Term":
        yield start, tags


def _concept(path: str | Path, start: int, tags: list[_Tag], types: tuple[str, ...] | None) -> Concept:
    identifier = name = ""
    definition = None
    synonyms: list[str] = []
    alternatives: list[str] = []
    namespaces: list[str] = []
    for tag in tags:
        if tag.name == "id":
            identifier = to_curie(_bare(tag.value))
        elif tag.name == "name":
            name = _unescape(_without_modifiers(tag.value))
        elif tag.name == "namespace":
            namespaces.append(_bare(tag.value))
        elif tag.name == "def":
            definition, _ = _quoted(path, tag)
        elif tag.name == "synonym":
            synonym, scope = _quoted(path, tag)
            if scope in NAME_SCOPES or not scope:
                synonyms.append(synonym)
        elif tag.name == "alt_id":
            alternatives.append(to_curie(_bare(tag.value)))
        elif tag.name == "xref":
            reference = to_curie(_bare(tag.value))
            if concept_url(reference) is not None:
                alternatives.append(reference)
    if not identifier:
        raise malformed(path, start, "the term that begins here has no 'id:'")
    if not name:
        raise malformed(path, start, f"the term that begins here, {identifier}, has no 'name:'")
    return Concept(
        id=identifier,
        name=name,
        synonyms=tuple(synonyms),
        types=tuple(namespaces) if types is None else types,
        definition=definition,
        alternative_ids=tuple(dict.fromkeys(alternatives)),
    )


def _bare(value: str) -> str:
    r"""Return an identifier without what may follow it: a description, modifiers, a comment; ``\:`` is a colon."""
    return _unescape(value.split()[0]) if value else ""


def _quoted(path: str | Path, tag: _Tag) -> tuple[str, str]:
    """Return the text in quotation marks at the start of a value, and the word after it."""
    match = _QUOTED.match(tag.value)
    if match is None:
        raise malformed(path, tag.line, f"'{tag.name}:' is not followed by text in quotation marks")
    return _unescape(match.group(1)), match.group(2)


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: _WHITE_ESCAPES.get(match.group(1), match.group(1)), text)


def _without_modifiers(value: str) -> str:
    """Leave out trailing modifiers and comments: ``name: fever {source="x"} ! comment``."""
    return re.sub(r"\s+(?:\{[^{}]*\}\s*)?(?:!.*)?$", "", value + " ")
