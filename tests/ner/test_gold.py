from itertools import pairwise

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_biobert.ner.gold import MISSING_TAG, gold_tags
from spacy_biobert.ner.tags import SCHEMES, make_tag_scheme

LABELS = ("Chemical", "Disease")
VOCAB = spacy.blank("en").vocab


def names(example_or_examples, scheme_name="BILUO"):
    examples = example_or_examples if isinstance(example_or_examples, list) else [example_or_examples]
    scheme = make_tag_scheme(scheme_name, LABELS)
    tags = gold_tags(examples, scheme, name="biobert_ner")
    assert len(tags) == sum(len(example.predicted) for example in examples)
    return [scheme.tags[tag] if tag != MISSING_TAG else None for tag in tags]


def make_doc(words, ents=None, spaces=None):
    return Doc(VOCAB, words=words, ents=ents, spaces=spaces)


@st.composite
def annotations(draw):
    """Words and ``ents`` of a doc: entities, outside, and missing annotation, side by side."""
    ents = []
    for _ in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from(["O", "", *LABELS]))
        length = draw(st.integers(1, 3))
        ents += [kind] * length if kind in ("O", "") else [f"B-{kind}"] + [f"I-{kind}"] * (length - 1)
    return [f"w{i}" for i in range(len(ents))], ents


@given(st.lists(annotations(), min_size=1, max_size=3))
def test_equals_spacys_alignment(docs):
    examples = [Example(make_doc(words), make_doc(words, ents)) for words, ents in docs]
    expected = [tag for example in examples for tag in example.get_aligned_ner()]
    assert names(examples) == expected


@given(annotations(), st.data())
def test_other_tokens_equal_spacys_alignment(annotation, data):
    words, ents = annotation
    letters = "".join(words)
    cuts = [cut for cut in range(1, len(letters)) if data.draw(st.booleans())]
    bounds = [0, *cuts, len(letters)] if letters else [0]
    pieces = [letters[start:end] for start, end in pairwise(bounds)]
    example = Example(make_doc(pieces), make_doc(words, ents))
    assert names(example) == example.get_aligned_ner()


def test_entity_cut_by_the_tokenizer_is_missing():
    reference = make_doc(["Aspirin", "-", "induced", "fever"], ["B-Chemical", "O", "O", "B-Disease"])
    predicted = make_doc(["Aspirin-", "induced", "fever"])
    assert names(Example(predicted, reference)) == [None, "O", "U-Disease"]


def test_neighbouring_entities_stay_apart():
    words = ["a", "b", "c", "d"]
    reference = make_doc(words, ["B-Disease", "I-Disease", "B-Disease", "B-Chemical"])
    example = Example(make_doc(words), reference)
    assert names(example) == ["B-Disease", "L-Disease", "U-Disease", "U-Chemical"]
    assert names(example, "BIO") == ["B-Disease", "I-Disease", "B-Disease", "B-Chemical"]


def test_entities_end_with_their_doc():
    first = Example(make_doc(["a"]), make_doc(["a"], ["B-Disease"]))
    empty = Example(make_doc([]), make_doc([]))
    assert names([empty, first, empty, first, empty]) == ["U-Disease", "U-Disease"]


def test_entities_without_a_beginning_stay_apart():
    """Arrays can say what ``doc.ents`` cannot: an inside token after another label, or at the start of a doc."""
    inside, begin, disease, chemical = 1, 3, VOCAB.strings.add("Disease"), VOCAB.strings.add("Chemical")
    docs = [[(begin, disease), (inside, chemical)], [(inside, chemical)]]
    references = [
        make_doc(["a", "b"][: len(rows)]).from_array(["ENT_IOB", "ENT_TYPE"], np.array(rows, dtype="uint64"))
        for rows in docs
    ]
    examples = [Example(make_doc([token.text for token in reference]), reference) for reference in references]
    assert names(examples) == ["U-Disease", "U-Chemical", "U-Chemical"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_annotated_is_all_missing(scheme):
    assert names(Example(make_doc(["a", "b"]), make_doc(["a", "b"])), scheme) == [None, None]


def test_blocked_tokens_are_missing():
    reference = make_doc(["a", "b"], ["O", "O"])
    reference.set_ents([], blocked=[Span(reference, 0, 1)])
    assert names(Example(make_doc(["a", "b"]), reference)) == [None, "O"]


def test_unknown_label_is_named_with_an_entity():
    reference = make_doc(["BRCA1", "gene"], ["B-Gene", "O"])
    with pytest.raises(ValueError, match=r"\[B104\].*'BRCA1'.*'Gene'.*'biobert_ner'.*Chemical, Disease"):
        names(Example(make_doc(["BRCA1", "gene"]), reference))
