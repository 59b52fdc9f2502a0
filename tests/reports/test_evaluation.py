"""Evaluations as records and as a page: whole, self-contained, and true to any text."""

from html.parser import HTMLParser

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_biobert.corpora.annotated_labels import set_annotated_labels
from spacy_biobert.ner.matching import Matching, Place, match
from spacy_biobert.ner.scorer import make_ner_scorer
from spacy_biobert.reports.common_errors import common_errors
from spacy_biobert.reports.evaluation import evaluate_entities
from spacy_biobert.reports.evaluation_page import render_evaluation
from spacy_biobert.reports.outcomes import Outcome, judge
from spacy_biobert.reports.plots import wilson_interval

VOCAB = spacy.blank("en").vocab
VOID = {"meta", "br"}


class Page(HTMLParser):
    """Reads a page and complains about tags that do not close, ids that repeat, references to nothing and scripts."""

    def __init__(self, html):
        super().__init__()
        self.open, self.ids, self.refers, self.contexts = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []
        assert len(self.ids) == len(set(self.ids))
        assert set(self.refers) <= set(self.ids)

    def handle_startendtag(self, tag, attrs):
        assert tag in {"line", "rect", "polyline"}

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        assert tag not in {"script", "link", "img", "iframe", "object"}
        assert not any(name.startswith("on") for name in attrs)
        if tag == "p" and self.open and self.open[-1][0] == "div" and attrs.get("class") is None:
            self.contexts.append("")
        if tag not in VOID:
            self.open.append((tag, attrs.get("class")))
        self.ids += [attrs["id"]] if "id" in attrs else []
        assert attrs.get("href", "#").startswith("#")
        self.refers += [attrs["href"][1:]] if "href" in attrs else []

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if ("article", "error") in self.open and self.open[-1] in {("p", None)} | {
            ("mark", name) for name in ("gold", "found", "gold found")
        }:
            self.contexts[-1] += data


@pytest.fixture
def scored(monkeypatch):
    """Give every predicted entity a score, which grows with its length."""
    known = Span.get_extension("score") if Span.has_extension("score") else None
    Span.set_extension("score", getter=lambda span: min(0.4 + 0.1 * len(span.text), 1.0), force=True)
    yield
    Span.remove_extension("score")
    if known:
        Span.set_extension("score", getter=known[2], force=True)


@pytest.fixture
def unscored():
    known = Span.remove_extension("score") if Span.has_extension("score") else None
    yield
    if known:
        Span.set_extension("score", getter=known[2], force=True)


def make_doc(words, *ents, **options):
    doc = Doc(VOCAB, words=words, **options)
    doc.set_ents([Span(doc, start, end, label) for start, end, label in ents], default="outside")
    return doc


def make_example(words, gold, found, **options):
    return Example(make_doc(words, *found, **options), make_doc(words, *gold, **options))


FEVER = make_example(["A", "fever", "."], [(1, 2, "Disease")], [(1, 2, "Disease")])
MISSED = make_example(["No", "cough", "."], [(1, 2, "Disease")], [])
GENE = make_example(["The", "BRCA1", "gene"], [(1, 2, "Gene")], [(0, 2, "Gene")], spaces=[True, True, False])


@pytest.mark.usefixtures("scored")
def test_agrees_with_the_scorer():
    examples = [FEVER, MISSED, GENE]
    found, expected = evaluate_entities("x", examples), make_ner_scorer()(examples)
    assert found.scores.micro.values == pytest.approx([expected[f"ents_{x}"] for x in "prf"])
    for label, values in expected["ents_per_type"].items():
        assert found.scores.labels[label].values == pytest.approx([values[x] for x in "prf"])
    record = found.to_dict()
    assert record["micro"]["f"] == pytest.approx(expected["ents_f"])
    assert record["outcomes"] == {outcome.value: 0 for outcome in Outcome} | {
        "right": 1,
        "wrong boundaries": 1,
        "missed": 1,
    }
    assert record["outcomes_per_label"]["Gene"]["wrong boundaries"] == 1
    assert record["calibration"]["entities"] == 2
    assert set(record["precision_recall"]) == {"all", "Disease", "Gene"}


@pytest.mark.usefixtures("scored")
def test_counts_words_and_knows_whose_tokens_they_are():
    found = evaluate_entities("x", [FEVER, MISSED])
    assert (found.docs, found.words, found.gold_tokens) == (2, 6, True)
    assert evaluate_entities("x", [GENE]).gold_tokens is False


@pytest.mark.usefixtures("unscored")
def test_rules_have_no_scores():
    found = evaluate_entities("x", [FEVER, MISSED])
    assert (found.curves, found.calibration) == ({}, None)
    html = render_evaluation([found], title="x", about="y")
    Page(html)
    assert "<svg" not in html


