"""A pipeline that ends with spaCy's ``doc_cleaner``: docs are kept, their vectors are not."""

import copy
import pickle
import weakref

import numpy as np
import pytest
import spacy
from tiny import LISTENER, SENTENCES, add_head, make_examples

HEADS = ("tagger", "ner", "textcat")


@pytest.fixture
def cleaned(make_nlp):
    nlp = make_nlp(*HEADS)
    nlp.add_pipe("doc_cleaner")
    return nlp


def annotations(docs):
    return [([(token.tag_, token.ent_iob_) for token in doc], doc.cats) for doc in docs]


def test_vectors_are_freed_when_the_last_pipe_has_run(cleaned, monkeypatch):
    encoder = cleaned.get_pipe("biobert")
    arrays = []
    predict = encoder.predict

    def watched(docs):
        vectors = predict(docs)
        arrays.extend(weakref.ref(array) for array in vectors)
        return vectors

    monkeypatch.setattr(encoder, "predict", watched)
    kept = list(cleaned.pipe(SENTENCES * 10, batch_size=7))
    kept.append(cleaned(SENTENCES[0]))
    assert len(arrays) == len(kept)
    assert all(array() is None for array in arrays)
    assert all(doc._.trf_data is None for doc in kept)


def test_heads_have_read_them_before(cleaned):
    # A head's batch may be larger than the encoder's: docs wait for each other between the pipes.
    found = list(cleaned.pipe(SENTENCES, component_cfg={"biobert": {"batch_size": 1}}))
    with cleaned.select_pipes(disable="doc_cleaner"):
        expected = list(cleaned.pipe(SENTENCES))
    assert annotations(found) == annotations(expected)
    assert all(doc._.trf_data is not None for doc in expected)


def test_training_and_evaluation_go_on(cleaned):
    examples = make_examples(cleaned)
    for annotating in ([], ["biobert"], ["tagger"]):
        losses = cleaned.update(examples, annotates=annotating)
        assert losses["tagger"] > 0
        assert losses["biobert"] >= 0
    cleaned.update(examples, exclude=["biobert"], annotates=["biobert"])  # frozen, and annotating
    assert cleaned.evaluate(examples)["tag_acc"] is not None


def test_stored_and_loaded(cleaned, tmp_path):
    cleaned.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert again.pipe_names == ["biobert", *HEADS, "doc_cleaner"]
    assert annotations(again.pipe(SENTENCES)) == annotations(cleaned.pipe(SENTENCES))
    again.initialize(lambda: make_examples(again))  # components are looked at again, in their order
    assert again.get_pipe("biobert").listening_components == list(HEADS)


@pytest.mark.parametrize("upstream", ["*", "biobert"])
def test_a_head_after_the_cleaner_is_refused(cleaned, upstream):
    """spaCy-transformers' listener would give it zeros, without a word."""
    with pytest.raises(ValueError, match=r"B032.*'spancat'"):
        add_head(cleaned, "spancat", upstream=upstream)


@pytest.mark.parametrize("upstream", ["*", "biobert"])
def test_a_head_after_a_cleaner_that_is_disabled_is_welcome(cleaned, upstream):
    with cleaned.select_pipes(disable=["doc_cleaner"]):
        add_head(cleaned, "spancat", upstream=upstream)
        cleaned.initialize(lambda: make_examples(cleaned))  # goes through disabled components, too
        assert cleaned.update(make_examples(cleaned))["spancat"] > 0
        assert cleaned.get_pipe("biobert").listening_components == [*HEADS, "spancat"]


def test_a_head_before_the_cleaner_is_welcome(cleaned):
    model = dict(cleaned.get_factory_meta("morphologizer").default_config["model"])
    for name, place in (("first", {"after": "biobert"}), ("last", {"before": "doc_cleaner"})):
        cleaned.add_pipe("morphologizer", name=name, config={"model": model | {"tok2vec": LISTENER}}, **place)
    assert cleaned.get_pipe("biobert").listening_components == ["first", *HEADS, "last"]


def test_a_cleaner_that_is_gone_or_cleans_other_things(make_nlp):
    nlp = make_nlp("tagger")
    nlp.add_pipe("doc_cleaner")
    nlp.remove_pipe("doc_cleaner")
    del nlp.add_pipe("doc_cleaner").cfg["attrs"]["_.trf_data"]
    add_head(nlp, "spancat")
    assert nlp.get_pipe("biobert").listening_components == ["tagger", "spancat"]


def test_pickles_leave_vectors_behind_and_copies_do_not(make_nlp):
    doc = make_nlp("tagger")(SENTENCES[0])
    assert pickle.loads(pickle.dumps(doc))._.trf_data is None
    vectors = doc._.trf_data.model_output["last_hidden_state"]
    for again in (copy.copy(doc._.trf_data), copy.deepcopy(doc._.trf_data)):
        assert np.array_equal(again.model_output["last_hidden_state"], vectors)
    assert copy.deepcopy(doc._.trf_data).model_output["last_hidden_state"] is not vectors
