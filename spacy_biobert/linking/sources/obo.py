r"""Ontologies in OBO format: Disease Ontology, HPO, GO, MONDO, ChEBI.

The format: https://owlcollab.github.io/oboformat/doc/GO.format.obo-1_4.html
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ...errors import Errors
from ...identifiers import concept_url, to_curie
from ..concepts import Concept
from .lines import malformed, read_lines
from .report import SourceReport

NAME_SCOPES = frozenset(("EXACT", "NARROW", "RELATED"))
"""Scopes of the synonyms that are names of the concept. A BROAD one names something more general."""

STRUCTURE_TYPES = frozenset(("FORMULA", "InChI", "InChIKey", "SMILES"))
"""Types of the synonyms by which ChEBI writes structures, and nobody calls them."""

_STANZA = re.compile(r"\[(\w+)\]\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(\w*)[ \t]*([\w:.-]*)')
_ESCAPE = re.compile(r"\\(.)")
_WHITE_ESCAPES = {"n": "\n", "t": "\t", "W": " "}
_MODIFIERS = re.compile(r"\s+(?:\{\s*\w[^{}]*=[^{}]*\}\s*)?(?:!.*)?$")
_QUALIFIER_SOURCE = re.compile(r'\bsource="(MONDO:\w+)"')


class _Tag(NamedTuple):
    line: int
    name: str
    value: str


class _Header(NamedTuple):
    """What the lines before the first stanza say of the whole file, and which terms replace others."""

    version: str
    namespace: str
    replaced: Mapping[str, tuple[str, ...]]


def read_obo(
    path: str | Path, *, types: tuple[str, ...] | None = None, report: SourceReport | None = None
) -> Iterator[Concept]:
    """Read the terms of an OBO file. Obsolete ones are left out; their ids live on where another term replaces them.

    Args:
        path: The file; read twice, since an obsolete term may stand after the one that replaces it.
        types: The types of all concepts; a term's namespace, or the file's, where there are none given.
        report: Where to put the version, and to count what is left out.

    Yields:
        A concept for each term. Its synonyms are the term's but the broad ones and chemical structures. Its alternative
        ids are ``alt_id``, the obsolete terms that it replaces, and the cross-references to vocabularies that
        :mod:`spacy_biobert.identifiers` knows; where MONDO says what a reference means, only those that say
        "equivalent".

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is no tag, a term has no id or no name, obsolete terms replace each other in a circle, or the
            file is not UTF-8.
    """
    report = SourceReport() if report is None else report
    header = _read_header(path)
    report.version = header.version
    for start, tags in _terms(path):
        if _is_obsolete(tags):
            report.skip("obsolete terms")
        else:
            yield _concept(path, start, tags, types, header, report)


def _read_header(path: str | Path) -> _Header:
    """Read what must be known of a file before its terms."""
    values: dict[str, str] = {}
    for _, line in read_lines(path):
        if _STANZA.fullmatch(line):
            break
        name, _, value = line.partition(":")
        values.setdefault(name.strip(), _without_modifiers(value.strip()))
    targets: dict[str, str] = {}
    for _, tags in _terms(path):
        if _is_obsolete(tags):
            by_name = {tag.name: _bare(tag.value) for tag in tags}
            if by_name.get("id") and by_name.get("replaced_by"):
                targets[to_curie(by_name["id"])] = to_curie(by_name["replaced_by"])
    return _Header(
        version=values.get("data-version") or values.get("date", ""),
        namespace=values.get("default-namespace", ""),
        replaced=_replaced(path, targets),
    )


def _replaced(path: str | Path, targets: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Turn "is replaced by" around, following terms that were themselves replaced."""
    replaced: defaultdict[str, list[str]] = defaultdict(list)
    for identifier in targets:
        chain = [identifier]
        while (target := targets.get(chain[-1])) is not None:
            if target in chain:
                raise ValueError(Errors.B277.format(path=path, chain=" → ".join([*chain, target])))
            chain.append(target)
        replaced[chain[-1]].append(identifier)
    return {target: tuple(identifiers) for target, identifiers in replaced.items()}


