"""Corpora in proportion: every doc is read, and each corpus has its share of the words."""

import random
from collections import Counter

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.training import Example

from spacy_biobert.training.mixture import make_mixed_corpus

NLP = spacy.blank("en")


def corpus(name, n_docs, n_words=5):
    """A reader of docs that begin with the corpus's name and a number."""
    texts = [" ".join([f"{name}{i}", *["w"] * (n_words - 1)]) for i in range(n_docs)]
    return lambda nlp: (Example(nlp.make_doc(text), nlp.make_doc(text)) for text in texts)


def resolved(config):
    return spacy.util.registry.resolve({"corpus": config})["corpus"]


@given(
    sizes=st.lists(st.tuples(st.integers(1, 40), st.floats(0.05, 20)), min_size=1, max_size=4), seed=st.integers(0, 9)
)
def test_shares(sizes, seed):
    corpora = {letter: corpus(letter, n) for letter, (n, _) in zip("abcd", sizes, strict=False)}
    shares = {letter: share for letter, (_, share) in zip("abcd", sizes, strict=False)}
    random.seed(seed)
    examples = list(make_mixed_corpus(corpora, shares)(NLP))
    # In one batch, a text that is there twice is two objects.
    assert len({id(example) for example in examples} | {id(example.predicted) for example in examples}) == 2 * len(
        examples
    )
    seen = Counter(example.predicted[0].text for example in examples)
    docs = Counter(example.predicted[0].text[0] for example in examples)
    for letter, (n, share) in zip("abcd", sizes, strict=False):
        times = {seen[f"{letter}{i}"] for i in range(n)}
        assert min(times) >= 1
        assert max(times) - min(times) <= 1
        # Whole docs: within half of one.
        expected = max(m / s for m, s in sizes) * share
        assert abs(docs[letter] - expected) <= 0.5 + 1e-6


def test_shares_are_of_words():
    examples = list(make_mixed_corpus({"a": corpus("a", 10, 20), "b": corpus("b", 10, 5)}, {"a": 1, "b": 1})(NLP))
    words = Counter()
    for example in examples:
        words[example.reference[0].text[0]] += len(example.reference)
    assert words == {"a": 200, "b": 200}


def test_the_same_seed_reads_the_same():
    mixed = make_mixed_corpus({"a": corpus("a", 9), "b": corpus("b", 4)}, {"a": 2, "b": 1.3})
    texts = []
    for seed in (0, 0, 1):
        random.seed(seed)
        texts.append([example.text for example in mixed(NLP)])
    assert texts[0] == texts[1]
    assert sorted(texts[0]) != sorted(texts[2])


def test_named_in_a_config(tmp_path):
    path = tmp_path / "one.iob"
    path.write_text("Fever\tB-Disease\n.\tO\n\n", encoding="utf8")
    one = {"@readers": "spacy_biobert.IOBCorpus.v1", "path": str(path)}
    config = {"@readers": "spacy_biobert.MixedCorpus.v1", "corpora": {"a": one, "b": one}, "shares": {"a": 1, "b": 3}}
    examples = list(resolved(config)(NLP))
    assert [[ent.text for ent in example.reference.ents] for example in examples] == [["Fever"]] * 4


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"a": 1}, "B428.*a, b.*shares: a"),
        ({"a": 1, "b": 0}, "B429.*b is 0"),
        ({"a": 1, "b": float("nan")}, "B429"),
        ({"a": 1, "b": float("inf")}, "B429"),
    ],
)
def test_shares_that_make_no_sense(shares, message):
    with pytest.raises(ValueError, match=message):
        make_mixed_corpus({"a": corpus("a", 1), "b": corpus("b", 1)}, shares)


def test_a_corpus_without_words():
    mixed = make_mixed_corpus({"a": corpus("a", 1), "b": corpus("b", 0)}, {"a": 1, "b": 1})
    with pytest.raises(ValueError, match=r"B430.*b has no words"):
        list(mixed(NLP))
