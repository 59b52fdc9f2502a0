"""Decoding is exact: compared with enumerating every valid sequence."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.ner.decoding import decode
from spacy_biobert.ner.tags import SCHEMES, make_tag_scheme

LABELS = ("Chemical", "Disease", "Gene")
schemes = st.builds(make_tag_scheme, st.sampled_from(SCHEMES), st.integers(1, 3).map(lambda k: LABELS[:k]))
# Few distinct values make ties; -inf rules a tag out.
few_values = st.sampled_from([-np.inf, -3.0, -1.0, 0.0, 0.0, 1.0, 2.5])
values = st.one_of(few_values, st.floats(-20, 20, width=32))


@st.composite
def batches(draw, max_tokens=5, max_docs=3):
    scheme = draw(schemes)
    lengths = draw(st.lists(st.integers(0, max_tokens), min_size=1, max_size=max_docs))
    n_values = sum(lengths) * len(scheme.tags)
    flat = draw(st.lists(values, min_size=n_values, max_size=n_values))
    scores = np.array(flat, dtype=np.float32).reshape(sum(lengths), len(scheme.tags))
    return scores, np.array(lengths, dtype=np.int64), scheme


def is_valid(names, scheme_name):
    """Read a tag sequence letter by letter, as its definition says and not as the package does."""
    open_label = None
    for name in names:
        letter, _, label = name.partition("-")
        continues = letter in ("I", "L")
        if continues and label != open_label:
            return False
        if scheme_name == "BILUO" and open_label is not None and not continues:
            return False
        open_label = label if letter in ("B", "I") else None
    return scheme_name == "BIO" or open_label is None


def best_sum(scores, scheme):
    """The greatest sum of scores over all valid sequences, by enumeration."""
    return max(
        sum(float(row[tag]) for row, tag in zip(scores, tags, strict=True))
        for tags in product(range(len(scheme.tags)), repeat=len(scores))
        if is_valid([scheme.tags[tag] for tag in tags], scheme.name)
    )


def check(scores, lengths, scheme, expected_sum):
    tags = decode(scores, lengths, scheme)
    assert len(tags) == len(scores)
    for doc_scores, doc_tags in zip(
        np.split(scores, np.cumsum(lengths)[:-1]), np.split(tags, np.cumsum(lengths)[:-1]), strict=True
    ):
        assert is_valid([scheme.tags[tag] for tag in doc_tags], scheme.name)
        found = sum(float(row[tag]) for row, tag in zip(doc_scores, doc_tags, strict=True))
        assert found == pytest.approx(expected_sum(doc_scores, scheme), abs=1e-6)


@given(batches(max_tokens=3))
def test_equals_enumeration(batch):
    check(*batch, best_sum)


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("seed", range(4))
def test_equals_enumeration_on_longer_docs(name, seed):
    rng = np.random.default_rng(seed)
    scheme = make_tag_scheme(name, LABELS[:1])
    for n_tokens in range(1, 7):
        scores = rng.normal(size=(3 * n_tokens, len(scheme.tags))).astype("f")
        check(scores, np.full(3, n_tokens), scheme, best_sum)


def viterbi(scores, scheme):
    """The textbook recursion over tags, one token at a time."""
    best = None
    tags = range(len(scheme.tags))
    for row in scores.astype(np.float64):
        if best is None:
            best = [row[tag] if scheme.tags[tag][0] not in "IL" else -np.inf for tag in tags]
        else:
            best = [max(best[first] for first in tags if follows(first, tag, scheme)) + row[tag] for tag in tags]
    if best is None:
        return 0.0
    return max(best[tag] for tag in tags if scheme.name == "BIO" or scheme.tags[tag][0] not in "BI")


def follows(first, second, scheme):
    letter, _, label = scheme.tags[first].partition("-")
    is_open = letter in ("B", "I")
    next_letter, _, next_label = scheme.tags[second].partition("-")
    if next_letter in ("I", "L"):
        return is_open and label == next_label
    return scheme.name == "BIO" or not is_open


def likely_scores(rng, scheme, lengths, confidence):
    """Scores like a trained model's: one tag of a valid sequence stands out at most tokens."""
    scores = rng.normal(size=(int(sum(lengths)), len(scheme.tags)))
    tags = np.zeros(len(scores), dtype=int)
    tags[rng.random(len(scores)) < 0.15] = rng.integers(len(scheme.tags))
    tags = decode(np.eye(len(scheme.tags))[tags] + 0.1 * scores, np.asarray(lengths), scheme)
    scores[np.arange(len(scores)), tags] += confidence
    return scores.astype("f")


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("confidence", [0.0, 2.0, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_equals_textbook_viterbi_on_docs_with_many_cuts(name, confidence, seed):
    rng = np.random.default_rng(seed)
    scheme = make_tag_scheme(name, LABELS[: 1 + seed])
    lengths = np.array([0, 1, 150, 2, 0, 90, 37])
    check(likely_scores(rng, scheme, lengths, confidence), lengths, scheme, viterbi)


@pytest.mark.parametrize("name", SCHEMES)
def test_docs_do_not_depend_on_their_neighbours(name):
    rng = np.random.default_rng(0)
    scheme = make_tag_scheme(name, LABELS)
    lengths = rng.integers(0, 30, size=40)
    scores = rng.normal(size=(lengths.sum(), len(scheme.tags))).astype("f")
    together = np.split(decode(scores, lengths, scheme), np.cumsum(lengths)[:-1])
    for doc_scores, tags in zip(np.split(scores, np.cumsum(lengths)[:-1]), together, strict=True):
        alone = decode(doc_scores, np.array([len(doc_scores)]), scheme)
        assert alone.tolist() == tags.tolist()


@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
def test_no_tokens(lengths):
    scheme = make_tag_scheme("BILUO", LABELS)
    scores = np.zeros((0, len(scheme.tags)), dtype="f")
    assert decode(scores, np.array(lengths, dtype=np.int64), scheme).shape == (0,)


@pytest.mark.parametrize("name", SCHEMES)
def test_all_tags_ruled_out_still_gives_a_valid_sequence(name):
    scheme = make_tag_scheme(name, LABELS)
    scores = np.full((4, len(scheme.tags)), -np.inf, dtype="f")
    scores[0, scheme.tags.index("B-Gene")] = 0.0
    tags = [scheme.tags[tag] for tag in decode(scores, np.array([4]), scheme)]
    assert is_valid(tags, name)
    assert tags[0] == "B-Gene"


def test_an_open_entity_may_be_closed_beyond_the_fault():
    """The best repair of a lone B is the L beside it, where the best tag is O by a hair."""
    scheme = make_tag_scheme("BILUO", ("Disease",))
    scores = np.full((5, 5), -20.0, dtype="f")
    scores[:, 0] = 0.0
    scores[1, [0, scheme.tags.index("B-Disease")]] = -9.0, 4.0
    scores[2, scheme.tags.index("L-Disease")] = -0.1
    tags = decode(scores, np.array([5]), scheme)
    assert [scheme.tags[tag] for tag in tags] == ["O", "B-Disease", "L-Disease", "O", "O"]
