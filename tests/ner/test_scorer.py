import numpy as np
import pytest
import spacy
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_biobert.corpora.annotated_labels import set_annotated_labels
from spacy_biobert.ner.scorer import make_ner_scorer

LABELS = ["Chemical", "Disease", "Gene"]
VOCAB = spacy.blank("en").vocab
KEYS = ["ents_p", "ents_r", "ents_f"]


def random_tags(rng, n_tokens):
    tags = []
    while len(tags) < n_tokens:
        if rng.random() < 0.5:
            tags.append("O")
        else:
            label = rng.choice(LABELS)
            tags += [f"B-{label}"] + [f"I-{label}"] * int(rng.integers(0, 3))
    return tags[:n_tokens]


def make_example(predicted_tags, gold_tags):
    words = [f"w{i}" for i in range(len(gold_tags))]
    return Example(Doc(VOCAB, words=words, ents=predicted_tags), Doc(VOCAB, words=words, ents=gold_tags))


@pytest.mark.parametrize("seed", range(10))
def test_equals_seqeval_on_gold_tokens(seed):
    seqeval = pytest.importorskip("seqeval.metrics", reason="seqeval is not installed")
    rng = np.random.default_rng(seed)
    gold = [random_tags(rng, n) for n in rng.integers(1, 20, size=30)]
    predicted = [tags if rng.random() < 0.5 else random_tags(rng, len(tags)) for tags in gold]
    scores = make_ner_scorer()([make_example(p, g) for p, g in zip(predicted, gold, strict=True)])
    assert scores["ents_p"] == pytest.approx(seqeval.precision_score(gold, predicted), abs=1e-15)
    assert scores["ents_r"] == pytest.approx(seqeval.recall_score(gold, predicted), abs=1e-15)
    assert scores["ents_f"] == pytest.approx(seqeval.f1_score(gold, predicted), abs=1e-15)
    report = seqeval.classification_report(gold, predicted, output_dict=True)
    assert set(scores["ents_per_type"]) == set(LABELS)
    for label, counts in scores["ents_per_type"].items():
        expected = report[label]["precision"], report[label]["recall"], report[label]["f1-score"]
        assert (counts["p"], counts["r"], counts["f"]) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_equals_spacys_score_on_gold_tokens_with_missing_annotation(seed):
    rng = np.random.default_rng(seed)
    examples = []
    for n in rng.integers(1, 20, size=30):
        gold = random_tags(rng, n)
        cut = int(rng.integers(0, n))
        while cut < n and gold[cut].startswith("I"):
            cut += 1
        examples.append(make_example(random_tags(rng, n), gold[:cut] + [""] * (n - cut)))
    scores, expected = make_ner_scorer()(examples), get_ner_prf(examples)
    for key in KEYS:
        assert scores[key] == pytest.approx(expected[key], abs=1e-15)


def test_prediction_that_gold_tokens_cannot_express_is_wrong():
    reference = Doc(VOCAB, words=["CYP)-induced", "fever"], ents=["O", "B-Disease"])
    predicted = Doc(VOCAB, words=["CYP", ")-induced", "fever"], spaces=[False, True, False])
    predicted.ents = [Span(predicted, 0, 1, "Chemical"), Span(predicted, 2, 3, "Disease")]
    scores = make_ner_scorer()([Example(predicted, reference)])
    assert (scores["ents_p"], scores["ents_r"]) == (0.5, 1.0)


def test_half_a_gold_token_is_not_a_match():
    reference = Doc(VOCAB, words=["CYP)-induced"], ents=["B-Chemical"])
    predicted = Doc(VOCAB, words=["CYP", ")-induced"], spaces=[False, False], ents=["B-Chemical", "O"])
    assert make_ner_scorer()([Example(predicted, reference)])["ents_f"] == 0.0


def test_texts_may_differ_in_spaces():
    reference = Doc(VOCAB, words=["no", "breast", "cancer", "."], ents=["O", "B-Disease", "I-Disease", ""])
    predicted = Doc(VOCAB, words=["no", " ", "breast", "cancer", "."], spaces=[False, False, True, False, False])
    predicted.ents = [Span(predicted, 2, 4, "Disease"), Span(predicted, 4, 5, "Gene")]
    assert predicted.text != reference.text
    scores = make_ner_scorer()([Example(predicted, reference)])
    assert (scores["ents_p"], scores["ents_r"], scores["ents_f"]) == (1.0, 1.0, 1.0)


def test_nothing_to_score():
    expected = dict.fromkeys(["ents_p", "ents_r", "ents_f", "ents_per_type"])
    unannotated = Example(Doc(VOCAB, words=["a"], ents=["B-Gene"]), Doc(VOCAB, words=["a"]))
    assert make_ner_scorer()([]) == expected
    assert make_ner_scorer()([unannotated]) == expected
    assert make_ner_scorer("ner")([unannotated]) == {key.replace("ents", "spans_ner"): None for key in expected}


def test_span_groups_may_overlap():
    words = ["breast", "cancer", "gene"]
    predicted, reference = Doc(VOCAB, words=words), Doc(VOCAB, words=words)
    reference.spans["all"] = [Span(reference, 0, 3, "Gene"), Span(reference, 0, 2, "Disease")]
    predicted.spans["all"] = [
        Span(predicted, 0, 3, "Gene"),
        Span(predicted, 0, 2, "Disease"),
        Span(predicted, 1, 2, "Disease"),
    ]
    scores = make_ner_scorer("all")([Example(predicted, reference)], spans_key="ignored", labels=LABELS)
    assert scores["spans_all_p"] == pytest.approx(2 / 3)
    assert scores["spans_all_r"] == 1.0
    assert scores["spans_all_per_type"]["Gene"] == {"p": 1.0, "r": 1.0, "f": 1.0}


@pytest.mark.parametrize("spans_key", [None, "all"])
def test_labels_that_were_not_looked_for_are_left_out_of_account(spans_key):
    words = ["aspirin", "cancer", "BRCA1"]

    def make_doc(*mentions):
        doc = Doc(VOCAB, words=words)
        doc.ents = doc.spans["all"] = [Span(doc, i, i + 1, label) for i, label in mentions]
        return doc

    predicted = [(0, "Chemical"), (1, "Disease"), (2, "Gene")]
    first, second, third = make_doc((1, "Disease")), make_doc((0, "Gene"), (2, "Gene")), make_doc((2, "Gene"))
    set_annotated_labels(first, ["Disease"])
    set_annotated_labels(second, ["Chemical", "Disease"])
    scorer = make_ner_scorer(spans_key)
    prefix = "ents" if spans_key is None else "spans_all"
    alone = scorer([Example(make_doc(*predicted), first)])
    assert [alone[f"{prefix}_{key}"] for key in "prf"] == [1.0, 1.0, 1.0]
    assert set(alone[f"{prefix}_per_type"]) == {"Disease"}
    together = scorer([Example(make_doc(*predicted), doc) for doc in (first, second, third)])
    per_type = together[f"{prefix}_per_type"]
    assert (per_type["Gene"]["p"], per_type["Gene"]["r"]) == (1.0, 1.0)
    assert (per_type["Disease"]["p"], per_type["Disease"]["r"]) == (1 / 3, 1.0)
    assert (per_type["Chemical"]["p"], per_type["Chemical"]["r"]) == (0.0, 0.0)
    set_annotated_labels(first, [])
    assert scorer([Example(make_doc(*predicted), first)])[f"{prefix}_f"] is None
