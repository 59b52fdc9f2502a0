"""Each label's layer is decoded as if it were alone."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_biobert.ner.decoding import decode
from spacy_biobert.ner.layers import find_in_layers, make_tag_layers
from spacy_biobert.ner.mentions import find_mentions
from spacy_biobert.ner.tags import SCHEMES, make_tag_scheme

from .test_decoding import is_valid
from .test_mentions import spans

LABELS = ("Chemical", "Disease", "Gene")


def as_rows(mentions):
    return list(zip(mentions.starts.tolist(), mentions.ends.tolist(), mentions.labels.tolist(), strict=True))


@st.composite
def batches(draw):
    scheme, n_labels = draw(st.sampled_from(SCHEMES)), draw(st.integers(1, 3))
    lengths = np.array(draw(st.lists(st.integers(0, 4), min_size=1, max_size=3)), dtype=np.int64)
    layers = make_tag_layers(scheme, LABELS[:n_labels], overlapping=True)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.normal(scale=2, size=(lengths.sum(), layers.n_scores)).astype("f"), lengths, layers


@settings(deadline=None)
@given(batches())
def test_equals_the_best_of_all_valid_sequences_of_each_label(batch):
    scores, lengths, layers = batch
    tags = layers.scheme.tags

    def valid_paths(n):
        paths = product(range(len(tags)), repeat=n)
        return [path for path in paths if is_valid([tags[tag] for tag in path], layers.scheme.name)]

    valid = {n: valid_paths(n) for n in set(lengths.tolist())}
    by_label = scores.reshape(len(scores), layers.n_layers, len(tags))
    docs = find_in_layers(scores, lengths, layers).split(lengths)
    for mentions, doc_scores in zip(docs, np.split(by_label, np.cumsum(lengths)[:-1]), strict=True):
        expected = set()
        for label in range(layers.n_layers):
            n = len(doc_scores)
            best = max(valid[n], key=lambda path: sum(doc_scores[i, label, tag] for i, tag in enumerate(path)))
            expected |= {(start, end, label) for start, end, _ in spans([tags[tag] for tag in best])}
        assert as_rows(mentions) == sorted(expected)


@settings(deadline=None)
@given(batches(), st.sampled_from([0.5, 1.0, 2.0]))
def test_scores_equal_those_of_each_label_alone(batch, temperature):
    scores, lengths, layers = batch
    found = find_in_layers(scores, lengths, layers, temperature=temperature)
    by_label = scores.reshape(len(scores), layers.n_layers, len(layers.scheme.tags))
    for label in range(layers.n_layers):
        own = np.ascontiguousarray(by_label[:, label])
        tags = decode(own, lengths, layers.scheme)
        alone = find_mentions(tags, own, lengths, layers.scheme, temperature=temperature)
        of_label = found.select(found.labels == label)
        np.testing.assert_array_equal(of_label.starts, alone.starts)
        np.testing.assert_array_equal(of_label.ends, alone.ends)
        np.testing.assert_allclose(of_label.scores, alone.scores, rtol=1e-12)


@pytest.mark.parametrize("name", SCHEMES)
def test_one_sequence_is_decoded_as_it_is(name):
    scheme, layers = make_tag_scheme(name, LABELS), make_tag_layers(name, LABELS, overlapping=False)
    assert layers.scheme is scheme
    assert layers.n_layers == 1
    lengths = np.array([5, 0, 30])
    scores = np.random.default_rng(0).normal(size=(35, layers.n_scores)).astype("f")
    expected = find_mentions(decode(scores, lengths, scheme), scores, lengths, scheme)
    found = find_in_layers(scores, lengths, layers)
    assert as_rows(found) == as_rows(expected)
    assert found.scores.tolist() == expected.scores.tolist()


@pytest.mark.parametrize("overlapping", [True, False])
@pytest.mark.parametrize("name", SCHEMES)
def test_tags_know_their_labels(name, overlapping):
    layers = make_tag_layers(name, LABELS, overlapping=overlapping)
    names = [None if label < 0 else LABELS[label] for label in layers.tag_labels.ravel().tolist()]
    n_tags = {"BIO": 2, "BILUO": 4}[name]
    if overlapping:
        assert names == [tag for label in LABELS for tag in [None, *[label] * n_tags]]
    else:
        assert names == [None] + [label for label in LABELS for _ in range(n_tags)]
        assert names == [tag.partition("-")[2] or None for tag in layers.scheme.tags]
    assert layers.n_scores == len(names)


@pytest.mark.parametrize("overlapping", [True, False])
@pytest.mark.parametrize("labels", [(), LABELS])
def test_no_tokens(labels, overlapping):
    layers = make_tag_layers("BILUO", labels, overlapping=overlapping)
    scores, lengths = np.zeros((0, layers.n_scores), dtype="f"), np.zeros(2, dtype=np.int64)
    assert [len(doc) for doc in find_in_layers(scores, lengths, layers).split(lengths)] == [0, 0]
