"""The readers on the vocabularies as published, where they are there."""

import os
from collections import Counter
from pathlib import Path

import pytest

from spacy_biobert.linking.sources import SourceReport, read_gene_info, read_medic, read_mesh_table, read_obo

DATA = Path(os.environ.get("SPACY_BIOBERT_DATA", "")) / "kb"
pytestmark = [
    pytest.mark.corpora,
    pytest.mark.skipif("SPACY_BIOBERT_DATA" not in os.environ, reason="SPACY_BIOBERT_DATA names no folder of corpora"),
]


def test_mesh_table():
    concepts = list(read_mesh_table(DATA / "mesh_descriptors_2015.tsv"))
    assert len(concepts) == len({concept.id for concept in concepts}) == 27_455


def test_gene_info():
    report = SourceReport()
    genes = {concept.id: concept for concept in read_gene_info(DATA / "Homo_sapiens.gene_info.gz", report=report)}
    # All lines but the title and the placeholder.
    assert len(genes) == 56_426 - 2
    assert genes["NCBIGene:7157"].name == "TP53"
    assert {"P53", "tumor protein p53"} <= set(genes["NCBIGene:7157"].synonyms)
    assert {"OMIM:191170", "HGNC:11998"} <= set(genes["NCBIGene:7157"].alternative_ids)
    assert report.skipped["entries without a symbol of their own"] == 1


def test_medic_has_no_character_references():
    names = [name for concept in read_medic(DATA / "medic_06Jul2012.txt") for name in concept.names]
    assert len(names) == 76_237
    assert not [name for name in names if "&apos;" in name or "&#" in name]


def test_disease_ontology():
    report = SourceReport()
    concepts = {concept.id: concept for concept in read_obo(DATA / "DO_rare_slim.obo", report=report)}
    assert report.version.startswith("doid/releases/")
    assert report.skipped["obsolete terms"] == 2
    prefixes = Counter(each.partition(":")[0] for concept in concepts.values() for each in concept.alternative_ids)
    assert {"MESH", "OMIM", "UMLS", "SNOMEDCT", "NCIT", "ORPHA", "GARD", "DOID"} <= prefixes.keys()