def test_nothing_to_evaluate():
    assert evaluate_entities("x", []) is None
    assert evaluate_entities("x", [make_example(["a"], [], [])]) is None


def test_labels_that_nobody_looked_for_are_left_out():
    example = make_example(["fever", "BRCA1"], [(0, 1, "Disease")], [(0, 1, "Disease"), (1, 2, "Gene")])
    assert evaluate_entities("x", [example]).scores.micro.values[0] == 0.5
    set_annotated_labels(example.reference, ["Disease"])
    found = evaluate_entities("x", [example])
    assert found.scores.micro.values == (1.0, 1.0, 1.0)
    assert list(found.outcomes) == ["Disease"]
    assert found.errors == []


# --- Common errors ---


def errors_of(*examples, n=20):
    return common_errors([(matching, judge(matching)) for matching in map(match, examples)], n=n)


def test_errors_are_grouped_by_text_and_kind():
    loud = make_example(["COUGH", "again"], [(0, 1, "Disease")], [])
    spurious = make_example(["cough", "again"], [], [(0, 1, "Disease")])
    first, second = errors_of(spurious, MISSED, loud)
    assert (first.outcome, first.count, first.gold_text, first.found_text) == (Outcome.MISSED, 2, "cough", "")
    assert (second.outcome, second.count, second.gold_text, second.found_text) == (Outcome.SPURIOUS, 1, "", "cough")
    assert len(errors_of(spurious, MISSED, loud, n=1)) == 1


def test_both_mentions_are_marked_in_the_sentence():
    words = ["First", "sentence", ".", "Familial", "breast", "cancer", "was", "seen", ".", "Last", "one", "."]
    example = make_example(words, [(3, 6, "Disease")], [(4, 7, "Disease")])
    (error,) = errors_of(example)
    assert [(piece.text, piece.in_gold, piece.in_found) for piece in error.context] == [
        ("Familial ", True, False),
        ("breast cancer", True, True),
        (" was", False, True),
        (" seen . ", False, False),
    ]


def test_long_sentences_are_cut_between_words():
    words = ["word"] * 100 + ["fever"] + ["word"] * 100
    (error,) = errors_of(make_example(words, [(100, 101, "Disease")], []))
    text = "".join(piece.text for piece in error.context)
    assert text.startswith("… word")
    assert text.endswith("word …")
    assert set(text.split()) == {"…", "word", "fever"}
    assert len(text) < 240


@given(st.text(min_size=1, max_size=300), st.data())
def test_context_is_true_to_any_text(text, data):
    bounds = [sorted(data.draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=2))) for _ in range(2)]
    gold, found = Place("A", *bounds[0]), Place("B", *bounds[1])
    matching = Matching({gold: None}, {found: None}, text)
    for error in common_errors([(matching, judge(matching))]):
        pieces = error.context
        assert "".join(piece.text for piece in pieces).strip("… ") in text
        if error.gold_label:
            assert "".join(piece.text for piece in pieces if piece.in_gold) == text[gold.start : gold.end]
        if error.found_label:
            assert "".join(piece.text for piece in pieces if piece.in_found) == text[found.start : found.end]


# --- The page ---


@pytest.mark.usefixtures("scored")
def test_page_shows_scores_plots_and_errors():
    evaluations = [evaluate_entities("one", [FEVER, MISSED, GENE]), evaluate_entities("two", [FEVER])]
    html = render_evaluation(evaluations, title="en_x", about="spaCy")
    page = Page(html)
    assert page.ids == ["corpus-0", "corpus-0-clip", "corpus-1", "corpus-1-clip"]
    assert html.count("<svg") == 4
    assert "mean over labels" in html
    assert "<b>Missed</b> · Disease <q>cough</q>" in html
    assert [context.strip() for context in page.contexts] == ["No cough .", "The BRCA1 gene"]
    assert "There is no error." in html
    assert "@import" not in html


@given(words=st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=6), label=st.text(min_size=1, max_size=9))
def test_any_text_is_escaped(words, label):
    words = [word for word in words if not word.isspace()] or ["<b>"]
    example = make_example(words, [(0, 1, label)], [(len(words) - 1, len(words), f"{label}<")])
    found = evaluate_entities("<i>&'\"", [example])
    page = Page(render_evaluation([found], title="</title><script>", about="<b>"))
    assert len(page.contexts) == len(found.errors)
    for shown, error in zip(page.contexts, found.errors, strict=True):
        assert shown.split() == "".join(piece.text for piece in error.context).split()


def test_wilson_interval():
    assert wilson_interval(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson_interval(1.0, 3)[1] == 1.0
    assert wilson_interval(0.0, 3)[0] == pytest.approx(0.0, abs=1e-9)
