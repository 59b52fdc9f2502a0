import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thinc.api import NumpyOps

from spacy_biobert.ner.loss import cross_entropy

OPS = NumpyOps()


def one_hot(gold, n_tags):
    """Allow one tag in the one layer of each token, or all where None is given."""
    return np.array([[[tag is None or tag == other for other in range(n_tags)]] for tag in gold])


@st.composite
def batches(draw):
    """Scores and allowed tags, of one tag, several or all, in one layer or several."""
    n_tokens, n_layers, n_tags = draw(st.integers(0, 4)), draw(st.integers(1, 3)), draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    allowed = rng.random((n_tokens, n_layers, n_tags)) < draw(st.sampled_from([0.0, 0.3, 0.6, 1.0]))
    np.put_along_axis(allowed, rng.integers(n_tags, size=(n_tokens, n_layers, 1)), True, axis=2)
    return rng.normal(scale=3, size=(n_tokens, n_layers * n_tags)), allowed


@settings(deadline=None)
@given(batches(), st.sampled_from([0.0, 0.1, 0.5]), st.integers(0, 2**32 - 1))
def test_gradient_is_the_derivative_of_the_loss(batch, label_smoothing, seed):
    scores, allowed = batch

    def loss(nudged):
        return cross_entropy(nudged, allowed, OPS, label_smoothing=label_smoothing)[0]

    _, gradient = cross_entropy(scores, allowed, OPS, label_smoothing=label_smoothing)
    assert gradient.shape == scores.shape
    direction = np.random.default_rng(seed).normal(size=scores.shape)
    slope = (loss(scores + 1e-5 * direction) - loss(scores - 1e-5 * direction)) / 2e-5
    assert (gradient * direction).sum() == pytest.approx(slope, abs=1e-6)


def test_every_derivative_where_all_kinds_of_annotation_meet():
    rng = np.random.default_rng(0)
    allowed = np.array([[[1, 0, 0], [1, 1, 1]], [[1, 1, 0], [0, 1, 0]], [[1, 1, 1], [1, 1, 1]]], dtype=bool)
    scores = rng.normal(size=(3, 6))
    _, gradient = cross_entropy(scores, allowed, OPS, label_smoothing=0.1)
    for index in np.ndindex(*scores.shape):
        step = np.zeros_like(scores)
        step[index] = 1e-5
        above, below = (cross_entropy(scores + s, allowed, OPS, label_smoothing=0.1)[0] for s in (step, -step))
        assert gradient[index] == pytest.approx((above - below) / 2e-5, abs=1e-8)


@settings(deadline=None)
@given(batches(), st.sampled_from([0.0, 0.1]), st.integers(0, 2**32 - 1))
def test_weights_weigh_layers(batch, label_smoothing, seed):
    scores, allowed = batch
    n_layers = allowed.shape[1]
    weights = np.random.default_rng(seed).choice([0.0, 0.5, 1.0, 3.0], size=n_layers).astype("f")
    loss, gradient = cross_entropy(scores, allowed, OPS, label_smoothing=label_smoothing, weights=weights)
    n_known = (~allowed).any(axis=(1, 2)).sum()
    expected, alone = 0.0, []
    for layer in range(n_layers):
        of_layer, only = scores.reshape(allowed.shape)[:, layer], allowed[:, layer : layer + 1]
        some, its_gradient = cross_entropy(of_layer, only, OPS, label_smoothing=label_smoothing)
        share = weights[layer] * (~only).any(axis=(1, 2)).sum() / max(n_known, 1)
        expected += share * some
        alone.append(share * its_gradient)
    assert loss == pytest.approx(expected)
    np.testing.assert_allclose(gradient.reshape(allowed.shape), np.stack(alone, axis=1), rtol=1e-5, atol=1e-12)


@settings(deadline=None)
@given(batches())
def test_loss_is_that_of_the_allowed_tags_together(batch):
    scores, allowed = batch
    loss, gradient = cross_entropy(scores, allowed, OPS)
    probs = np.exp(scores.reshape(allowed.shape))
    probs /= probs.sum(axis=2, keepdims=True)
    known = ~allowed.all(axis=2)
    n_tokens = max(known.any(axis=1).sum(), 1)
    expected = -np.log((probs * allowed).sum(axis=2))[known].sum() / n_tokens
    assert loss == pytest.approx(expected)
    assert not gradient.reshape(allowed.shape)[~known].any()


@settings(deadline=None)
@given(batches())
def test_smoothed_loss_is_that_of_the_smoothed_target_where_one_tag_is_allowed(batch):
    scores, allowed = batch
    targets = allowed.argmax(axis=2)
    allowed = np.arange(allowed.shape[2]) == targets[..., None]
    loss, _ = cross_entropy(scores, allowed, OPS, label_smoothing=0.2)
    log_probs = scores.reshape(allowed.shape)
    log_probs = log_probs - np.log(np.exp(log_probs).sum(axis=2, keepdims=True))
    smoothed = 0.8 * allowed + 0.2 / allowed.shape[2]
    assert loss == pytest.approx(-(smoothed * log_probs).sum() / max(len(scores), 1))


def test_loss_is_the_mean_over_annotated_tokens():
    scores = np.random.default_rng(0).normal(size=(4, 3)).astype("f")
    gold = [0, 1, 2, 0]
    loss, gradient = cross_entropy(scores, one_hot(gold, 3), OPS)
    padded_scores = np.concatenate([scores, np.ones((3, 3), dtype="f")])
    padded_loss, padded_gradient = cross_entropy(padded_scores, one_hot([*gold, None, None, None], 3), OPS)
    assert padded_loss == pytest.approx(loss)
    np.testing.assert_allclose(padded_gradient[:4], gradient)
    assert not padded_gradient[4:].any()
    assert cross_entropy(np.zeros((2, 4), dtype="f"), one_hot([1, 3], 4), OPS)[0] == pytest.approx(np.log(4))


def test_a_layer_weighs_the_same_whatever_the_other_layers_hold():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4, 3 * 5)).astype("f")
    allowed = np.arange(5) == rng.integers(5, size=(4, 3))[..., None]
    _, gradient = cross_entropy(scores, allowed, OPS)
    allowed[:, 1:] = True
    _, alone = cross_entropy(scores, allowed, OPS)
    _, single = cross_entropy(np.ascontiguousarray(scores[:, :5]), allowed[:, :1], OPS)
    np.testing.assert_array_equal(alone[:, :5], gradient[:, :5])
    np.testing.assert_array_equal(alone[:, :5], single)
    assert not alone[:, 5:].any()


def test_nothing_annotated_costs_nothing():
    loss, gradient = cross_entropy(np.ones((3, 5), dtype="f"), one_hot([None] * 3, 5), OPS, label_smoothing=0.1)
    assert loss == 0.0
    assert gradient.shape == (3, 5)
    assert not gradient.any()


def test_large_scores_do_not_overflow():
    scores = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype="f")
    loss, gradient = cross_entropy(scores, one_hot([0, 0], 2), OPS)
    assert loss == pytest.approx(1e4)
    assert np.isfinite(gradient).all()
