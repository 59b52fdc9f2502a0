"""What a reference's annotation allows: in one sequence of tags, and in a layer for each label."""

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import filter_spans

from spacy_biobert.corpora.annotated_labels import set_annotated_labels
from spacy_biobert.ner.layers import make_tag_layers
from spacy_biobert.ner.tags import SCHEMES
from spacy_biobert.ner.targets import allowed_tags

LABELS = ("Chemical", "Disease")
VOCAB = spacy.blank("en").vocab
ALL = "any"


def make_doc(words, ents=None, *, labels=None, spans=None):
    doc = Doc(VOCAB, words=words, ents=ents)
    set_annotated_labels(doc, labels)
    if spans is not None:
        doc.spans["gold"] = [Span(doc, start, end, label=label) for start, end, label in spans]
    return doc


def read(*references, overlapping, spans_key=None, scheme="BILUO", predicted=None):
    """Name the tags that each token may have in each layer; "any" for all."""
    examples = [Example(make_doc(predicted or [token.text for token in doc]), doc) for doc in references]
    layers = make_tag_layers(scheme, LABELS, overlapping=overlapping)
    allowed = allowed_tags(examples, layers, spans_key=spans_key, name="biobert_ner")
    assert allowed.shape == (sum(len(example.predicted) for example in examples), *layers.tag_labels.shape)
    tags = [tag.removesuffix("-mention") for tag in layers.scheme.tags]

    def name(row):
        return ALL if row.all() else " ".join(tag for tag, is_allowed in zip(tags, row, strict=True) if is_allowed)

    return [[name(row) for row in token] for token in allowed]


WORDS = ["aspirin", "for", "breast", "cancer"]
ENTS = ["B-Chemical", "O", "B-Disease", "I-Disease"]


def test_all_labels_in_one_sequence():
    expected = [["U-Chemical"], ["O"], ["B-Disease"], ["L-Disease"]]
    assert read(make_doc(WORDS, ENTS), overlapping=False) == expected
    assert read(make_doc(WORDS, ENTS, labels=LABELS), overlapping=False) == expected
    assert read(make_doc(WORDS, ENTS, labels=[*LABELS, "Gene"]), overlapping=False) == expected


def test_a_layer_for_each_label():
    expected = [["U", "O"], ["O", "O"], ["O", "B"], ["O", "L"]]
    assert read(make_doc(WORDS, ENTS), overlapping=True) == expected
    assert read(make_doc(WORDS, ENTS, labels=LABELS), overlapping=True) == expected


def test_label_that_was_not_looked_for():
    for ents in (ENTS, ["O", *ENTS[1:]]):  # a stray mention of it counts for nothing
        doc = make_doc(WORDS, ents, labels=["Disease"])
        may_be = "O B-Chemical I-Chemical L-Chemical U-Chemical"
        assert read(doc, overlapping=False) == [[may_be], [may_be], ["B-Disease"], ["L-Disease"]]
        assert read(doc, overlapping=True) == [[ALL, "O"], [ALL, "O"], [ALL, "B"], [ALL, "L"]]


@pytest.mark.parametrize("overlapping", [True, False])
def test_nothing_that_was_looked_for_is_known(overlapping):
    doc = make_doc(["BRCA1", "for"], ["B-Gene", "O"], labels=["Gene"])
    with pytest.raises(ValueError, match=r"\[B104\].*'Gene'"):
        read(doc, overlapping=overlapping)
    doc = make_doc(["BRCA1", "for"], ["O", "O"], labels=["Gene"])
    assert {name for row in read(doc, overlapping=overlapping) for name in row} == {ALL}
    doc = make_doc(["BRCA1", "for"], ["B-Gene", "O"], labels=[])
    assert {name for row in read(doc, overlapping=overlapping) for name in row} == {ALL}


@pytest.mark.parametrize("overlapping", [True, False])
@pytest.mark.parametrize("labels", [None, ["Disease"]])
def test_missing_annotation_allows_everything(overlapping, labels):
    doc = make_doc(["a", "b"], ["", "B-Disease"], labels=labels)
    first, second = read(doc, overlapping=overlapping)
    assert set(first) == {ALL}
    assert second != first


def test_labels_differ_from_doc_to_doc():
    docs = [make_doc(["a"], ["O"], labels=[label]) for label in LABELS]
    assert read(*docs, overlapping=True) == [["O", ALL], [ALL, "O"]]
    assert read(*docs, make_doc(["a"], ["O"]), overlapping=True)[-1] == ["O", "O"]


# --- Mentions from a span group ---

mentions = st.lists(
    st.tuples(st.integers(0, 6), st.integers(1, 3), st.sampled_from(LABELS)).map(lambda m: (m[0], m[0] + m[1], m[2])),
    max_size=6,
    unique=True,
)


