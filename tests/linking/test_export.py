import json

import pytest

from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.export import export_jsonl
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.sources import read_jsonl

from .conftest import CONCEPTS

ODD = (
    Concept("UMLS:C0000001", 'A "name"', ("Sj\N{LATIN SMALL LETTER O WITH DIAERESIS}gren",), ("T047",), "Line\n2."),
    Concept("MESH:D000001", "x", (), (), None, ("OMIM:1", "OMIM:2"), ("MESH:D000002",)),
)


@pytest.fixture
def odd(tmp_path):
    return KnowledgeBase.build(ODD, tmp_path / "kb")


def test_back_and_forth(kb, odd, tmp_path):
    path = tmp_path / "out.jsonl"
    assert export_jsonl(odd, path, all_fields=True) == 0
    assert tuple(read_jsonl(path)) == ODD
    assert export_jsonl(kb, path, overwrite=True) == 1
    assert [concept.names for concept in read_jsonl(path)] == [concept.names for concept in CONCEPTS]


def test_scispacy_reads_it(odd, tmp_path):
    scispacy = pytest.importorskip("scispacy.linking_utils", reason="scispaCy is not installed")
    path = tmp_path / "out.jsonl"
    assert export_jsonl(odd, path, strip_prefix="UMLS") == 3
    theirs = scispacy.KnowledgeBase(str(path))
    assert set(theirs.cui_to_entity) == {"C0000001", "MESH:D000001"}
    entity = theirs.cui_to_entity["C0000001"]
    assert (entity.canonical_name, tuple(entity.aliases)) == (ODD[0].name, ODD[0].synonyms)
    assert (entity.types, entity.definition) == (["T047"], "Line\n2.")
    assert theirs.alias_to_cuis[ODD[0].synonyms[0]] == {"C0000001"}
    # And theirs is read by ours.
    again = tmp_path / "theirs.jsonl"
    again.write_text("".join(json.dumps(each._asdict()) + "\n" for each in theirs.cui_to_entity.values()))
    ours = KnowledgeBase.build(read_jsonl(again, prefix="UMLS"), tmp_path / "again")
    assert ours.get("UMLS:C0000001") == ODD[0]


def test_names_of_files(odd, tmp_path):
    with pytest.raises(ValueError, match=r"\[B290\]"):
        export_jsonl(odd, tmp_path / "out.json")
    (tmp_path / "out.jsonl").write_text("precious")
    with pytest.raises(FileExistsError, match=r"\[B291\]"):
        export_jsonl(odd, tmp_path / "out.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(FileExistsError, match=r"\[B291\]"):
        export_jsonl(odd, tmp_path / "folder.jsonl", overwrite=True)
    assert (tmp_path / "out.jsonl").read_text() == "precious"
    assert {path.name for path in tmp_path.iterdir()} == {"kb", "out.jsonl", "folder.jsonl"}
