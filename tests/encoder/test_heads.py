"""spaCy's own trainable pipes work on the encoder through `TransformerListener.v1`, unchanged."""

import numpy as np
import pytest
import spacy
from tiny import SENTENCES, make_examples

from spacy_biobert.training.optimizer import AdamW

HEADS = [
    "ner", "tagger", "morphologizer", "parser", "senter", "textcat", "textcat_multilabel", "spancat",
    "spancat_singlelabel", "span_finder", "trainable_lemmatizer", "biobert_ner",
]  # fmt: skip


def annotations(doc):
    """All that the heads write, in one comparable form."""
    return (
        [(ent.start, ent.end, ent.label_) for ent in doc.ents],
        [(t.tag_, t.pos_, str(t.morph), t.dep_, t.head.i, t.is_sent_start, t.lemma_) for t in doc],
        {label: round(score, 5) for label, score in doc.cats.items()},
        {key: [(span.start, span.end, span.label_) for span in group] for key, group in doc.spans.items()},
    )


@pytest.mark.parametrize("head", HEADS)
def test_head_learns_predicts_and_round_trips(make_nlp, tmp_path, head):
    nlp = make_nlp(head, run={"precision": "auto", "train_precision": "auto"})
    assert nlp.get_pipe("biobert").listening_components == [head]
    bert = nlp.get_pipe("biobert")._shim.checkpoint.bert
    before = bert.layers[0].up.weight.detach().clone()
    optimizer = AdamW(0.01)
    for _ in range(3):
        losses = nlp.update(make_examples(nlp), sgd=optimizer)
        assert np.isfinite(losses[head])
    assert (bert.layers[0].up.weight != before).any()

    texts = ["", *SENTENCES, " ", " ".join(SENTENCES * 10)]
    expected = [annotations(doc) for doc in nlp.pipe(texts)]
    nlp.to_disk(tmp_path)
    for again in (spacy.load(tmp_path), spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())):
        assert [annotations(doc) for doc in again.pipe(texts)] == expected
    # spaCy's span_finder has no answer for a batch without any token, whichever encoder it stands on.
    for texts in ([" "], [], *([[""]] if head != "span_finder" else [])):
        list(nlp.pipe(texts))
    nlp.evaluate(make_examples(nlp))


@pytest.mark.parametrize("head", HEADS)
def test_head_with_an_encoder_of_its_own(make_nlp, tmp_path, head):
    """`replace_listeners`: the head gets a copy, predicts the same, and keeps it on disk."""
    nlp = make_nlp(head, save_dtype="float32", run={"precision": "auto"})
    optimizer = AdamW(0.01)
    for _ in range(2):
        nlp.update(make_examples(nlp), sgd=optimizer)
    expected = [annotations(doc) for doc in nlp.pipe(SENTENCES)]
    nlp.replace_listeners("biobert", head, ["model.tok2vec"])
    slot = nlp.config["components"][head]["model"]["tok2vec"]
    assert slot["@architectures"] == "spacy_biobert.Tok2VecEncoder.v1"
    assert nlp.get_pipe("biobert").listening_components == []
    nlp.remove_pipe("biobert")
    assert [annotations(doc) for doc in nlp.pipe(SENTENCES)] == expected
    nlp.to_disk(tmp_path)
    for again in (spacy.load(tmp_path), spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())):
        assert [annotations(doc) for doc in again.pipe(SENTENCES)] == expected
    # Docs that have no tokens, and training of the encoder that is the head's own.
    list(nlp.pipe(["", "the"]))
    before = nlp.get_pipe(head).to_bytes()
    nlp.update(make_examples(nlp), sgd=optimizer)
    assert nlp.get_pipe(head).to_bytes() != before


def test_sourced_pipes_keep_working(make_nlp, tmp_path):
    trained = make_nlp("tagger")
    nlp = spacy.blank("en", vocab=trained.vocab)
    nlp.add_pipe("biobert", source=trained)
    nlp.add_pipe("tagger", source=trained)
    assert [annotations(doc) for doc in nlp.pipe(SENTENCES)] == [annotations(doc) for doc in trained.pipe(SENTENCES)]
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert [annotations(doc) for doc in again.pipe(SENTENCES)] == [annotations(doc) for doc in trained.pipe(SENTENCES)]
