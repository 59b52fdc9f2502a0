"""What reports take from docs."""

from types import SimpleNamespace

import pytest
import spacy
from spacy.tokens import Span

from spacy_biobert.identifiers import NIL
from spacy_biobert.linking.extension import set_candidates
from spacy_biobert.reports.annotations import annotated_text, concept_names, ranked_concepts


@pytest.fixture
def nlp():
    return spacy.blank("en")


@pytest.fixture
def score():
    """The extension attribute that the entity recognizer sets, with fixed values."""
    known = Span.get_extension("score") if Span.has_extension("score") else None
    Span.set_extension("score", getter=lambda span: {"fever": 0.25}.get(span.text), force=True)
    yield
    Span.remove_extension("score")
    if known:
        Span.set_extension("score", getter=known[2], force=True)


def linked(nlp, *concepts):
    doc = nlp.make_doc("fever and cough")
    tokens = zip((0, 2), concepts, strict=True)
    doc.ents = [Span(doc, i, i + 1, label="Disease", kb_id=concept) for i, concept in tokens]
    return doc


def test_takes_offsets_labels_concepts_and_names(nlp):
    docs = [linked(nlp, "MESH:D005334", NIL), nlp.make_doc("nothing")]
    first, second = (
        annotated_text(doc, title, {"MESH:D005334": "Fever"}.get) for doc, title in zip(docs, "78", strict=True)
    )
    fever, cough = first.entities
    assert (first.title, first.text) == ("7", "fever and cough")
    assert (fever.start, fever.end, fever.text, fever.label) == (0, 5, "fever", "Disease")
    assert (fever.concept, fever.name, fever.url) == (
        "MESH:D005334",
        "Fever",
        "https://meshb.nlm.nih.gov/record/ui?ui=D005334",
    )
    assert (cough.start, cough.end) == (10, 15)
    assert (cough.concept, cough.name, cough.url) == ("", "", None)
    assert second.entities == ()


def test_several_concepts_of_one_mention(nlp):
    text = annotated_text(linked(nlp, "MESH:D1|OMIM:2", ""), "1", {"MESH:D1": "One", "OMIM:2": "Two"}.get)
    assert text.entities[0].name == "One; Two"
    assert text.entities[0].url.endswith("ui=D1")


@pytest.mark.usefixtures("score")
def test_takes_scores_where_there_are_any(nlp):
    text = annotated_text(linked(nlp, "", ""), "1", lambda concept: None)
    assert [entity.score for entity in text.entities] == [0.25, None]


def test_as_json(nlp):
    text = annotated_text(linked(nlp, "MESH:D005334", ""), "1", lambda concept: None)
    record = text.to_dict()
    assert record["entities"][0]["concept"] == "MESH:D005334"
    assert record["entities"][1]["concept"] is None
    assert record["text"][record["entities"][1]["start"] : record["entities"][1]["end"]] == "cough"


def test_names_come_from_any_component_with_a_knowledge_base():
    kbs = [{"MESH:D1": SimpleNamespace(name="One")}, {"OMIM:2": SimpleNamespace(name="Two")}]
    pipeline = [("tagger", SimpleNamespace()), *(("linker", SimpleNamespace(kb=kb)) for kb in kbs)]
    names = concept_names(SimpleNamespace(pipeline=pipeline))
    assert [names("MESH:D1"), names("OMIM:2"), names("HP:3")] == ["One", "Two", None]


def test_no_linker_no_names(nlp):
    assert concept_names(nlp)("MESH:D1") is None


def test_scores_of_concepts_come_from_the_linkers(nlp):
    """Whatever they call their extension; of several concepts, the least sure."""
    doc = linked(nlp, "MESH:D1|OMIM:2", "MESH:D3")
    set_candidates(doc, "mine", doc.ents, [(["MESH:D1", "OMIM:2", "X:9"], [0.9, 0.75, 0.5]), (["X:1"], [0.5])])
    ranked = ranked_concepts(SimpleNamespace(pipeline=[("linker", SimpleNamespace(candidates_key="mine"))]))
    assert [ent.link_score for ent in annotated_text(doc, "1", lambda concept: None, ranked).entities] == [0.75, None]
