import shutil

import pytest
import spacy
from spacy.tokens import Span

from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.kb import KnowledgeBase

from .conftest import make_linker_nlp


def test_labels_route_mentions_to_linkers(kb_folder):
    """Two linkers, each with labels of its own, in one pipeline."""
    nlp = make_linker_nlp(kb_folder, labels=["Disease"])
    doc = nlp("Wilson disease and aspirin")
    assert [(ent.label_, ent.kb_id_) for ent in doc.ents] == [("Disease", "MESH:D006527"), ("Chemical", "")]
    chemicals = nlp.add_pipe("biobert_linker", name="chemicals", config={"labels": ["Chemical"]})
    chemicals.initialize(kb=kb_folder)
    doc = nlp("Wilson disease and aspirin")
    assert [ent.kb_id_ for ent in doc.ents] == ["MESH:D006527", "MESH:D001241"]
    assert [ent._.kb_ents[0][0] for ent in doc.ents] == ["MESH:D006527", "MESH:D001241"]
    nlp.get_pipe("biobert_linker").cfg.update(spans_key="sc", labels=["Chemical"])
    doc = nlp.make_doc("Wilson disease and aspirin")
    doc.spans["sc"] = [Span(doc, 0, 2, label="Disease"), Span(doc, 3, 4, label="Chemical")]
    doc = nlp.get_pipe("biobert_linker")(doc)
    assert [span.kb_id_ for span in doc.spans["sc"]] == ["", "MESH:D001241"]


def test_labels_that_make_no_sense():
    with pytest.raises(ValueError, match=r"\[B221\] labels"):
        spacy.blank("en").add_pipe("biobert_linker", config={"labels": []})


def test_a_pipeline_that_refers_to_its_knowledge_base(kb_folder, tmp_path):
    nlp = make_linker_nlp(kb_folder)
    nlp.get_pipe("biobert_linker").initialize(kb=kb_folder, kb_by_reference=True)
    make_linker_nlp(kb_folder).to_disk(tmp_path / "pipeline")  # which carries one, until it is saved over
    nlp.to_disk(tmp_path / "pipeline")
    assert not (tmp_path / "pipeline" / "biobert_linker" / "kb").exists()
    for loaded in (
        spacy.load(tmp_path / "pipeline"),
        spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes()),
    ):
        assert loaded.get_pipe("biobert_linker").kb.folder == kb_folder
    moved = tmp_path / "moved"
    shutil.copytree(kb_folder, moved)
    config = {"components.biobert_linker.kb_path": str(moved)}
    loaded = spacy.load(tmp_path / "pipeline", config=config)
    assert loaded.get_pipe("biobert_linker").kb.folder == moved
    with pytest.raises(FileNotFoundError, match=r"\[B260\]"):
        spacy.load(tmp_path / "pipeline", config={"components.biobert_linker.kb_path": str(tmp_path / "none")})


def test_a_copy_in_place_of_a_reference(kb_folder, tmp_path):
    """A reference from an earlier time would lead back to the knowledge base of then."""
    nlp = make_linker_nlp(kb_folder)
    nlp.get_pipe("biobert_linker").initialize(kb=kb_folder, kb_by_reference=True)
    nlp.to_disk(tmp_path / "pipeline")
    other = KnowledgeBase.build([Concept("X:1", "Wilson disease")], tmp_path / "other")
    nlp.get_pipe("biobert_linker").initialize(kb=other.folder)
    nlp.to_disk(tmp_path / "pipeline")
    assert spacy.load(tmp_path / "pipeline")("Wilson disease").ents[0].kb_id_ == "X:1"


def test_a_reference_that_is_out_of_date(kb_folder, tmp_path):
    """What the message says of it works."""
    mine = tmp_path / "kb"
    shutil.copytree(kb_folder, mine)
    nlp = make_linker_nlp(mine)
    nlp.get_pipe("biobert_linker").initialize(kb=mine, kb_by_reference=True)
    nlp.to_disk(tmp_path / "pipeline")
    KnowledgeBase.build([Concept("X:1", "Wilson disease")], mine, overwrite=True)
    with pytest.raises(ValueError, match=r"B261.*delete biobert_linker/kb_reference.json"):
        spacy.load(tmp_path / "pipeline")
    (tmp_path / "pipeline" / "biobert_linker" / "kb_reference.json").unlink()
    nlp = spacy.load(tmp_path / "pipeline")
    nlp.get_pipe("biobert_linker").initialize(kb=mine, kb_by_reference=True)
    nlp.to_disk(tmp_path / "pipeline")
    assert spacy.load(tmp_path / "pipeline")("Wilson disease").ents[0].kb_id_ == "X:1"


def test_a_place_that_is_not_looked_at(kb_folder, tmp_path):
    make_linker_nlp(kb_folder).to_disk(tmp_path / "pipeline")
    with pytest.warns(UserWarning, match=r"W262.*kb_path = 'elsewhere'"):
        spacy.load(tmp_path / "pipeline", config={"components.biobert_linker.kb_path": "elsewhere"})
