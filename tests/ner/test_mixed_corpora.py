"""Corpora that annotate different labels train together, and none teaches that the others' entities are not there."""

import pytest
import spacy
from spacy.tokens import DocBin, Span
from spacy.training import Corpus, Example
from spacy.util import fix_random_seed

from spacy_biobert.corpora.annotated_labels import set_annotated_labels

# Each text is in both corpora, whose annotators have looked for one label each.
MENTIONS = [
    ("colon cancer with aspirin .", {"Disease": [(0, 2)], "Chemical": [(3, 4)]}),
    ("aspirin is in the patient with colitis .", {"Disease": [(6, 7)], "Chemical": [(0, 1)]}),
    ("the patient of lead poisoning is gone .", {"Disease": [(3, 5)], "Chemical": [(3, 4)]}),
    ("the patient is gone .", {"Disease": [], "Chemical": []}),
]


def make_references(nlp, *, tell):
    """Make the docs of both corpora, and tell what each annotates, or not."""
    references = []
    for text, mentions in MENTIONS:
        for label, spans in mentions.items():
            reference = nlp.make_doc(text)
            reference.set_ents([Span(reference, start, end, label=label) for start, end in spans])
            set_annotated_labels(reference, [label] if tell else None)
            references.append(reference)
    return references


def make_mixed_nlp(folder, **settings):
    nlp = spacy.blank("en")
    encoder = {"@architectures": "spacy_biobert.Encoder.v1", "name": str(folder), "window": 32}
    precisions = {"precision": "float32", "train_precision": "float32", "device": "cpu"}
    nlp.add_pipe("biobert", config={"model": encoder, **precisions})
    nlp.add_pipe("biobert_ner", config=settings)
    return nlp


def train(folder, *, tell, overlapping):
    nlp = make_mixed_nlp(folder, overlapping=overlapping)
    references = make_references(nlp, tell=tell)
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: [Example(doc.copy(), doc) for doc in references])
    optimizer.learn_rate = 0.003
    for _ in range(110):
        nlp.update([Example(nlp.make_doc(doc.text), doc) for doc in references], sgd=optimizer)
    return nlp


@pytest.fixture(scope="module", params=[False, True], ids=["one-sequence", "layers"])
def trained(request, bert_folder):
    """A pipeline that has been told what each corpus annotates."""
    return train(bert_folder, tell=True, overlapping=request.param)


def is_overlapping(nlp):
    return nlp.get_pipe("biobert_ner").cfg["overlapping"]


def test_neither_corpus_suppresses_the_others_entities(trained):
    for text, mentions in MENTIONS:
        doc = trained(text)
        wanted = sorted((start, end, label) for label, spans in mentions.items() for start, end in spans)
        if "lead" not in text or is_overlapping(trained):  # one sequence of tags cannot say both
            assert [(span.start, span.end, span.label_) for span in doc.spans["ner"]] == wanted
            assert min(doc.spans["ner"].attrs["scores"], default=1.0) > 0.8


@pytest.mark.parametrize("overlapping", [False, True])
def test_corpora_that_do_not_tell_do_suppress_them(bert_folder, overlapping):
    """That the test above can fail: with half of the evidence against each entity, none is sure."""
    nlp = train(bert_folder, tell=False, overlapping=overlapping)
    scores = [score for text, _ in MENTIONS for score in nlp(text).spans["ner"].attrs["scores"]]
    assert max(scores, default=0.0) < 0.8


@pytest.mark.parametrize("overlapping", [False, True])
def test_what_was_not_looked_for_gives_no_gradient(bert_folder, overlapping):
    nlp = make_mixed_nlp(bert_folder, overlapping=overlapping)
    references = make_references(nlp, tell=True)
    nlp.initialize(lambda: [Example(doc.copy(), doc) for doc in references])
    ner = nlp.get_pipe("biobert_ner")
    doc = nlp.make_doc("the patient .")
    reference = doc.copy()
    reference.set_ents([])
    set_annotated_labels(reference, ["Gene"])
    loss, (d_scores,) = ner.get_loss([Example(doc, reference)], [ner.model.ops.alloc2f(3, ner.model.get_dim("nO")) + 1])
    assert loss == 0
    assert not d_scores.any()
    set_annotated_labels(reference, ["Disease"])
    loss, (d_scores,) = ner.get_loss([Example(doc, reference)], [ner.model.ops.alloc2f(3, ner.model.get_dim("nO")) + 1])
    chemical, disease = d_scores[:, 1:5], d_scores[:, -4:]
    assert loss > 0
    assert (disease > 0).all()  # pushed down
    if overlapping:
        assert not d_scores[:, :5].any()
    else:
        assert (chemical <= 0).all()  # not pushed down


def test_dev_scores_are_right_on_mixed_corpora(trained, tmp_path):
    """As `spacy train` and `spacy evaluate` read and score them."""
    references = [doc for doc in make_references(trained, tell=True) if "lead" not in doc.text]
    DocBin(docs=references, store_user_data=True).to_disk(tmp_path / "dev.spacy")
    scores = trained.evaluate(list(Corpus(tmp_path / "dev.spacy")(trained)))
    assert (scores["ents_p"], scores["ents_r"]) == (1.0, 1.0)
    assert set(scores["ents_per_type"]) == {"Chemical", "Disease"}
