"""spaCy scores and stores averaged weights, of the encoder and of heads."""

import numpy as np
import pytest
import spacy
import torch
from thinc.api import set_dropout_rate
from tiny import SENTENCES, make_examples

from spacy_biobert.encoder.shim import encoder_shim
from spacy_biobert.training.optimizer import make_adamw


def train(nlp, steps=3):
    optimizer = make_adamw(0.02, head_factor=10.0, use_averages=True)
    for _ in range(steps):
        nlp.update(make_examples(nlp), sgd=optimizer)
    return optimizer


def vectors_of(nlp):
    return nlp(SENTENCES[0])._.trf_data.model_output.last_hidden_state.copy()


def tag_scores(nlp):
    tagger = nlp.get_pipe("tagger")
    doc = nlp.get_pipe("biobert")(nlp.make_doc(SENTENCES[0]))
    return tagger.model.predict([doc])[0].copy()


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_every_arithmetic_runs_on_averaged_weights(make_nlp, precision):
    nlp = make_nlp("tagger", run={"precision": precision})
    optimizer = train(nlp)
    current = vectors_of(nlp)
    with nlp.use_params(optimizer.averages):
        averaged = vectors_of(nlp)
    assert not np.allclose(current, averaged, atol=1e-3)
    assert np.array_equal(vectors_of(nlp), current)
    encoder = encoder_shim(nlp.get_pipe("biobert").model)
    with torch.no_grad():
        for name, weights in encoder.checkpoint.bert.named_parameters():
            weights.copy_(optimizer.averages[encoder.id, name])
    encoder.configure()
    assert np.array_equal(vectors_of(nlp), averaged)


def test_averaged_weights_are_stored(make_nlp, tmp_path):
    nlp = make_nlp("tagger", save_dtype="float32")
    optimizer = train(nlp)
    with nlp.use_params(optimizer.averages):
        vectors, scores = vectors_of(nlp), tag_scores(nlp)
        nlp.to_disk(tmp_path / "averaged")
    nlp.to_disk(tmp_path / "last")
    settings = {"components.biobert.precision": "float32"}
    stored = spacy.load(tmp_path / "averaged", config=settings)
    np.testing.assert_allclose(vectors_of(stored), vectors, atol=1e-6)
    np.testing.assert_allclose(tag_scores(stored), scores, atol=1e-6)
    last = spacy.load(tmp_path / "last", config=settings)
    assert not np.allclose(vectors_of(last), vectors, atol=1e-3)
    assert not np.allclose(tag_scores(last), scores, atol=1e-4)


def test_training_goes_on_from_the_weights_as_they_were(make_nlp):
    """Scoring by averages in between leaves no trace in weights, averages or the optimizer's moments."""
    plain, scored = make_nlp("tagger"), make_nlp("tagger")
    found = []
    for nlp in (plain, scored):
        set_dropout_rate(nlp.get_pipe("tagger").model, 0.0)
        optimizer = make_adamw(0.02, use_averages=True)
        for _ in range(4):
            nlp.update(make_examples(nlp), sgd=optimizer)
            if nlp is scored:
                with nlp.use_params(optimizer.averages):
                    nlp.evaluate(make_examples(nlp))
        weights = encoder_shim(nlp.get_pipe("biobert").model).checkpoint.bert.state_dict()
        averages = {name: array for (_, name), array in optimizer.averages.items() if isinstance(array, torch.Tensor)}
        found.append((weights, averages))
    for ours, theirs in zip(*found, strict=True):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_averages_are_one_copy(make_nlp):
    """Within the block the averages take the weights' place: nothing is copied."""
    nlp = make_nlp("tagger")
    optimizer = train(nlp)
    encoder = encoder_shim(nlp.get_pipe("biobert").model)
    bert = encoder.checkpoint.bert
    before = {name: weights.data_ptr() for name, weights in bert.named_parameters()}
    with nlp.use_params(optimizer.averages):
        for name, weights in bert.named_parameters():
            assert weights.data_ptr() == optimizer.averages[encoder.id, name].data_ptr()
    assert before == {name: weights.data_ptr() for name, weights in bert.named_parameters()}


def test_a_step_that_is_owed_is_made_on_the_weights_themselves(make_nlp):
    """A head that does not answer, here excluded, leaves the encoder's step to whoever uses the weights next."""
    nlp = make_nlp("tagger", "senter")
    optimizer = make_adamw(0.02, use_averages=True)
    bert = encoder_shim(nlp.get_pipe("biobert").model).checkpoint.bert
    for _ in range(2):  # a tagger starts from zeros, and its first gradient is nothing
        nlp.update(make_examples(nlp), sgd=optimizer, exclude=["senter"])
    before = {name: weights.detach().clone() for name, weights in bert.named_parameters()}
    with nlp.use_params(optimizer.averages):
        nlp(SENTENCES[0])
    assert any(not torch.equal(weights, before[name]) for name, weights in bert.named_parameters())
