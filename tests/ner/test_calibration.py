"""Scores that mean what they say."""

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.training import Example

from spacy_biobert.corpora.annotated_labels import set_annotated_labels
from spacy_biobert.ner.calibration import _fit, calibrate, fit_temperature
from spacy_biobert.ner.reliability import reliability

from .conftest import TOK2VEC, TRAINING, make_examples, make_nlp, train

LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "*"}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# --- The error ---


def test_calibration_error_by_hand():
    scores = np.array([0.0, 0.05, 0.1, 0.95, 1.0])
    is_right = np.array([False, True, False, True, True])
    bins = reliability(scores, is_right, n_bins=10)
    # 0.1 is in the first bin, (0, 0.1], which holds 0 too.
    assert bins.counts.tolist() == [3, 2]
    assert bins.error == pytest.approx((3 * abs(1 / 3 - 0.05) + 2 * abs(1 - 0.975)) / 5)


def test_bins_of_equal_mass_by_hand():
    scores = np.array([0.9, 0.1, 0.8, 0.2, 0.95])
    is_right = np.array([True, False, True, True, True])
    bins = reliability(scores, is_right, n_bins=2, equal_mass=True)
    assert bins.counts.tolist() == [3, 2]
    assert bins.scores.tolist() == pytest.approx([1.1 / 3, 0.925])
    assert bins.shares.tolist() == pytest.approx([2 / 3, 1.0])


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=50), st.integers(1, 20), st.booleans())
def test_calibration_error_is_between_that_of_one_bin_and_the_sum_of_all(entities, n_bins, equal_mass):
    scores = np.array([score for score, _ in entities], dtype=float)
    is_right = np.array([right for _, right in entities], dtype=bool)
    bins = reliability(scores, is_right, n_bins=n_bins, equal_mass=equal_mass)
    assert bins.counts.sum() == len(entities)
    assert bins.counts.all()
    assert np.all(np.diff(bins.scores) >= -1e-9)
    if not entities:
        assert bins.error == 0.0
        return
    assert abs(is_right.mean() - scores.mean()) - 1e-9 <= bins.error <= np.abs(is_right - scores).mean() + 1e-9


# --- The temperature ---


@pytest.mark.parametrize("true", [0.4, 1.0, 2.5])
def test_finds_the_temperature_that_made_the_data(true):
    random = np.random.default_rng(0)
    logits = random.normal(2, 3, size=20_000)
    is_right = random.random(20_000) < sigmoid(logits / true)
    found = fit_temperature(lambda temperature: sigmoid(logits / temperature), is_right)
    assert found == pytest.approx(true, rel=0.05)
    assert reliability(sigmoid(logits / found), is_right).error < 0.01


@pytest.mark.parametrize("right", [True, False])
def test_stays_finite_where_all_is_right_or_wrong(right):
    found = fit_temperature(lambda temperature: np.full(20, sigmoid(3 / temperature)), np.full(20, right))
    assert 0.125 <= found <= 8.0
    # Twenty of twenty right is taken for 21 of 22: that is no reason to be surer than 0.954.
    assert not right or sigmoid(3 / found) == pytest.approx(21 / 22, abs=1e-3)


def test_a_fit_by_hand():
    """Bins of equal width and of equal mass differ: of twenty scores, sixteen are near 1."""
    random = np.random.default_rng(0)
    scores = np.concatenate([random.uniform(0.1, 0.9, 4), random.uniform(0.97, 0.999, 16)])
    is_right = random.random(20) < 0.8
    fit = _fit(lambda temperature: scores ** (1 / temperature), is_right, 0.5)
    scores = scores**2
    assert (fit.temperature, fit.score) == (0.5, pytest.approx(scores.mean()))
    assert fit.nll == pytest.approx(-np.log(np.where(is_right, scores, 1 - scores)).mean())
    assert fit.ece == reliability(scores, is_right).error
    assert fit.ece_equal_mass == reliability(scores, is_right, equal_mass=True).error
    assert abs(fit.ece - fit.ece_equal_mass) > 0.02


# --- The pipeline ---


def held_out(nlp):
    """The training texts and others in which nothing is annotated: some of what is found is wrong."""
    data = [*TRAINING, ("Aspirin or naloxone .", []), ("Gastric cancer was seen , no bleeding .", [])]
    return make_examples(nlp, data)


