"""The loss of whole sequences: compared with enumerating every valid sequence."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_biobert.ner.sequence_loss import sequence_cross_entropy
from spacy_biobert.ner.tags import SCHEMES, make_tag_scheme

from .test_decoding import is_valid

LABELS = ("Chemical", "Disease")


def valid_paths(scheme, n_tokens):
    paths = product(range(len(scheme.tags)), repeat=n_tokens)
    return np.array([path for path in paths if is_valid([scheme.tags[tag] for tag in path], scheme.name)], dtype=int)


@st.composite
def batches(draw):
    """Scores, lengths and allowed tags that allow at least one valid sequence of each doc and layer."""
    n_layers = draw(st.integers(1, 2))
    scheme = make_tag_scheme(draw(st.sampled_from(SCHEMES)), LABELS[: draw(st.integers(1, 2))])
    lengths = np.array(draw(st.lists(st.integers(0, 3), min_size=1, max_size=3)), dtype=np.int64)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    allowed = rng.random((lengths.sum(), n_layers, len(scheme.tags))) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    for doc, layer in product(np.split(allowed, np.cumsum(lengths)[:-1]), range(n_layers)):
        if len(doc):
            path = rng.choice(valid_paths(scheme, len(doc)))
            doc[np.arange(len(doc)), layer, path] = True
    return rng.normal(scale=2, size=(len(allowed), n_layers * len(scheme.tags))), allowed, lengths, scheme


@settings(deadline=None)
@given(batches())
def test_equals_enumeration(batch):
    scores, allowed, lengths, scheme = batch
    loss, _ = sequence_cross_entropy(*batch)
    cuts = np.cumsum(lengths)[:-1]
    expected = 0.0
    for doc_scores, doc_allowed in zip(
        np.split(scores.reshape(allowed.shape), cuts), np.split(allowed, cuts), strict=True
    ):
        paths, places = valid_paths(scheme, len(doc_scores)), np.arange(len(doc_scores))
        for layer in range(allowed.shape[1] if len(places) else 0):
            weights = np.exp(doc_scores[places, layer, paths].sum(axis=1))
            is_allowed = doc_allowed[places, layer, paths].all(axis=1)
            expected -= np.log(weights[is_allowed].sum() / weights.sum())
    assert loss == pytest.approx(expected / max((~allowed).any(axis=(1, 2)).sum(), 1), abs=1e-9)


@settings(deadline=None)
@given(batches(), st.sampled_from([[0.0, 1.0], [3.0, 0.5]]))
def test_weights_weigh_layers(batch, weights):
    scores, allowed, lengths, scheme = batch
    weights = np.array(weights[: allowed.shape[1]], dtype="f")
    loss, gradient = sequence_cross_entropy(*batch, weights=weights)
    n_known = max((~allowed).any(axis=(1, 2)).sum(), 1)
    expected = 0.0
    for layer, weight in enumerate(weights):
        of_layer, only = scores.reshape(allowed.shape)[:, layer], allowed[:, layer : layer + 1]
        some, its_gradient = sequence_cross_entropy(of_layer, only, lengths, scheme)
        share = weight * (~only).any(axis=(1, 2)).sum() / n_known
        expected += share * some
        np.testing.assert_allclose(
            gradient.reshape(allowed.shape)[:, layer], share * its_gradient, rtol=1e-5, atol=1e-9
        )
    assert loss == pytest.approx(expected)


@settings(deadline=None)
@given(batches(), st.integers(0, 2**32 - 1))
def test_gradient_is_the_derivative_of_the_loss(batch, seed):
    scores, allowed, lengths, scheme = batch
    _, gradient = sequence_cross_entropy(*batch)
    assert gradient.shape == scores.shape
    direction = np.random.default_rng(seed).normal(size=scores.shape)
    above, below = (
        sequence_cross_entropy(scores + step * direction, allowed, lengths, scheme)[0] for step in (1e-5, -1e-5)
    )
    assert (gradient * direction).sum() == pytest.approx((above - below) / 2e-5, abs=1e-5)


@pytest.mark.parametrize("name", SCHEMES)
def test_what_is_not_known_gives_no_gradient(name):
    scheme = make_tag_scheme(name, LABELS)
    scores = np.random.default_rng(0).normal(size=(9, 2 * len(scheme.tags))).astype("f")
    allowed = np.ones((9, 2, len(scheme.tags)), dtype=bool)
    lengths = np.array([0, 4, 5, 0])
    loss, gradient = sequence_cross_entropy(scores, allowed, lengths, scheme)
    assert loss == 0
    assert not gradient.any()
    allowed[:4, 1, 1:] = False
    loss, gradient = sequence_cross_entropy(scores, allowed, lengths, scheme)
    by_layer = gradient.reshape(allowed.shape)
    assert loss > 0
    assert by_layer[:4, 1].any(axis=1).all()
    assert not by_layer[4:].any()
    assert not by_layer[:, 0].any()


@pytest.mark.parametrize("name", SCHEMES)
def test_docs_do_not_depend_on_their_neighbours(name):
    scheme = make_tag_scheme(name, LABELS)
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(60, len(scheme.tags)))
    allowed = np.zeros((60, 1, len(scheme.tags)), dtype=bool)
    allowed[:, 0, 0] = True
    loss, gradient = sequence_cross_entropy(scores, allowed, np.array([50, 10]), scheme)
    first = sequence_cross_entropy(scores[:50], allowed[:50], np.array([50]), scheme)
    second = sequence_cross_entropy(scores[50:], allowed[50:], np.array([10]), scheme)
    assert loss == pytest.approx((50 * first[0] + 10 * second[0]) / 60)
    np.testing.assert_allclose(gradient, np.concatenate([first[1] * 50, second[1] * 10]) / 60, rtol=1e-5, atol=1e-9)


def test_large_scores_do_not_overflow():
    scheme = make_tag_scheme("BILUO", LABELS[:1])
    scores = np.full((3, 5), -1e4)
    scores[:, 4] = 1e4
    allowed = np.zeros((3, 1, 5), dtype=bool)
    allowed[:, 0, 0] = True
    loss, gradient = sequence_cross_entropy(scores, allowed, np.array([3]), scheme)
    assert loss == pytest.approx(2e4)
    assert np.isfinite(gradient).all()
