"""The vocabularies of the Comparative Toxicogenomics Database as it publishes them: diseases, chemicals, genes.

The files and their columns: https://ctdbase.org/downloads/. Of each there is a CSV and a TSV file; lines that begin
with "#" come first, and one of them names the columns. Which vocabulary it is, the columns tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from itertools import chain
from pathlib import Path

from ...errors import Errors
from ...identifiers import concept_url, to_curie
from ...text_files import numbered_lines
from ..concepts import Concept
from .lines import malformed
from .report import SourceReport
from .tables import Row, read_table, split_list


@dataclass(frozen=True)
class _Vocabulary:
    """What the columns of one of the files mean. Of the alternatives, each has the prefix of ids that name none."""

    id: str
    name: str
    type: str
    prefix: str
    synonyms: tuple[str, ...]
    alternatives: dict[str, str]


_SYNONYMS = ("Synonyms", "MESHSynonyms", "CTDCuratedSynonyms")
_VOCABULARIES = (
    _Vocabulary("DiseaseID", "DiseaseName", "Disease", "MESH", _SYNONYMS, {"AltDiseaseIDs": "MESH"}),
    _Vocabulary("ChemicalID", "ChemicalName", "Chemical", "MESH", _SYNONYMS, {"CasRN": "CAS"}),
    _Vocabulary(
        "GeneID",
        "GeneSymbol",
        "Gene",
        "NCBIGene",
        ("GeneName", *_SYNONYMS),
        {"AltGeneIDs": "NCBIGene", "UniProtIDs": "UniProtKB"},
    ),
)
_READ = {"Definition"}.union(*({each.id, each.name, *each.synonyms, *each.alternatives} for each in _VOCABULARIES))


def read_ctd(
    path: str | Path, *, types: tuple[str, ...] | None = None, report: SourceReport | None = None
) -> Iterator[Concept]:
    """Read a vocabulary of CTD. Its MEDIC in the form with "||" is read by :func:`.medic.read_medic`.

    Args:
        path: The file, CSV or TSV.
        types: The types of all concepts; "Disease", "Chemical" or "Gene" where there are none given.
        report: Where to put the date of the file, and to count what is not read.

    Yields:
        A concept for each row. Registry numbers and UniProt's ids are among its alternative ids.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is none of these vocabularies, a row has no id, no name, or not as many cells as there are
            columns, or the file is not UTF-8.
    """
    report = SourceReport() if report is None else report
    lines = numbered_lines(path, keep_ends=True)
    columns, delimiter, rest = _header(lines, report)
    vocabulary = next((each for each in _VOCABULARIES if {each.id, each.name} <= set(columns)), None)
    if vocabulary is None:
        needed = " or ".join(f"{each.id} and {each.name}" for each in _VOCABULARIES)
        raise ValueError(Errors.B273.format(path=path, missing=needed, found=", ".join(columns) or "none"))
    for number, row in read_table(path, rest, delimiter=delimiter, columns=columns):
        yield _concept(path, number, row, vocabulary, types, report)


def _header(
    lines: Iterator[tuple[int, str]], report: SourceReport
) -> tuple[Sequence[str], str, Iterator[tuple[int, str]]]:
    """Read the lines that begin with "#".

    Returns:
        The names of the columns, what separates them, and the lines that follow.
    """
    columns: Sequence[str] = ()
    delimiter = ","
    fields_follow = False
    for number, line in lines:
        if not line.startswith("#"):
            return columns, delimiter, chain([(number, line)], lines)
        text = line.lstrip("#").strip(" \r\n")
        if text.startswith("Report created:"):
            report.version = text.partition(":")[2].strip()
        elif fields_follow and text:
            delimiter = "\t" if "\t" in text else ","
            columns = [column.strip() for column in text.split(delimiter)]
        fields_follow = text == "Fields:"
    return columns, delimiter, lines


def _concept(
    path: str | Path,
    number: int,
    row: Row,
    vocabulary: _Vocabulary,
    types: tuple[str, ...] | None,
    report: SourceReport,
) -> Concept:
    for column in row.keys() - _READ:
        report.skip(f"cells of the column '{column}'", bool(row[column]))
    if not row[vocabulary.id]:
        raise malformed(path, number, f"there is no {vocabulary.id}")
    if not row[vocabulary.name]:
        raise malformed(path, number, f"there is no {vocabulary.name}")
    alternatives = []
    for column, prefix in vocabulary.alternatives.items():
        for text in split_list(row.get(column, "")):
            reference = to_curie(text, prefix)
            if concept_url(reference) is None:
                report.skip("references to other vocabularies")
            else:
                alternatives.append(reference)
    return Concept(
        id=to_curie(row[vocabulary.id], vocabulary.prefix),
        # Some names have character references for apostrophes and accents.
        name=unescape(row[vocabulary.name]),
        synonyms=tuple(unescape(name) for column in vocabulary.synonyms for name in split_list(row.get(column, ""))),
        types=(vocabulary.type,) if types is None else types,
        definition=row.get("Definition") or None,
        alternative_ids=tuple(dict.fromkeys(alternatives)),
    )
