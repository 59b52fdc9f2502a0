"""Right, nearly right, missed or made up."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.ner.matching import Matching, Place
from spacy_biobert.reports.outcomes import Judged, Outcome, judge, semeval_scores

LABELS = ("Disease", "Gene")


def matching(gold, found):
    return Matching({Place(*place): None for place in gold}, {Place(*place): None for place in found}, " " * 100)


@st.composite
def mentions(draw):
    """Mentions of one doc that do not overlap."""
    cuts = sorted(draw(st.sets(st.integers(0, 20), max_size=8)))
    return [(draw(st.sampled_from(LABELS)), *cut) for cut in zip(cuts[::2], cuts[1::2], strict=False)]


@pytest.mark.parametrize(
    ("gold", "found", "outcome"),
    [
        (("Disease", 0, 5), ("Disease", 0, 5), Outcome.RIGHT),
        (("Disease", 0, 5), ("Gene", 0, 5), Outcome.WRONG_LABEL),
        (("Disease", 0, 5), ("Disease", 4, 9), Outcome.WRONG_BOUNDARIES),
        (("Disease", 0, 5), ("Gene", 2, 3), Outcome.WRONG_BOTH),
    ],
)
def test_pairs(gold, found, outcome):
    assert judge(matching([gold], [found])) == [Judged(outcome, Place(*gold), Place(*found))]


def test_what_only_touches_is_no_pair():
    outcomes = [one.outcome for one in judge(matching([("Disease", 0, 5)], [("Disease", 5, 9)]))]
    assert outcomes == [Outcome.MISSED, Outcome.SPURIOUS]


def test_the_better_pair_is_made_first():
    """One prediction over two gold mentions: it is paired with that of its label, though the other is longer."""
    gold = [("Gene", 0, 10), ("Disease", 12, 15)]
    found = [("Disease", 0, 20)]
    pairs = {one.outcome: one.gold for one in judge(matching(gold, found))}
    assert pairs == {Outcome.MISSED: Place(*gold[0]), Outcome.WRONG_BOUNDARIES: Place(*gold[1])}
    gold = [("Disease", 0, 3), ("Disease", 4, 15)]
    assert {one.outcome: one.gold for one in judge(matching(gold, found))} == {
        Outcome.MISSED: Place(*gold[0]),
        Outcome.WRONG_BOUNDARIES: Place(*gold[1]),
    }


@given(mentions(), mentions())
def test_every_mention_is_in_one_outcome(gold, found):
    judged = judge(matching(gold, found))
    assert Counter(one.gold for one in judged if one.gold) == Counter(Place(*place) for place in gold)
    assert Counter(one.found for one in judged if one.found) == Counter(Place(*place) for place in found)
    count = Counter(one.outcome for one in judged)
    assert count[Outcome.RIGHT] == len(set(gold) & set(found))
    missed = [one.gold for one in judged if one.outcome is Outcome.MISSED]
    spurious = [one.found for one in judged if one.outcome is Outcome.SPURIOUS]
    assert not any(a.start < b.end and b.start < a.end for a in missed for b in spurious)
    starts = [min(place.start for place in (one.gold, one.found) if place) for one in judged]
    assert starts == sorted(starts)
    mirrored = Counter(one.outcome for one in judge(matching(found, gold)))
    assert mirrored[Outcome.RIGHT] == count[Outcome.RIGHT]
    assert mirrored[Outcome.WRONG_LABEL] == count[Outcome.WRONG_LABEL]


def test_semeval_scores_by_hand():
    outcomes = {
        Outcome.RIGHT: 4,
        Outcome.WRONG_LABEL: 1,
        Outcome.WRONG_BOUNDARIES: 2,
        Outcome.WRONG_BOTH: 1,
        Outcome.MISSED: 2,
        Outcome.SPURIOUS: 2,
    }
    # Ten gold mentions, ten predicted ones: precision, recall and F are one number.
    assert semeval_scores(outcomes) == pytest.approx({"strict": 0.4, "exact": 0.5, "type": 0.6, "partial": 0.65})
    assert semeval_scores({}) == {"strict": 0.0, "exact": 0.0, "type": 0.0, "partial": 0.0}
