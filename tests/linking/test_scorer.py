import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_biobert.corpora.annotated_labels import set_annotated_labels
from spacy_biobert.linking.scorer import make_linker_scorer

VOCAB = spacy.blank("en").vocab
score = make_linker_scorer()


def make_doc(ents, spans_key=None):
    doc = Doc(VOCAB, words=list("abcdefgh"))
    spans = [Span(doc, start, start + 1, label=label, kb_id=kb_id) for start, label, kb_id in ents]
    if spans_key is None:
        doc.ents = spans
    else:
        doc.spans[spans_key] = spans
    return doc


def example(predicted, gold, **settings):
    return Example(make_doc(predicted, **settings), make_doc(gold, **settings))


def test_shares():
    examples = [
        example(
            [(0, "X", "M:1"), (1, "X", "M:2"), (3, "X", "M:4"), (5, "X", "NIL")],
            [(0, "Y", "M:1"), (1, "X", "M:9"), (2, "X", "M:3"), (5, "X", "NIL")],
        )
    ]
    assert score(examples) == {
        # Three of the four gold mentions were found; two of these have the right id, one being NIL.
        "link_acc": pytest.approx(2 / 3),
        "link_acc_set": pytest.approx(2 / 3),
        "link_acc_gold": 2 / 4,
        # One right pair of three predicted and of three gold ones.
        "link_micro_p": pytest.approx(1 / 3),
        "link_micro_r": pytest.approx(1 / 3),
        "link_micro_f": pytest.approx(1 / 3),
    }


@pytest.mark.parametrize("order", [1, -1])
def test_a_gene_and_a_disease_on_the_same_characters(order):
    found = [(0, "Gene", "G:1"), (0, "Disease", "M:1"), (1, "Gene", "NIL"), (1, "Disease", "M:2")]
    gold = [(0, "Gene", "G:1"), (0, "Disease", "M:1"), (1, "Gene", "G:2"), (1, "Disease", "M:2")]
    shares = score([example(found, gold[::order], spans_key="sc")], spans_key="sc")
    assert (shares["link_acc"], shares["link_acc_set"], shares["link_micro_f"]) == (1.0, 0.5, 1.0)


@pytest.mark.parametrize(
    ("predicted", "gold", "any_right", "all_right"),
    [
        ("M:1", "M:1|M:2", 1, 0),
        ("M:1|M:2", "M:2|M:1", 1, 1),
        ("M:1|M:3", "M:1", 1, 0),
        ("M:3", "M:1|M:2", 0, 0),
        ("NIL", "M:1", 0, 0),
        ("", "M:1", 0, 0),
        ("", "NIL", 1, 1),
        ("M:1", "NIL", 0, 0),
        # Ids that mean the same.
        ("M:1", "O:1", 1, 1),
        ("M:1|M:2", "O:1|M:2", 1, 1),
    ],
)
def test_composites_and_equivalents(predicted, gold, any_right, all_right):
    equivalents = {"M:1": {"M:1", "O:1"}}
    scores = score(
        [example([(0, "X", predicted)], [(0, "X", gold)])],
        equivalent_ids=lambda identifier: equivalents.get(identifier, {identifier}),
    )
    assert (scores["link_acc"], scores["link_acc_set"]) == (any_right, all_right)


def test_nothing_annotated():
    # Entities without ids in the reference are not annotated; whether they were linked says nothing.
    scores = score([example([(0, "X", "M:1")], [(0, "X", "")])])
    assert set(scores.values()) == {None}
    assert set(score([]).values()) == {None}
    scores = score([example([(0, "X", "M:1"), (1, "X", "M:2")], [(0, "X", ""), (1, "X", "M:2")])])
    assert scores["link_micro_p"] == 1


def test_false_alarms_count_wherever_a_text_is_cut():
    right = [(0, "X", "M:1")], [(0, "X", "M:1")]
    alarm = [(1, "X", "M:2"), (2, "X", "NIL"), (3, "Y", "M:3")], []
    assert score([example(*right), example(*alarm)])["link_micro_p"] == 1 / 2  # nobody links a Y
    assert (
        score([example(*right, spans_key="sc"), example(*alarm, spans_key="sc")], spans_key="sc")["link_micro_p"] == 0.5
    )
    # Nor where there are mentions with that label, but none of them has an id.
    named = example([(0, "X", "M:1"), (4, "Y", "M:4")], [(0, "X", "M:1"), (4, "Y", "")])
    assert score([named, example(*alarm)])["link_micro_p"] == 1 / 2
    silent = Example(make_doc(alarm[0]), Doc(VOCAB, words=list("abcdefgh")))  # says nothing of mentions
    assert score([example(*right), silent])["link_micro_p"] == 1


def test_labels_that_were_not_looked_for():
    some = example([(0, "X", "M:1"), (1, "Y", "M:2")], [(0, "X", "M:1")])
    assert score([some])["link_micro_p"] == 1 / 2
    set_annotated_labels(some.reference, ["X"])
    assert score([some])["link_micro_p"] == 1
    # Labels are not compared where a mention is.
    other = example([(0, "Y", "M:1")], [(0, "X", "M:1")])
    set_annotated_labels(other.reference, ["X"])
    assert score([other])["link_acc_gold"] == 1


def test_nothing_predicted():
    scores = score([example([], [(0, "X", "M:1")])])
    assert scores["link_acc"] is None
    assert scores["link_micro_p"] is None
    assert scores["link_acc_gold"] == scores["link_micro_r"] == scores["link_micro_f"] == 0


def test_spans():
    examples = [example([(0, "X", "M:1")], [(0, "X", "M:1")], spans_key="sc")]
    assert score(examples, spans_key="sc")["link_micro_f"] == 1
    assert score(examples)["link_micro_f"] is None


def test_other_tokens():
    predicted = Doc(VOCAB, words=["Wilson", "-", "like"], spaces=[False, False, False])
    predicted.ents = [Span(predicted, 0, 3, label="X", kb_id="M:1")]
    reference = Doc(VOCAB, words=["Wilson-like"], spaces=[False])
    reference.ents = [Span(reference, 0, 1, label="X", kb_id="M:1")]
    assert score([Example(predicted, reference)])["link_acc"] == 1
