"""Concept identifiers as CURIEs, ``MESH:D006527``, and the public page of each concept.

Corpora and dictionaries write the same concept in several ways (``D006527``, ``MESH:D006527``, ``mesh:D006527``).
Everything in this package uses one: a known prefix, a colon, and the identifier of the concept in that vocabulary.
"""

from __future__ import annotations

import re

NIL = "NIL"
"""What an entity is linked to when no concept fits, as in spaCy's own entity linker."""

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
    "CL": "http://purl.obolibrary.org/obo/CL_{}",
    "UBERON": "http://purl.obolibrary.org/obo/UBERON_{}",
    "EFO": "https://www.ebi.ac.uk/efo/EFO_{}",
    "NCIT": "https://evsexplore.semantics.cancer.gov/evsexplore/concept/ncit/{}",
    "ORPHA": "https://www.orpha.net/en/disease/detail/{}",
    "GARD": "https://rarediseases.info.nih.gov/diseases/{}/index",
    "SNOMEDCT": "https://browser.ihtsdotools.org/?perspective=full&conceptId1={}",
    "RXNORM": "https://mor.nlm.nih.gov/RxNav/search?searchBy=RXCUI&searchTerm={}",
    "DRUGBANK": "https://go.drugbank.com/drugs/{}",
    "CAS": "https://commonchemistry.cas.org/detail?cas_rn={}",
    "HGNC": "https://www.genenames.org/data/gene-symbol-report/#!/hgnc_id/HGNC:{}",
    "ENSEMBL": "https://www.ensembl.org/id/{}",
    "UniProtKB": "https://www.uniprot.org/uniprotkb/{}/entry",
}
_PREFIXES = {prefix.lower(): prefix for prefix in _PAGES}
_PREFIXES |= {"umls_cui": "UMLS", "ncbi_gene": "NCBIGene", "gene": "NCBIGene", "taxonomy": "NCBITaxon", "mim": "OMIM"}
_PREFIXES |= {"do": "DOID", "hpo": "HP", "nci": "NCIT", "ncbi_taxid": "NCBITaxon", "uniprot": "UniProtKB"}
_PREFIXES |= {"ordo": "ORPHA", "orphanet": "ORPHA", "msh": "MESH"}
_MESH = re.compile(r"[CD](\d{6}|\d{9})")
_UMLS = re.compile(r"C\d{7}")
_LIKE_MESH = frozenset(["NCIT"])  # C100051
_SNOMED = re.compile(r"(snomed|snomedct|sctid)(_us)?(_\d{4}_\d\d_\d\d)?", re.IGNORECASE)


def to_curie(identifier: str, default_prefix: str | None = None) -> str:
    """Write an identifier as a CURIE.

    Args:
        identifier: What a file says: ``D006527``, ``MESH:D006527``, ``OMIM:215600``, ``7157``, ``HGNC:HGNC:5``.
        default_prefix: The vocabulary of identifiers that name none, ``NCBIGene`` for a column of gene ids. Bare MeSH
            ids stay MeSH's, unless this is a vocabulary whose own ids look like them.

    Returns:
        The CURIE, prefixes spelled one way; bare ids of MeSH and UMLS are known by their form. An identifier of an
        unknown vocabulary is returned as it is: nothing is lost.
    """
    identifier = identifier.strip()
    prefix, colon, local = identifier.partition(":")
    if colon:
        local = local.strip()
        # Some databases write their own name before an identifier that has its prefix already.
        if (inner := local.partition(":"))[1] and known_prefix(inner[0]):
            return to_curie(local)
        known = known_prefix(prefix)
        return f"{known}:{local}" if known else identifier
    given = _spelled(default_prefix or "")
    if _MESH.fullmatch(identifier) and given not in _LIKE_MESH:
        return f"MESH:{identifier}"
    if _UMLS.fullmatch(identifier) and not given:
        return f"UMLS:{identifier}"
    return f"{given}:{identifier}" if given and identifier else identifier


def _spelled(prefix: str) -> str:
    """Spell a prefix as this package does, if it knows the vocabulary; a colon at the end is not part of it."""
    prefix = prefix.strip().rstrip(":")
    return known_prefix(prefix) or prefix


def known_prefix(prefix: str) -> str | None:
    """Return how this package spells a vocabulary's prefix, or None where it does not know the vocabulary."""
    if _SNOMED.fullmatch(prefix):
        return "SNOMEDCT"
    return _PREFIXES.get(prefix.lower())


def concept_url(curie: str) -> str | None:
    """Return the public web page of a concept, or None where its vocabulary has none that we know."""
    prefix, colon, local = curie.partition(":")
    page = _PAGES.get(prefix)
    return page.format(local) if page and colon else None