def test_the_error_shrinks_and_the_pipeline_stays(nlp):
    ner = nlp.get_pipe("biobert_ner")
    ner.cfg.update(temperature=0.3, threshold=0.4)
    before = dict(ner.cfg)
    found = calibrate(nlp, "biobert_ner", held_out(nlp))
    assert ner.cfg == before
    assert found.before.temperature == 0.3
    assert found.after.nll < found.before.nll
    assert 0 < found.right < found.entities
    assert 0.125 <= found.after.temperature <= 8.0
    assert found.to_dict()["after"]["ece"] == found.after.ece


def test_scores_are_those_of_the_pipeline_at_that_temperature(nlp):
    found = calibrate(nlp, "biobert_ner", held_out(nlp))
    nlp.get_pipe("biobert_ner").cfg["temperature"] = found.after.temperature
    scores = [ent._.score for example in held_out(nlp) for ent in nlp(example.predicted).ents]
    assert found.after.score == pytest.approx(np.mean(scores), abs=1e-6)
    assert found.entities == len(scores)


def test_the_encoder_runs_once(monkeypatch):
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    nlp.add_pipe("biobert_ner", config={"model": {"tok2vec": LISTENER}})
    train(nlp, n_steps=40)
    encoder = nlp.get_pipe("tok2vec")
    predict, seen = encoder.predict, []
    monkeypatch.setattr(encoder, "predict", lambda docs: seen.extend(docs) or predict(docs))
    examples = make_examples(nlp)
    assert calibrate(nlp, "biobert_ner", examples) is not None
    assert len(seen) == len(examples)


def test_labels_that_nobody_looked_for_are_left_out(nlp):
    examples = make_examples(nlp)
    everything = calibrate(nlp, "biobert_ner", examples)
    assert (everything.entities, everything.right) == (6, 6)
    bare = [Example(nlp.make_doc(text), nlp.make_doc(text)) for text, _ in TRAINING]
    for example in bare:
        example.reference.set_ents([], default="outside")
        set_annotated_labels(example.reference, ["Chemical"])
    found = calibrate(nlp, "biobert_ner", bare)
    assert (found.entities, found.right) == (3, 0)


def test_entities_that_another_component_has_set_are_left_out(nlp):
    """They are right or wrong, but have no score."""
    ruler = nlp.add_pipe("entity_ruler", first=True)
    ruler.add_patterns([{"label": "Drug", "pattern": "Naloxone"}])
    examples = make_examples(nlp)
    found = calibrate(nlp, "biobert_ner", examples)
    assert [ent.label_ for ent in examples[2].predicted.ents] == ["Drug", "Chemical", "Disease"]
    assert (found.entities, found.right) == (5, 5)


def test_what_stands_behind_the_recognizer_does_not_run(nlp):
    """It may take its time, or need what is not there."""

    def fail(doc):
        raise AssertionError(doc)

    spacy.language.Language.component("calibration_test_failing", func=fail)
    nlp.add_pipe("calibration_test_failing")
    assert calibrate(nlp, "biobert_ner", make_examples(nlp)).entities == 6


def test_a_layer_of_tags_for_each_label():
    nlp = train(make_nlp(overlapping=True, temperature=0.3))
    found = calibrate(nlp, "biobert_ner", held_out(nlp))
    assert 0 < found.right < found.entities
    assert found.after.nll < found.before.nll


def test_nothing_to_fit(nlp):
    assert calibrate(nlp, "biobert_ner", []) is None
    assert calibrate(nlp, "biobert_ner", make_examples(nlp, [("Nothing was found .", [])])) is None


class Dropping:
    """A component whose error handler has swallowed a doc."""

    def __call__(self, doc):
        return doc

    def pipe(self, stream, *, batch_size=1):
        yield from list(stream)[1:]


def test_a_component_that_loses_docs_is_named(nlp):
    spacy.language.Language.factory("calibration_test_dropping", func=lambda nlp, name: Dropping())
    nlp.add_pipe("calibration_test_dropping", first=True)
    with pytest.raises(ValueError, match=r"\[B140\] The component 'calibration_test_dropping'"):
        calibrate(nlp, "biobert_ner", make_examples(nlp))
