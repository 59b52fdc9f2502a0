from xml.etree import ElementTree

import pytest
import spacy

from spacy_biobert.linking.component import Linker
from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.curves import recall_plot
from spacy_biobert.linking.evaluation import (
    evaluate_biosyn,
    evaluate_documents,
    evaluate_strict,
    extend_with_names,
    name_key,
)
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.settings import LinkerSettings

from .conftest import make_reference

NLP = spacy.blank("en")


@pytest.fixture
def linker(kb):
    linker = Linker(NLP.vocab, settings=LinkerSettings(split_composites=True))
    linker.kb = kb
    return linker


def test_strict(linker):
    doc = make_reference(
        NLP,
        ("Wilson disease", "MESH:D006527"),
        ("Wilson disease", "OMIM:277900"),  # an alternative id
        ("breast and ovarian cancer", "MESH:D001943|MESH:D010051"),
        ("breast cancer", "MESH:D001943|MESH:D010051"),  # half of it
        ("breast cancer", "MESH:D010051"),
        ("xyzzy", "NIL"),
        ("breast cancer", "NIL"),
        ("xyzzy", "MESH:none"),
        ("copper", ""),  # not annotated
    )
    scores = evaluate_strict(linker, [doc], spans_key=None)
    assert (scores.protocol, scores.mentions) == ("strict", 8)
    assert scores.accuracy == 4 / 8
    assert scores.missing == 1 / 8
    assert scores.recall[0] <= scores.recall[-1]
    # The docs and the linker's settings are as they were.
    assert doc.ents[0].kb_id_ == "MESH:D006527"
    assert linker.cfg["top_n"] == 10


def test_biosyn(linker, kb, tmp_path):
    doc = make_reference(
        NLP,
        ("copper storage", "MESH:D000002"),  # another concept has it as its canonical name: both are credited
        ("breast and ovarian cancer", "MESH:D001943|MESH:D010051"),
        ("breast cancer", "MESH:D001943|MESH:D010051"),  # cannot be split: any of the ids will do
        ("qwfp zxcd", "MESH:D017085"),
        ("new thing", "MESH:new"),
    )
    without = evaluate_biosyn(linker, [doc], kb, spans_key=None)
    assert (without.protocol, without.accuracy, without.missing) == ("BioSyn", 3 / 5, 1 / 5)
    names = [("qwfp zxcd", ("MESH:D017085",)), ("new thing", ("MESH:new",)), ("nothing", ("NIL",))]
    dictionary = KnowledgeBase.build(extend_with_names(kb, names), tmp_path / "kb")
    scores = evaluate_biosyn(linker, [doc], dictionary, spans_key=None)
    assert (scores.accuracy, scores.missing) == (1, 0)
    assert scores.names == kb.n_names + 2
    # The linker has its own knowledge base again.
    assert linker.kb is kb


def test_names_join_every_concept_of_an_id(kb):
    concepts = {concept.id: concept for concept in extend_with_names(kb, [("WD", ("OMIM:277900", "MESH:D001943"))])}
    assert "WD" in concepts["MESH:D006527"].synonyms
    assert "WD" in concepts["MESH:D001943"].synonyms
    assert concepts["MESH:D001241"] == kb.get("MESH:D001241")
    assert len(concepts) == len(kb)


def test_documents(kb):
    predicted = [
        make_reference(NLP, ("a", "MESH:D006527"), ("b", "OMIM:277900"), ("c", "NIL"), ("d", "MESH:D001943")),
        make_reference(NLP),
    ]
    gold = [
        make_reference(NLP, ("x", "OMIM:277900"), ("y", "MESH:D010051|NIL")),
        make_reference(NLP, ("z", "MESH:D001241")),
    ]
    scores = evaluate_documents(predicted, gold, kb)
    # One of two predicted concepts; one of three gold ones.
    assert (scores.precision, scores.recall, scores.f_score) == (1 / 2, 1 / 3, pytest.approx(0.4))
    assert evaluate_documents(predicted, gold, kb, labels={"Gene"}).f_score == 0


def test_nothing_to_compare_with(linker):
    with pytest.raises(ValueError, match=r"\[B236\].*doc.ents"):
        evaluate_strict(linker, [make_reference(NLP, ("copper", ""))], spans_key=None)


def test_name_key():
    assert name_key("Anemia, Fanconi's (type-A)") == "anemia fanconi s type a"


def test_plot():
    curves = {"strict <protocol>": [0.5, 0.75, 1.0], "BioSyn protocol": [0.9]}
    root = ElementTree.fromstring(recall_plot(curves, title="A & B"))
    text = "".join(root.itertext())
    assert "strict <protocol>" in text
    assert "A & B" in text
    lines = [node.get("points").split() for node in root.iter("{http://www.w3.org/2000/svg}polyline")]
    assert [len(line) for line in lines] == [3, 1]
    heights = [float(point.split(",")[1]) for point in lines[0]]
    assert heights == sorted(heights, reverse=True)


def test_equal_names_of_two_concepts(tmp_path):
    kb = KnowledgeBase.build([Concept("M:1", "same"), Concept("M:2", "same")], tmp_path / "kb")
    linker = Linker(NLP.vocab)
    linker.kb = kb
    doc = make_reference(NLP, ("same", "M:2"))
    assert evaluate_biosyn(linker, [doc], kb, spans_key=None).accuracy == 1
    assert evaluate_strict(linker, [doc], spans_key=None).accuracy == 0
