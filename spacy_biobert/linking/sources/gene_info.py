"""NCBI Gene's ``gene_info`` files, of one species or of all.

The format: https://ftp.ncbi.nlm.nih.gov/gene/README, "gene_info".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from ...identifiers import concept_url, to_curie
from ..concepts import Concept
from .lines import malformed, read_lines
from .report import SourceReport
from .tables import split_list

_TAXON, _GENE, _SYMBOL, _SYNONYMS, _REFERENCES, _DESCRIPTION = 0, 1, 2, 4, 5, 8
_OFFICIAL_SYMBOL, _FULL_NAME, _DESIGNATIONS, _N_COLUMNS = 10, 11, 13, 14
_NOTHING = "-"
_PLACEHOLDER = "NEWENTRY"


def read_gene_info(
    path: str | Path,
    *,
    types: tuple[str, ...] | None = None,
    taxa: Collection[str] = (),
    report: SourceReport | None = None,
) -> Iterator[Concept]:
    """Read genes.

    Args:
        path: The file, ``Homo_sapiens.gene_info.gz`` or ``All_Data.gene_info.gz``.
        types: The types of all concepts; where there are none given, "Gene" and the species, ``NCBITaxon:9606``.
        taxa: The species to keep, as numbers of NCBI's taxonomy, "9606" for man; all where there are none.
        report: Where to count what is left out: genes of other species, entries without a symbol of their own, and
            references to vocabularies that :mod:`spacy_biobert.identifiers` does not know.

    Yields:
        A concept for each gene: its symbol, then its full name, synonyms and other designations; the references to
        other databases as alternative ids.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line has too few columns, no number of a gene or no symbol, or the file is not UTF-8.
    """
    report = SourceReport() if report is None else report
    wanted = frozenset(taxa)
    for number, line in read_lines(path):
        if line.startswith("#"):
            continue
        cells = line.split("\t")
        if len(cells) < _N_COLUMNS:
            raise malformed(path, number, f"there are {len(cells)} columns, where gene_info has {_N_COLUMNS} or more")
        taxon, gene, symbol = cells[_TAXON].strip(), cells[_GENE].strip(), cells[_SYMBOL].strip()
        if not (taxon.isdecimal() and gene.isdecimal()):
            raise malformed(path, number, f"species '{taxon}' and gene '{gene}' are not both numbers")
        if wanted and taxon not in wanted:
            report.skip("genes of other species")
            continue
        if symbol == _PLACEHOLDER:
            report.skip("entries without a symbol of their own")
            continue
        if symbol in ("", _NOTHING):
            raise malformed(path, number, f"the gene {gene} has no symbol")
        yield Concept(
            id=f"NCBIGene:{gene}",
            name=symbol,
            synonyms=_names(cells),
            types=("Gene", f"NCBITaxon:{taxon}") if types is None else types,
            alternative_ids=_references(cells[_REFERENCES], report),
        )


def _names(cells: list[str]) -> tuple[str, ...]:
    """Return the names beside the symbol, the better known first."""
    columns = (_OFFICIAL_SYMBOL, _FULL_NAME, _DESCRIPTION, _SYNONYMS, _DESIGNATIONS)
    texts = (name for column in columns for name in split_list(cells[column]) if name != _NOTHING)
    return tuple(dict.fromkeys(texts))


def _references(cell: str, report: SourceReport) -> tuple[str, ...]:
    references = [to_curie(text) for text in split_list(cell) if text != _NOTHING]
    known = [reference for reference in references if concept_url(reference) is not None]
    report.skip("references to other databases", len(references) - len(known))
    return tuple(dict.fromkeys(known))
