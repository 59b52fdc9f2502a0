"""Concept identifiers as CURIEs, ``MESH:D006527``, and the public page of each concept.

Corpora and dictionaries write the same concept in several ways (``D006527``, ``MESH:D006527``, ``mesh:D006527``).
Everything in this package uses one: a known prefix, a colon, and the identifier of the concept in that vocabulary.
"""

from __future__ import annotations

import re

NIL = "NIL"
"""What an entity is linked to when no concept fits, as in spaCy's own entity linker."""

_PREFIXES = {
    prefix.lower(): prefix
    for prefix in ("MESH", "OMIM", "UMLS", "NCBIGene", "NCBITaxon", "DOID", "HP", "GO", "MONDO", "CHEBI")
}
_PREFIXES |= {"umls_cui": "UMLS", "ncbi_gene": "NCBIGene", "gene": "NCBIGene", "taxonomy": "NCBITaxon", "mim": "OMIM"}
_PAGES = {
    "MESH": "https://meshb.nlm.nih.gov/record/ui?ui={}",
    "OMIM": "https://www.omim.org/entry/{}",
    "UMLS": "https://uts.nlm.nih.gov/uts/umls/concept/{}",
    "NCBIGene": "https://www.ncbi.nlm.nih.gov/gene/{}",
    "NCBITaxon": "https://www.ncbi.nlm.nih.gov/Taxonomy/Browser/wwwtax.cgi?id={}",
    "DOID": "https://disease-ontology.org/?id=DOID:{}",
    "HP": "https://hpo.jax.org/browse/term/HP:{}",
    "GO": "https://amigo.geneontology.org/amigo/term/GO:{}",
    "MONDO": "https://monarchinitiative.org/MONDO:{}",
    "CHEBI": "https://www.ebi.ac.uk/chebi/searchId.do?chebiId=CHEBI:{}",
}
_MESH = re.compile(r"[CD](\d{6}|\d{9})")  # UMLS, C and seven digits, must not be taken for it


def to_curie(identifier: str, default_prefix: str | None = None) -> str:
    """Write an identifier as a CURIE.

    Args:
        identifier: What a file says: ``D006527``, ``MESH:D006527``, ``OMIM:215600``, ``7157``.
        default_prefix: The vocabulary of identifiers that name none, ``NCBIGene`` for a column of gene ids.

    Returns:
        The CURIE, prefixes spelled one way; bare MeSH ids are known by their form. An identifier of an unknown
        vocabulary is returned as it is: nothing is lost.
    """
    identifier = identifier.strip()
    prefix, colon, local = identifier.partition(":")
    if colon:
        known = _PREFIXES.get(prefix.lower())
        return f"{known}:{local}" if known else identifier
    if _MESH.fullmatch(identifier):
        return f"MESH:{identifier}"
    if default_prefix and identifier:
        return f"{default_prefix}:{identifier}"
    return identifier


def concept_url(curie: str) -> str | None:
    """Return the public web page of a concept, or None where its vocabulary has none that we know."""
    prefix, colon, local = curie.partition(":")
    page = _PAGES.get(prefix)
    return page.format(local) if page and colon else None
