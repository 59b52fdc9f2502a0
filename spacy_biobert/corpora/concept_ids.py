"""What PubTator's column of concept ids means, and how several ids fit into one `ent.kb_id_`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..identifiers import NIL, to_curie

DEFAULT_PREFIXES = {
    "Gene": "NCBIGene",
    "GeneOrGeneProduct": "NCBIGene",
    "Species": "NCBITaxon",
    "OrganismTaxon": "NCBITaxon",
}
"""The vocabulary of numbers without a prefix, by the file's type of the mention, as PubTator and BioRED have it."""

_SEPARATORS = re.compile(r"[|+,;\s]")
_IDENTIFIER = re.compile(r"-|-1|(?:[A-Za-z][\w.-]*:)*[A-Za-z]{0,6}_?[0-9][\w.-]*(?:\(Tax:[0-9]+\))?")
_SPECIES = re.compile(r"\(Tax:[0-9]+\)$")
_NO_CONCEPT = ("-1", "-", NIL)


def parse_concept_ids(column: str | None, default_prefix: str | None = None) -> tuple[str, ...]:
    """Read a column of concept ids.

    Several ids are separated by any of ``|``, ``+``, ``,``, ``;`` and spaces. NCBI-disease means different things by
    the first two: ``D001943|D010051`` are the concepts that a composite mention ("breast and ovarian cancer") names,
    or records of the same concept, while ``D007674+D006222`` is one meaning that takes two concepts to say. Here both
    become several ids; whoever needs the difference finds it in `Mention.ids`.

    A column that is no list of identifiers, such as the variant ``c|SUB|C|123|T``, is one id.

    Args:
        column: The column as it is written, or None where there is none.
        default_prefix: The vocabulary of plain numbers, such as ``NCBIGene``.

    Returns:
        The ids as CURIEs in the order of the file, each once; "NIL" for ``-1`` and ``-``, which say that no concept
        fits; nothing where nothing is written.
    """
    if column is None or not column.strip():
        return ()
    parts = [part for part in map(str.strip, _SEPARATORS.split(column)) if part]
    if not parts or not all(_IDENTIFIER.fullmatch(part) for part in parts):
        parts = [column.strip()]
    return tuple(dict.fromkeys(_curie(part, default_prefix) for part in parts))


def join_concept_ids(ids: Iterable[str]) -> str:
    """Write concept ids as `ent.kb_id_` holds them in gold data: joined by ``|``, with each inner ``|`` as ``%7C``."""
    return "|".join(concept_id.replace("|", "%7C") for concept_id in ids)


def split_concept_ids(kb_id: str) -> tuple[str, ...]:
    """Undo `join_concept_ids`: the concept ids in an `ent.kb_id_`, none in an empty one."""
    return tuple(concept_id.replace("%7C", "|") for concept_id in kb_id.split("|")) if kb_id else ()


def _curie(identifier: str, default_prefix: str | None) -> str:
    if identifier in _NO_CONCEPT:
        return NIL
    number = _SPECIES.sub("", identifier)
    return to_curie(number, default_prefix) if number.isdigit() else to_curie(identifier)
