import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.identifiers import concept_url, to_curie


@pytest.mark.parametrize(
    ("written", "curie"),
    [
        ("D006527", "MESH:D006527"),
        ("C565588", "MESH:C565588"),
        ("mesh:D006527", "MESH:D006527"),
        ("C0019202", "UMLS:C0019202"),
        ("UMLS_CUI:C0019202", "UMLS:C0019202"),
        ("MIM:277900", "OMIM:277900"),
        ("HGNC:HGNC:5", "HGNC:5"),
        ("DO:DOID:893", "DOID:893"),
        ("AllianceGenome:HGNC:5", "HGNC:5"),
        ("SNOMEDCT_US_2025_09_01:80258006", "SNOMEDCT:80258006"),
        ("Orphanet:905", "ORPHA:905"),
        ("Other: 1", "Other: 1"),
        ("7157", "7157"),
        (" HP:0000001 ", "HP:0000001"),
    ],
)
def test_to_curie(written, curie):
    assert to_curie(written) == curie


def test_default_prefix():
    assert to_curie("7157", "NCBIGene") == "NCBIGene:7157"
    assert to_curie("D006527", "OMIM") == "MESH:D006527"
    assert to_curie("", "OMIM") == ""


@pytest.mark.parametrize("prefix", ["ncbigene", "NCBIGene:", " NCBIGene "])
def test_default_prefix_is_spelled_one_way(prefix):
    assert to_curie("7157", prefix) == "NCBIGene:7157"
    assert to_curie("MESH:D1", prefix) == "MESH:D1"


def test_codes_of_ncit_are_no_mesh_ids():
    assert to_curie("C100051", "NCIT") == to_curie("C100051", "nci") == "NCIT:C100051"
    assert to_curie("C100051") == "MESH:C100051"


@given(st.text())
def test_a_curie_stays_as_it_is(text):
    curie = to_curie(text)
    assert to_curie(curie) == curie


def test_concept_url():
    assert concept_url("MESH:D006527").endswith("ui=D006527")
    assert concept_url("ICD10CM:E83.01") is None
    assert concept_url("7157") is None
