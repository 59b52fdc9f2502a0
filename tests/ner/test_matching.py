"""Which predictions are right: the rule of the component's scorer, mention by mention."""

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_biobert.corpora.annotated_labels import set_annotated_labels
from spacy_biobert.ner.matching import Place, match
from spacy_biobert.ner.scorer import make_ner_scorer

VOCAB = spacy.blank("en").vocab
LABELS = ("Chemical", "Disease", "Gene")
WORDS = st.lists(st.sampled_from(["a", "bb", " ", "\n ", "é", "tumour"]), min_size=1, max_size=12)


@st.composite
def docs(draw, words, *, missing=False):
    """A doc of these words with random spaces and entities, some of its annotation missing."""
    doc = Doc(VOCAB, words=words, spaces=draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words))))
    cuts = sorted(draw(st.sets(st.integers(0, len(words)), max_size=6)))
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    ents = [Span(doc, start, end, draw(st.sampled_from(LABELS))) for start, end in pairs]
    unknown = draw(st.sets(st.sampled_from(range(len(words))))) if missing else set()
    free = [doc[i : i + 1] for i in unknown if not any(ent.start <= i < ent.end for ent in ents)]
    doc.set_ents(ents, missing=free)
    return doc


@st.composite
def examples(draw):
    words = draw(WORDS)
    reference = draw(docs(words, missing=True))
    if draw(st.booleans()):
        set_annotated_labels(reference, draw(st.sets(st.sampled_from(LABELS))))
    others = [word for word in words if not word.isspace()] if draw(st.booleans()) else words
    return Example(draw(docs(others or ["a"])) if others else reference.copy(), reference)


@given(examples())
def test_counts_as_the_scorer_does(example):
    scores = make_ner_scorer()([example])
    matching = match(example)
    if matching is None:
        assert scores["ents_f"] is None
        return
    n_right = len(matching.gold.keys() & matching.found.keys())
    if not matching.gold and not matching.found:
        assert not scores["ents_f"]
        return
    assert scores["ents_p"] == pytest.approx(n_right / len(matching.found) if matching.found else 0.0)
    assert scores["ents_r"] == pytest.approx(n_right / len(matching.gold) if matching.gold else 0.0)


@given(examples())
def test_places_lead_back_to_the_text(example):
    matching = match(example)
    for place, span in matching.gold.items() if matching else ():
        start, end = matching.characters(place)
        assert matching.text[start:end].strip() == span.text.strip()
    for place, span in matching.found.items() if matching else ():
        start, end = matching.characters(place)
        assert "".join(matching.text[start:end].split()) == "".join(span.text.split())


def test_labels_that_nobody_looked_for_are_left_out():
    reference = Doc(VOCAB, words=["fever", "BRCA1", "pain"], ents=["B-Disease", "O", "O"])
    predicted = Doc(VOCAB, words=["fever", "BRCA1", "pain"], ents=["O", "B-Gene", "B-Disease"])
    assert len(match(Example(predicted, reference)).found) == 2
    set_annotated_labels(reference, ["Disease"])
    assert [place.label for place in match(Example(predicted, reference)).found] == ["Disease"]
    set_annotated_labels(reference, ["Gene"])
    matching = match(Example(predicted, reference))
    assert (list(matching.gold), list(matching.found)) == ([], [Place("Gene", 6, 11)])


def test_nothing_is_said_of_docs_without_annotation():
    assert match(Example(Doc(VOCAB, words=["a"], ents=["B-Gene"]), Doc(VOCAB, words=["a"]))) is None


def test_on_gold_tokens_it_is_conlleval():
    metrics = pytest.importorskip("seqeval.metrics", reason="seqeval is not installed")
    random = np.random.default_rng(0)
    tags = ["O", "B-Gene", "I-Gene", "B-Disease", "I-Disease"]

    def draw():
        drawn = [tags[i] for i in random.choice(5, size=40, p=[0.4, 0.15, 0.15, 0.15, 0.15])]
        for i, tag in enumerate(drawn):
            if tag[0] == "I" and (i == 0 or drawn[i - 1][1:] != tag[1:]):
                drawn[i] = f"B{tag[1:]}"
        return drawn

    pairs = [(draw(), draw()) for _ in range(50)]
    words = [f"w{i}" for i in range(40)]
    found = [match(Example(Doc(VOCAB, words=words, ents=b), Doc(VOCAB, words=words, ents=a))) for a, b in pairs]
    right = sum(len(one.gold.keys() & one.found.keys()) for one in found)
    gold, predicted = map(list, zip(*pairs, strict=True))
    assert right / sum(len(one.found) for one in found) == metrics.precision_score(gold, predicted)
    assert right / sum(len(one.gold) for one in found) == metrics.recall_score(gold, predicted)
