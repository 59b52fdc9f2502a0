"""The MEDIC disease vocabulary as `id|alternative ids||name|synonym|…`, the form in which linking results use it.

MEDIC joins MeSH's diseases and OMIM: A. P. Davis et al., *MEDIC: a practical disease vocabulary used at the Comparative
Toxicogenomics Database*, Database 2012, https://doi.org/10.1093/database/bar065
"""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from pathlib import Path

from ...identifiers import to_curie
from ..concepts import Concept
from .lines import malformed, read_lines
from .report import SourceReport

DISEASE = ("Disease",)


def read_medic(
    path: str | Path, *, types: tuple[str, ...] | None = None, report: SourceReport | None = None
) -> Iterator[Concept]:
    """Read a MEDIC dictionary.

    Args:
        path: The file. MeSH ids and OMIM numbers stand in it without a prefix.
        types: The types of all concepts; "Disease" where there are none given.
        report: Not written to: nothing is left out, and the file states no version.

    Yields:
        A concept for each line.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line has no "||", no id, no name, or the file is not UTF-8.
    """
    for number, line in read_lines(path):
        ids, bars, names = line.partition("||")
        if not bars:
            raise malformed(path, number, "there is no '||' between ids and names")
        identifier, *alternatives = (_curie(text.strip()) for text in ids.split("|"))
        # CTD writes apostrophes and accents as character references: "Parkinson&apos;s".
        name, *synonyms = (unescape(text).strip() for text in names.split("|"))
        if not identifier:
            raise malformed(path, number, "there is no id before '||'")
        if not name:
            raise malformed(path, number, "there is no name after '||'")
        yield Concept(
            id=identifier,
            name=name,
            synonyms=tuple(synonym for synonym in synonyms if synonym),
            types=DISEASE if types is None else types,
            alternative_ids=tuple(alternative for alternative in alternatives if alternative),
        )


def _curie(identifier: str) -> str:
    # MeSH's own ids are not all of one form: "C" is the root of its diseases.
    return to_curie(identifier, default_prefix="OMIM" if identifier.isdecimal() else "MESH")
