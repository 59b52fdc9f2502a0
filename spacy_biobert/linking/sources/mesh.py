"""MeSH: the XML files of descriptors and of supplementary records, and a table of ids and names.

The elements: https://www.nlm.nih.gov/mesh/xml_data_elements.html. A record has one or more concepts, of which one is
preferred, and each of these has terms. Here, as in CTD and in the corpora, the record is the concept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, iterparse

from ...errors import Errors
from ...identifiers import to_curie
from ...text_files import opened
from ..concepts import Concept
from .lines import malformed, read_lines
from .report import SourceReport

_RECORDS = {
    "DescriptorRecordSet": ("Descriptor", "DescriptorRecord"),
    "SupplementalRecordSet": ("SupplementalRecord", "SupplementalRecord"),
}
"""For each kind of file, how the names of its records' elements begin, and the element that is a record."""

# Supplementary records are not in the trees; what kind of record they are says in which tree they would be.
_CLASS_TREES = {"1": "D", "2": "E", "3": "C", "4": "B", "5": "M", "6": "A"}
_YEAR = re.compile(r"(?:19|20)\d\d")
_ID = re.compile(r"[CDQ]\d+")


def read_mesh(
    path: str | Path, *, types: tuple[str, ...] | None = None, report: SourceReport | None = None
) -> Iterator[Concept]:
    """Read the records of ``desc20XX.xml`` or ``supp20XX.xml``, gzipped or not, one after the other.

    Args:
        path: The file.
        types: The types of all concepts. Where there are none given: the categories and branches of the tree that a
            record is in, "C" (diseases) and "C16", and for a supplementary record the category that its class means.
        report: Where to put the year, from the file's name.

    Yields:
        A concept for each record. Its definition is the scope note of its preferred concept, or the note of a
        supplementary record; its related ids are the headings that a supplementary record is mapped to.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not XML, not one of these files, or ends too early; a record has no id or no name.
    """
    report = SourceReport() if report is None else report
    if year := _YEAR.search(Path(path).name):
        report.version = year.group()
    with opened(path) as file:
        events = _events(path, file)
        _, root = next(events)
        if root.tag not in _RECORDS:
            raise ValueError(Errors.B272.format(path=path, found=root.tag))
        kind, tag = _RECORDS[root.tag]
        for event, element in events:
            if event == "end" and element.tag == tag:
                yield _concept(path, element, kind, types)
                # Or the whole file would stay in memory.
                root.clear()


def read_mesh_table(
    path: str | Path, *, types: tuple[str, ...] | None = None, report: SourceReport | None = None
) -> Iterator[Concept]:
    """Read a table of two columns separated by a tab, MeSH's id and the name. A first line with titles is left out.

    Args:
        path: The file.
        types: The types of all concepts; none where there are none given.
        report: Not written to: nothing is left out, and the file states no version.

    Yields:
        A concept for each line.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line has not two columns, no id of MeSH or no name, or the file is not UTF-8.
    """
    for number, line in read_lines(path):
        identifier, tab, name = line.partition("\t")
        if not tab:
            raise malformed(path, number, "there is no tab between id and name")
        identifier, name = identifier.strip(), name.strip()
        if not _ID.fullmatch(identifier.removeprefix("MESH:")):
            if number == 1:
                continue
            raise malformed(path, number, f"'{identifier}' is no id of MeSH")
        if not name:
            raise malformed(path, number, f"{identifier} has no name")
        yield Concept(id=to_curie(identifier, "MESH"), name=name, types=types or ())


def _events(path: str | Path, file: BufferedIOBase) -> Iterator[tuple[str, Element]]:
    """Yield where elements start and end, and a numbered error where there is something else."""
    try:
        yield from iterparse(file, events=("start", "end"))
    except ParseError as error:
        raise malformed(path, error.position[0], f"it is not XML, or ends too early: {error}") from error
    except (LookupError, ValueError) as error:  # the first line names an encoding that is not known
        raise malformed(path, 1, str(error)) from error


def _concept(path: str | Path, record: Element, kind: str, types: tuple[str, ...] | None) -> Concept:
    identifier = _text(record, f"{kind}UI")
    name = _text(record, f"{kind}Name/String")
    if not identifier or not name:
        raise ValueError(Errors.B271.format(path=path, record=identifier or name or "without both"))
    concepts = record.findall("ConceptList/Concept")
    # The sort is stable: the preferred concept's terms come first, then the others' in the file's order.
    concepts.sort(key=lambda concept: concept.get("PreferredConceptYN") != "Y")
    terms = [_text(term, "String") for concept in concepts for term in concept.findall("TermList/Term")]
    notes = [_text(concept, "ScopeNote") for concept in concepts[:1]]
    return Concept(
        id=to_curie(identifier, "MESH"),
        name=name,
        synonyms=tuple(dict.fromkeys(term for term in terms if term and term != name)),
        types=_tree_types(record) if types is None else types,
        definition=next(filter(None, [*notes, _text(record, "Note")]), None),
        related_ids=_headings(record),
    )


def _headings(record: Element) -> tuple[str, ...]:
    """Return the headings that a supplementary record is mapped to. An asterisk marks the important ones."""
    elements = record.findall("HeadingMappedToList/HeadingMappedTo/DescriptorReferredTo/DescriptorUI")
    ids = ((element.text or "").strip().lstrip("*") for element in elements)
    return tuple(dict.fromkeys(to_curie(identifier, "MESH") for identifier in ids if identifier))


def _tree_types(record: Element) -> tuple[str, ...]:
    branches = {
        (element.text or "").strip().partition(".")[0] for element in record.findall("TreeNumberList/TreeNumber")
    }
    found = {text for branch in branches if branch for text in (branch[0], branch)}
    if not found:
        found = {tree for tree in (_CLASS_TREES.get(record.get("SCRClass", "")),) if tree}
    return tuple(sorted(found))


def _text(element: Element, path: str) -> str:
    return " ".join((element.findtext(path) or "").split())
