from xml.etree import ElementTree

import pytest
import spacy
from spacy.tokens import Span

from spacy_biobert.linking.component import Linker
from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.curves import recall_plot
from spacy_biobert.linking.evaluation import (
    MAX_RANK,
    _first_rank,
    _scores,
    corpus_names,
    evaluate_biosyn,
    evaluate_documents,
    evaluate_strict,
    extend_with_names,
    name_key,
    without_ids,
)
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.scorer import Judge
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
    # A gold concept comes first for the first four, later for "breast cancer" that is ovarian; NIL is no candidate.
    assert scores.recall[0] == 4 / 8
    assert scores.recall[-1] == 5 / 8
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


def test_ranks(kb):
    judge = Judge(lambda identifier: {"M:3", "O:3"} if identifier == "M:3" else {identifier})
    candidates = [["M:1"], ["M:2", "M:3"], ["M:3"]]
    assert _first_rank(judge, candidates, {"M:1"}) == 1
    assert _first_rank(judge, candidates, {"O:3"}) == 2
    assert _first_rank(judge, candidates, {"M:4"}) == _first_rank(judge, [], {"M:4"}) == MAX_RANK + 1
    gold = [[frozenset({"MESH:D001241"})] * 2, [frozenset(), frozenset({"NIL"})]]
    scores = _scores("strict", 2, [1, 3, MAX_RANK + 1], gold, kb)
    assert (scores.mentions, scores.accuracy, scores.missing) == (3, 2 / 3, 0)
    assert scores.recall == (1 / 3, 1 / 3, *[2 / 3] * (MAX_RANK - 2))


def test_a_composite_with_one_wrong_part_is_no_hit(linker, kb):
    doc = make_reference(NLP, ("breast and ovarian cancer", "MESH:D001943|MESH:D001241"))
    for scores in (evaluate_biosyn(linker, [doc], kb, spans_key=None), evaluate_strict(linker, [doc], spans_key=None)):
        assert (scores.accuracy, scores.recall[0]) == (0, 0)


def test_what_is_measured_does_not_depend_on_the_settings(linker, kb):
    """All gold mentions count, and as many candidates as recall is measured up to."""
    linker.cfg = {**linker.cfg, "top_n": 1, "labels": ["Gene"]}
    doc = make_reference(NLP, ("copper storage", "MESH:D000002"))  # the second of two with that name
    scores = evaluate_strict(linker, [doc], spans_key=None)
    assert (scores.mentions, scores.recall[:2], scores.recall[-1]) == (1, (0, 1), 1)
    assert (linker.cfg["top_n"], linker.cfg["labels"]) == (1, ["Gene"])


@pytest.mark.parametrize("spans_key", [None, "sc"])
def test_gold_mentions_are_given_without_their_ids(spans_key):
    reference = make_reference(NLP, ("Wilson disease", "MESH:D006527"), ("xyzzy", "NIL"))
    reference.spans["sc"] = list(reference.ents)
    copy = without_ids(reference, spans_key)
    mentions = copy.ents if spans_key is None else copy.spans[spans_key]
    assert [(span.text, span.label_, span.kb_id_) for span in mentions] == [
        ("Wilson disease", "Disease", ""),
        ("xyzzy", "Disease", ""),
    ]
    assert reference.ents[0].kb_id_ == reference.spans["sc"][0].kb_id_ == "MESH:D006527"


def test_names_of_a_corpus_are_written_out():
    doc = NLP("Wilson disease (WD) is rare; WD is treated.")
    doc.ents = [
        Span(doc, 0, 2, "Disease", kb_id="MESH:D006527"),
        Span(doc, 3, 4, "Disease"),
        Span(doc, 8, 9, "Disease", kb_id="MESH:D006527|OMIM:277900"),
    ]
    assert list(corpus_names([doc], None)) == [
        ("Wilson disease", ("MESH:D006527",)),
        ("Wilson disease", ()),
        ("Wilson disease", ("MESH:D006527", "OMIM:277900")),
    ]


def test_names_of_what_can_be_no_concept_are_left_out(kb):
    names = [("a", ("NIL", "p|SUB|V|600|E", "", "M 1")), (" ", ("MESH:new",)), ("b", ("M:1",)), ("c", ("M:1",))]
    new = [concept for concept in extend_with_names(kb, names) if concept.id not in kb]
    assert new == [Concept("M:1", "b", ("c",))]


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


def test_documents_whose_gold_mentions_are_entities(kb):
    """Where the pipeline writes spans, the reference may still have entities alone."""
    predicted = make_reference(NLP, ("a", ""))
    predicted.spans["sc"] = [Span(predicted, 0, 1, "Disease", kb_id="MESH:D006527")]
    gold = make_reference(NLP, ("x", "MESH:D006527"))
    scores = evaluate_documents([predicted], [gold], kb, spans_key="sc")
    assert (scores.precision, scores.recall, scores.f_score) == (1, 1, 1)


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
