import numpy as np
import pytest
from thinc.api import NumpyOps

from spacy_biobert.ner.gold import MISSING_TAG
from spacy_biobert.ner.loss import cross_entropy

OPS = NumpyOps()


def test_gradient_is_the_derivative_of_the_loss():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(6, 5))
    gold = np.array([0, 4, MISSING_TAG, 2, MISSING_TAG, 1])
    loss, gradient = cross_entropy(scores, gold, OPS)
    assert loss > 0
    for index in np.ndindex(*scores.shape):
        nudged = scores.copy()
        nudged[index] += 1e-6
        slope = (cross_entropy(nudged, gold, OPS)[0] - loss) / 1e-6
        assert gradient[index] == pytest.approx(slope, abs=1e-5)


def test_loss_is_the_mean_over_annotated_tokens():
    scores = np.random.default_rng(0).normal(size=(4, 3)).astype("f")
    gold = np.array([0, 1, 2, 0])
    loss, gradient = cross_entropy(scores, gold, OPS)
    padded_scores = np.concatenate([scores, np.ones((3, 3), dtype="f")])
    padded_gold = np.concatenate([gold, np.full(3, MISSING_TAG)])
    padded_loss, padded_gradient = cross_entropy(padded_scores, padded_gold, OPS)
    assert padded_loss == pytest.approx(loss)
    np.testing.assert_allclose(padded_gradient[:4], gradient)
    assert not padded_gradient[4:].any()
    assert cross_entropy(np.zeros((2, 4), dtype="f"), np.array([1, 3]), OPS)[0] == pytest.approx(np.log(4))


def test_nothing_annotated_costs_nothing():
    loss, gradient = cross_entropy(np.ones((3, 5), dtype="f"), np.full(3, MISSING_TAG), OPS)
    assert loss == 0.0
    assert gradient.shape == (3, 5)
    assert not gradient.any()


def test_large_scores_do_not_overflow():
    scores = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype="f")
    loss, gradient = cross_entropy(scores, np.array([0, 0]), OPS)
    assert loss == pytest.approx(1e4)
    assert np.isfinite(gradient).all()
