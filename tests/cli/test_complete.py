"""``spacy biobert complete``: what one corpus does not annotate, a pipeline of another finds."""

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_biobert.corpora.annotated_labels import get_annotated_labels
from spacy_biobert.corpora.convert import record_annotated_labels

WORDS = ["aspirin", "lowers", "fever"]


@pytest.fixture
def corpus(make_corpus, tmp_path):
    """A corpus of chemicals, which calls them drugs."""
    path = make_corpus(tmp_path / "corpus.spacy", (WORDS, [(0, 1, "Drug")]))
    record_annotated_labels(path, ["Drug"], vocab=spacy.blank("en").vocab)
    return path


def read(path):
    (doc,) = DocBin().from_disk(path).get_docs(spacy.blank("en").vocab)
    return doc, [(span.text, span.label_) for span in doc.spans["ner"]]


def test_complete(invoke, corpus, ruler, tmp_path):
    status, output = invoke("complete", corpus, tmp_path / "more.spacy", ruler, "--label-map", "Chemical=Drug")
    assert status == 0, output
    assert "Mentions 2" in output
    doc, mentions = read(tmp_path / "more.spacy")
    assert mentions == [("aspirin", "Drug"), ("fever", "Disease")]
    assert get_annotated_labels(doc) == {"Drug", "Disease"}


def test_of_several_pipelines_the_first_that_finds_a_label_counts(invoke, corpus, ruler, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "Disease", "pattern": "lowers"}])
    nlp.to_disk(tmp_path / "other")
    status, output = invoke("complete", corpus, tmp_path / "more.spacy", tmp_path / "other", ruler)
    assert status == 0, output
    assert read(tmp_path / "more.spacy")[1] == [("aspirin", "Drug"), ("aspirin", "Chemical"), ("lowers", "Disease")]


def test_complete_says_what_is_wrong(invoke, corpus, ruler, tmp_path):
    (tmp_path / "text.spacy").write_text("no docs", encoding="utf8")
    status, output = invoke("complete", tmp_path / "text.spacy", tmp_path / "more.spacy", ruler)
    assert (status, "[B369]" in output) == (1, True)
    assert "text.spacy" in output
    spacy.blank("en").to_disk(tmp_path / "nothing")
    status, output = invoke("complete", corpus, tmp_path / "more.spacy", tmp_path / "nothing")
    assert (status, "[B368]" in output) == (1, True)
    assert not (tmp_path / "more.spacy").exists()
