"""Docs whose annotators did not look for a label get what a pipeline finds of it."""

import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_biobert.corpora.annotated_labels import get_annotated_labels, set_annotated_labels
from spacy_biobert.corpora.completion import complete_docs, entity_labels

WORDS = ["BRCA1", "causes", "breast", "cancer", "."]


@pytest.fixture(scope="module")
def finds_genes():
    """A pipeline that takes "BRCA1" for a gene and "cancer" for a disease."""
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "Gene", "pattern": "BRCA1"}, {"label": "Disease", "pattern": "cancer"}])
    return nlp


def annotated(labels, *spans):
    doc = Doc(spacy.blank("en").vocab, words=WORDS)
    doc.spans["ner"] = [Span(doc, start, end, label) for start, end, label in spans]
    set_annotated_labels(doc, labels)
    return doc


def mentions(doc):
    return [(span.start, span.end, span.label_) for span in doc.spans["ner"]]


def test_labels_that_were_not_looked_for_are_added(finds_genes):
    doc = annotated(["Disease"], (2, 4, "Disease"))
    (done,) = complete_docs([doc], finds_genes)
    assert done is doc
    # The pipeline's own idea of a disease counts nothing: the annotators looked for these.
    assert mentions(doc) == [(0, 1, "Gene"), (2, 4, "Disease")]
    assert get_annotated_labels(doc) == {"Disease", "Gene"}


def test_labels_may_be_called_otherwise(finds_genes):
    doc = annotated(["Disease"], (2, 4, "Disease"))
    list(complete_docs([doc], finds_genes, label_map={"Gene": "GENE"}))
    assert mentions(doc) == [(0, 1, "GENE"), (2, 4, "Disease")]
    assert get_annotated_labels(doc) == {"Disease", "GENE"}
    # What the corpus calls a disease is what the pipeline calls a gene: the annotators looked for that.
    doc = annotated(["Disease"], (2, 4, "Disease"))
    list(complete_docs([doc], finds_genes, label_map={"Gene": "Disease"}))
    assert mentions(doc) == [(2, 4, "Disease")]


def test_fully_annotated_docs_stay_as_they_are(finds_genes):
    doc = annotated(None, (2, 4, "Disease"))
    again = annotated(["Disease", "Gene"], (2, 4, "Disease"))
    list(complete_docs([doc, again], finds_genes))
    assert mentions(doc) == mentions(again) == [(2, 4, "Disease")]
    assert get_annotated_labels(doc) is None


def test_mentions_may_overlap_those_that_are_there(finds_genes):
    doc = annotated(["Chemical"], (0, 2, "Chemical"))
    list(complete_docs([doc], finds_genes))
    assert mentions(doc) == [(0, 1, "Gene"), (0, 2, "Chemical"), (3, 4, "Disease")]


def test_docs_without_the_group_have_their_mentions_in_ents(finds_genes):
    doc = annotated(["Disease"])
    del doc.spans["ner"]
    doc.set_ents([Span(doc, 2, 4, "Disease")])
    list(complete_docs([doc], finds_genes))
    assert mentions(doc) == [(0, 1, "Gene"), (2, 4, "Disease")]
    assert [(ent.start, ent.end) for ent in doc.ents] == [(2, 4)]


def test_several_pipelines_complete_one_another(finds_genes):
    chemicals = spacy.blank("en")
    chemicals.add_pipe("entity_ruler").add_patterns([{"label": "Chemical", "pattern": "causes"}])
    doc = annotated(["Disease"], (2, 4, "Disease"))
    list(complete_docs(complete_docs([doc], finds_genes), chemicals))
    assert get_annotated_labels(doc) == {"Chemical", "Disease", "Gene"}
    assert mentions(doc) == [(0, 1, "Gene"), (1, 2, "Chemical"), (2, 4, "Disease")]


def test_labels_are_those_of_components_that_find_entities(finds_genes):
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger").add_label("NN")
    assert entity_labels(nlp) == frozenset()
    assert entity_labels(finds_genes) == {"Disease", "Gene"}
    with pytest.raises(ValueError, match="finds entities"):
        list(complete_docs([annotated(["Disease"])], nlp))
