"""UMLS: the folder META of a release, in Rich Release Format.

The columns: *UMLS Reference Manual*, chapter 3, https://www.ncbi.nlm.nih.gov/books/NBK9685/. The three files are sorted
by concept, so that they are read side by side, and memory holds one concept at a time.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ...errors import Errors, Warnings
from ...identifiers import to_curie
from ..concepts import Concept
from .lines import malformed, read_lines
from .report import SourceReport

ALL = "*"
"""Stands for every language."""

NAME_TYPES = ("PN", "MH", "PT", "NM", "HT", "SCN", "SY")
"""Types of terms that make good canonical names, the best first; others follow."""

DEFINITION_SOURCES = ("MSH", "NCI", "HPO", "GO", "MTH", "CSP")
"""Whose definitions to prefer, the best first; others follow in the file's order."""

CODE_PREFIXES = {
    "MSH": "MESH",
    "OMIM": "OMIM",
    "HPO": "HP",
    "GO": "GO",
    "MONDO": "MONDO",
    "NCBI": "NCBITaxon",
    "NCI": "NCIT",
    "SNOMEDCT_US": "SNOMEDCT",
    "RXNORM": "RXNORM",
    "DRUGBANK": "DRUGBANK",
    "HGNC": "HGNC",
    "ORPHANET": "ORPHA",
}
"""The sources whose codes become alternative ids, and the prefix of each."""

_Rows = list[tuple[int, list[str]]]


class _Atom(NamedTuple):
    """A row of MRCONSO.RRF."""

    language: str
    status: str
    string_type: str
    preferred: str
    atom: str
    source: str
    term_type: str
    code: str
    text: str
    suppress: str


def read_rrf(
    path: str | Path,
    *,
    types: tuple[str, ...] | None = None,
    languages: Sequence[str] = ("ENG",),
    sources: Sequence[str] = (),
    suppressible: bool = False,
    report: SourceReport | None = None,
) -> Iterator[Concept]:
    """Read the concepts of a release of UMLS.

    Args:
        path: The folder that holds MRCONSO.RRF, MRSTY.RRF and MRDEF.RRF, gzipped or not. Without MRDEF.RRF there are no
            definitions. With ``types``, MRSTY.RRF is not needed.
        types: The types of all concepts; the numbers of their semantic types, "T047", where there are none given.
        languages: The languages of the names, the first ones preferred; "*" for all.
        sources: The vocabularies (SAB) whose names to take, "MSH", "SNOMEDCT_US"; all where there are none. Codes are
            taken from every vocabulary.
        suppressible: Whether to keep rows that UMLS recommends to leave out (obsolete, misleading).
        report: Where to put the release, and to count the rows and concepts that are left out.

    Yields:
        A concept for each that has a name. The canonical one is UMLS's preferred name where the options keep it.
        Alternative ids are the codes of the sources in :data:`CODE_PREFIXES`.

    Raises:
        FileNotFoundError: The folder or a file is missing.
        ValueError: A line has too few columns, a file is not sorted by concept, ends too early or is not UTF-8.
    """
    folder = Path(path)
    report = SourceReport() if report is None else report
    report.version = _release(folder)
    kinds = _Lookup(_needed(folder, "MRSTY"), 2) if types is None else None
    definition_file = _find(folder, "MRDEF")
    definitions = _Lookup(definition_file, 7) if definition_file else None
    met: tuple[set[str], set[str]] = set(), set()
    for cui, rows in _grouped(_needed(folder, "MRCONSO"), 17):
        atoms = [_atom(columns) for _, columns in rows]
        met[0].update(atom.source for atom in atoms)
        met[1].update(atom.language for atom in atoms)
        kept = _usable(atoms, suppressible, report)
        names = _names(kept, languages, sources, report)
        own_types = types if kinds is None else tuple(sorted({columns[1] for _, columns in kinds.rows(cui)}))
        described = definitions.rows(cui) if definitions else []
        if not names:
            report.skip("concepts without a name that the options keep")
            continue
        yield Concept(
            id=f"UMLS:{cui}",
            name=names[0],
            synonyms=tuple(names[1:]),
            types=own_types or (),
            definition=_definition(described, {atom.atom for atom in kept if _speaks(atom, languages)}),
            alternative_ids=_codes(kept),
        )
    for option, asked, there in zip(("--sources", "--languages"), (sources, languages), met, strict=True):
        if unknown := sorted(set(asked) - there - {ALL}):
            message = Warnings.W265.format(
                path=folder, option=option, unknown=", ".join(unknown), there=", ".join(sorted(there)) or "none"
            )
            warnings.warn(message, stacklevel=2)


def rrf_files(folder: Path) -> list[Path]:
    """Return the files of a folder that :func:`read_rrf` reads."""
    return [path for name in ("MRCONSO", "MRSTY", "MRDEF") if (path := _find(folder, name))]