def _is_obsolete(tags: list[_Tag]) -> bool:
    return any(tag.name == "is_obsolete" and _bare(tag.value) == "true" for tag in tags)


def _terms(path: str | Path) -> Iterator[tuple[int, list[_Tag]]]:
    """Yield the tags of each ``[Term]``, and the line at which it begins."""
    kind = ""  # the header has none
    start = 0
    tags: list[_Tag] = []
    for number, line in _joined_lines(path):
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


def _joined_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    r"""Yield lines; one that ends in a backslash goes on in the next. An escaped backslash at the end is none."""
    parts: list[str] = []
    first = 0
    for number, line in read_lines(path):
        first = first if parts else number
        if (len(line) - len(line.rstrip("\\"))) % 2:
            parts.append(line[:-1])
            continue
        yield first, "".join([*parts, line])
        parts = []
    if parts:
        yield first, "".join(parts)


def _concept(
    path: str | Path,
    start: int,
    tags: list[_Tag],
    types: tuple[str, ...] | None,
    header: _Header,
    report: SourceReport,
) -> Concept:
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
            definition, _, _ = _quoted(path, tag)
        elif tag.name == "synonym":
            synonym, scope, kind = _quoted(path, tag)
            if scope and scope not in NAME_SCOPES:
                report.skip("broad synonyms")
            elif kind in STRUCTURE_TYPES:
                report.skip("chemical structures among the synonyms")
            else:
                synonyms.append(synonym)
        elif tag.name == "alt_id":
            alternatives.append(to_curie(_bare(tag.value)))
        elif tag.name == "xref":
            reference = to_curie(_bare(tag.value))
            if concept_url(reference) is None:
                report.skip("cross-references to other vocabularies")
            elif not _means_the_same(tag.value):
                report.skip("cross-references that are not to the same concept")
            else:
                alternatives.append(reference)
    if not identifier:
        raise malformed(path, start, "the term that begins here has no 'id:'")
    if not name:
        raise malformed(path, start, f"the term that begins here, {identifier}, has no 'name:'")
    alternatives.extend(header.replaced.get(identifier, ()))
    own_types = tuple(namespaces) or ((header.namespace,) if header.namespace else ())
    return Concept(
        id=identifier,
        name=name,
        synonyms=tuple(synonyms),
        types=own_types if types is None else types,
        definition=definition,
        alternative_ids=tuple(dict.fromkeys(alternatives)),
    )


def _means_the_same(value: str) -> bool:
    """Whether a cross-reference is to the same concept: it is, unless MONDO calls it something else."""
    meanings = _QUALIFIER_SOURCE.findall(value)
    meanings = [meaning for meaning in meanings if not meaning.removeprefix("MONDO:").isdecimal()]
    return not meanings or "MONDO:equivalentTo" in meanings


def _bare(value: str) -> str:
    r"""Return an identifier without what may follow it: a description, modifiers, a comment; ``\:`` is a colon."""
    return _unescape(value.split()[0]) if value else ""


def _quoted(path: str | Path, tag: _Tag) -> tuple[str, str, str]:
    """Return the text in quotation marks at the start of a value, and the two words after it: scope and type."""
    match = _QUOTED.match(tag.value)
    if match is None:
        raise malformed(path, tag.line, f"'{tag.name}:' is not followed by text in quotation marks")
    return _unescape(match.group(1)), match.group(2), match.group(3)


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: _WHITE_ESCAPES.get(match.group(1), match.group(1)), text)


def _without_modifiers(value: str) -> str:
    """Leave out trailing modifiers and comments: ``name: fever {source="x"} ! comment``."""
    return _MODIFIERS.sub("", value + " ")