@settings(deadline=None)
@given(st.lists(mentions, min_size=1, max_size=3), st.sampled_from(SCHEMES))
def test_each_layer_takes_the_longest_mentions_of_its_label(docs, scheme):
    words = [f"w{i}" for i in range(9)]
    references = [make_doc(words, spans=spans) for spans in docs]
    found = read(*references, overlapping=True, spans_key="gold", scheme=scheme)
    expected = []
    for doc in references:
        layers = []
        for label in LABELS:
            ents = filter_spans([span for span in doc.spans["gold"] if span.label_ == label])
            tags = make_doc(words, ["O"] * 9)
            tags.ents = [Span(tags, span.start, span.end, label="Disease") for span in ents]
            layers.append([row[1] for row in read(tags, overlapping=True, scheme=scheme)])
        expected += [list(row) for row in zip(*layers, strict=True)]
    assert found == expected


def test_overlapping_mentions_are_all_told():
    spans = [(0, 3, "Disease"), (1, 3, "Disease"), (1, 2, "Chemical"), (3, 4, "Chemical")]
    doc = make_doc(["lead", "poisoning", "of", "x"], ["O"] * 4, spans=spans)
    expected = [["O", "B"], ["U", "I"], ["O", "L"], ["U", "O"]]
    assert read(doc, overlapping=True, spans_key="gold") == expected
    assert read(doc, overlapping=True, spans_key="other") == [["O", "O"]] * 4
    assert read(doc, overlapping=True) == [["O", "O"]] * 4


def test_references_with_and_without_the_group():
    words = ["a", "b"]
    grouped = make_doc(words, spans=[(0, 2, "Disease"), (1, 2, "Chemical")])
    docs = [make_doc(words, ["O", "B-Disease"]), grouped, make_doc(["c"], ["B-Chemical"])]
    expected = [["O", "O"], ["O", "U"], ["O", "B"], ["U", "L"], ["U", "O"]]
    assert read(*docs, overlapping=True, spans_key="gold") == expected
    assert read(docs[1], overlapping=True, spans_key="gold") == expected[2:4]


def test_span_group_beside_missing_annotation():
    doc = make_doc(["a", "b", "c"], ["", "", "O"], spans=[(1, 2, "Disease")])
    assert read(doc, overlapping=True, spans_key="gold") == [[ALL, ALL], [ALL, "U"], ["O", "O"]]


def test_span_group_and_labels_that_were_not_looked_for():
    doc = make_doc(["a", "b"], spans=[(0, 2, "Gene"), (0, 1, "Chemical"), (0, 1, "Disease")], labels=["Disease"])
    assert read(doc, overlapping=True, spans_key="gold") == [[ALL, "U"], [ALL, "O"]]


def test_mention_that_the_tokens_cannot_express_is_missing_in_its_layer():
    words = ["CYP", "-", "induced", "fever"]
    doc = make_doc(words, spans=[(0, 1, "Chemical"), (3, 4, "Disease"), (2, 4, "Chemical")])
    found = read(doc, overlapping=True, spans_key="gold", predicted=["CYP-", "induced", "fe", "ver"])
    assert found == [[ALL, "O"], ["B", "O"], ["I", "B"], ["L", "L"]]


def test_a_mention_fits_whatever_its_case_is():
    """Some corpora are lower-cased; their texts are not."""
    doc = make_doc(["brca1", "-", "mutant", "il2"], spans=[(0, 3, "Disease"), (3, 4, "Chemical")])
    found = read(doc, overlapping=True, spans_key="gold", predicted=["BRCA1-", "mutant", "IL2"])
    assert found == [["O", "B"], ["O", "L"], ["U", "O"]]


def test_white_space_is_no_part_of_a_mention_of_a_group():
    """Whether it stands inside or at an end, and whether the tokens are those of the reference or not."""
    words = ["in", "\n", "heart", "\n", "failure", " ", "of"]
    doc = make_doc(words, spans=[(1, 6, "Disease"), (2, 4, "Chemical")])
    outside = ["O", "O"]
    expected = [outside, outside, ["U", "B"], outside, ["O", "L"], outside, outside]
    assert read(doc, overlapping=True, spans_key="gold") == expected
    expected[4:5] = [["O", "I"], ["O", "L"]]
    split = [*words[:4], "fail", "ure", *words[5:]]
    assert read(doc, overlapping=True, spans_key="gold", predicted=split) == expected


def test_unknown_label_in_a_span_group_is_named():
    with pytest.raises(ValueError, match=r"\[B104\].*'b c'.*'Gene'.*'biobert_ner'.*Chemical, Disease"):
        read(make_doc(["a", "b", "c"], spans=[(1, 3, "Gene")]), overlapping=True, spans_key="gold")


def test_no_docs():
    assert read(overlapping=True, spans_key="gold") == []
    assert read(overlapping=False) == []
    assert read(make_doc([], spans=[]), make_doc([]), overlapping=True, spans_key="gold") == []


def test_types_are_right():
    layers = make_tag_layers("BIO", LABELS, overlapping=True)
    allowed = allowed_tags([Example(make_doc(["a"]), make_doc(["a"]))], layers, spans_key=None, name="x")
    assert allowed.dtype == np.bool_