def _atom(columns: list[str]) -> _Atom:
    return _Atom(*(columns[i] for i in (1, 2, 4, 6, 7, 11, 12, 13, 14, 16)))


def _speaks(atom: _Atom, languages: Sequence[str]) -> bool:
    return ALL in languages or atom.language in languages


def _usable(atoms: list[_Atom], suppressible: bool, report: SourceReport) -> list[_Atom]:
    kept = [atom for atom in atoms if suppressible or atom.suppress not in ("O", "E", "Y")]
    report.skip("rows that UMLS says to suppress", len(atoms) - len(kept))
    return kept


def _names(atoms: list[_Atom], languages: Sequence[str], sources: Sequence[str], report: SourceReport) -> list[str]:
    """Return the names, each once, the canonical one first."""
    spoken = [atom for atom in atoms if _speaks(atom, languages)]
    report.skip("rows in other languages", len(atoms) - len(spoken))
    wanted = [atom for atom in spoken if not sources or atom.source in sources]
    report.skip("rows of other sources", len(spoken) - len(wanted))

    def rank(atom: _Atom) -> tuple[int, bool, bool, int, bool]:
        return (
            languages.index(atom.language) if atom.language in languages else len(languages),
            # The preferred form of the preferred term: one string in each language of a concept.
            (atom.status, atom.string_type) != ("P", "PF"),
            atom.preferred != "Y",
            NAME_TYPES.index(atom.term_type) if atom.term_type in NAME_TYPES else len(NAME_TYPES),
            atom.status != "P",
        )

    return list(dict.fromkeys(text for atom in sorted(wanted, key=rank) if (text := atom.text.strip())))


def _codes(atoms: list[_Atom]) -> tuple[str, ...]:
    codes: dict[str, None] = {}
    for atom in atoms:
        prefix = CODE_PREFIXES.get(atom.source)
        # Some of OMIM's codes are numbers of UMLS's own, for texts without an entry.
        if prefix and atom.code and atom.code != "NOCODE" and not (prefix == "OMIM" and not atom.code.isdecimal()):
            # Some codes have their prefix already, "GO:0005634".
            codes[to_curie(atom.code if atom.code.startswith(f"{prefix}:") else f"{prefix}:{atom.code}")] = None
    return tuple(codes)


def _definition(rows: _Rows, atoms: set[str]) -> str | None:
    """Return the best definition of an atom in the languages asked for."""
    usable = [columns for _, columns in rows if columns[1] in atoms and columns[6] not in ("O", "E", "Y")]
    last = len(DEFINITION_SOURCES)
    usable.sort(key=lambda columns: DEFINITION_SOURCES.index(columns[4]) if columns[4] in DEFINITION_SOURCES else last)
    return next((text for columns in usable if (text := columns[5].strip())), None)


class _Lookup:
    """The rows of a sorted file by concept, asked for in ascending order."""

    def __init__(self, path: Path, n_columns: int) -> None:
        self._groups = _grouped(path, n_columns)
        self._next = next(self._groups, None)

    def rows(self, cui: str) -> _Rows:
        while self._next is not None and self._next[0] < cui:
            self._next = next(self._groups, None)
        return self._next[1] if self._next is not None and self._next[0] == cui else []


def _grouped(path: Path, n_columns: int) -> Iterator[tuple[str, _Rows]]:
    """Yield each concept of a file with its rows: the number of the line and the columns."""
    current = ""
    rows: _Rows = []
    for number, line in read_lines(path):
        columns = line.split("|")
        if len(columns) < n_columns:
            raise malformed(path, number, f"there are {len(columns)} columns, where there must be {n_columns} or more")
        cui = columns[0].strip()
        if not cui:
            raise malformed(path, number, "there is no concept in the first column")
        if cui != current:
            if cui < current:
                raise ValueError(Errors.B270.format(path=path, line=number, concept=cui, previous=current))
            if rows:
                yield current, rows
            current, rows = cui, []
        rows.append((number, columns))
    if rows:
        yield current, rows


def _find(folder: Path, name: str) -> Path | None:
    """Return the file of a table, plain or gzipped, or None."""
    paths = (folder / f"{name}.RRF", folder / f"{name}.RRF.gz")
    return next((path for path in paths if path.is_file()), None)


def _needed(folder: Path, name: str) -> Path:
    path = _find(folder, name)
    if path is None:
        raise FileNotFoundError(Errors.B274.format(path=folder, name=f"{name}.RRF"))
    return path


def _release(folder: Path) -> str:
    """Return the release that ``release.dat`` names, or "" where the file was left behind."""
    path = folder / "release.dat"
    if path.is_file():
        for _, line in read_lines(path):
            key, _, value = line.partition("=")
            if key.strip() == "umls.release.name":
                return value.strip()
    return ""
