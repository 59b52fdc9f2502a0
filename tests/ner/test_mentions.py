from itertools import product

import numpy as np
import pytest

from spacy_biobert.ner.decoding import decode
from spacy_biobert.ner.mentions import find_mentions
from spacy_biobert.ner.tags import SCHEMES, make_tag_scheme

LABELS = ("Chemical", "Disease")


def softmax(scores):
    exps = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exps / exps.sum(axis=1, keepdims=True)


def spans(names):
    """Read spans off a sequence of tags of either scheme; a continuation without a beginning gives none."""
    found, start = set(), None
    for i, name in enumerate([*names, "O"]):
        letter, _, label = name.partition("-")
        if start is not None and not (letter in ("I", "L") and label == start[1]):
            found.add((start[0], i, start[1]))
            start = None
        if letter in ("B", "U"):
            start = (i, label)
    return found


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(3))
def test_score_is_the_probability_of_the_span_with_independent_tokens(name, temperature, seed):
    rng = np.random.default_rng(seed)
    scheme = make_tag_scheme(name, LABELS[:1])
    scores = rng.normal(size=(6, len(scheme.tags))).astype("f")
    scores[[1, 2], [1, 2]] += 4
    lengths = np.array([4, 2])
    tags = decode(scores, lengths, scheme)
    mentions = find_mentions(tags, scores, lengths, scheme, temperature=temperature)
    probs = softmax(scores.astype(np.float64) / temperature)
    assert len(mentions)
    for start, end, score in zip(mentions.starts, mentions.ends, mentions.scores, strict=True):
        doc = slice(0, 4) if end <= 4 else slice(4, 6)
        expected = 0.0
        for path in product(range(len(scheme.tags)), repeat=doc.stop - doc.start):
            # BILUO says by the mention's own tags where it ends; in BIO the token behind it says so.
            names = [scheme.tags[tag] for tag in path]
            own = list(path[start - doc.start : end - doc.start]) == list(tags[start:end])
            if own and (name == "BILUO" or (start - doc.start, end - doc.start, "Chemical") in spans(names)):
                expected += float(np.prod(probs[np.arange(doc.start, doc.stop), path]))
        assert score == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", SCHEMES)
def test_finds_the_spans_of_the_tags(name):
    rng = np.random.default_rng(0)
    scheme = make_tag_scheme(name, LABELS)
    lengths = np.array([0, 12, 1, 0, 30, 7, 0])
    scores = rng.normal(size=(lengths.sum(), len(scheme.tags))).astype("f")
    tags = decode(scores, lengths, scheme)
    docs = find_mentions(tags, scores, lengths, scheme).split(lengths)
    assert len(docs) == len(lengths)
    for mentions, doc_tags in zip(docs, np.split(tags, np.cumsum(lengths)[:-1]), strict=True):
        found = zip(mentions.starts, mentions.ends, [LABELS[label] for label in mentions.labels], strict=True)
        assert list(found) == sorted(spans([scheme.tags[tag] for tag in doc_tags]))
        assert ((mentions.scores >= 0) & (mentions.scores <= 1)).all()


@pytest.mark.parametrize("name", SCHEMES)
def test_scores_stay_probabilities_where_tags_are_ruled_out(name):
    scheme = make_tag_scheme(name, LABELS[:1])
    scores = np.full((3, len(scheme.tags)), -np.inf, dtype="f")
    scores[0, 1] = 1e30
    tags = decode(scores, np.array([3]), scheme)
    found = find_mentions(tags, scores, np.array([3]), scheme)
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
