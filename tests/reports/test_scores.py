"""Precision, recall and F, and their intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.ner.matching import Matching, Place
from spacy_biobert.reports import scores
from spacy_biobert.reports.curves import precision_recall
from spacy_biobert.reports.scores import score_matchings


def doc(right=0, missed=0, spurious=0, label="Disease"):
    both = {Place(label, i, i + 1): None for i in range(right)}
    gold = {Place(label, 100 + i, 101 + i): None for i in range(missed)}
    found = {Place(label, 200 + i, 201 + i): None for i in range(spurious)}
    return Matching(both | gold, both | found, "")


def test_scores_by_hand():
    found = score_matchings([doc(3, 1, 0), doc(0, 0, 2), doc(1, 0, 0, "Gene")])
    assert found.micro.values == pytest.approx((4 / 6, 4 / 5, 8 / 11))
    assert (found.micro.gold, found.micro.found, found.micro.right) == (5, 6, 4)
    assert found.labels["Disease"].values == pytest.approx((0.6, 0.75, 6 / 9))
    assert found.labels["Gene"].values == (1.0, 1.0, 1.0)
    assert found.macro.values == pytest.approx((0.8, 0.875, 5 / 6))
    assert list(found.labels) == ["Disease", "Gene"]


def test_nothing_is_divided_by_nothing():
    found = score_matchings([doc(0, 2, 0), doc(0, 0, 1, "Gene"), doc()])
    assert found.micro.values == (0.0, 0.0, 0.0)
    empty = score_matchings([])
    assert empty.micro.values == (0.0, 0.0, 0.0)
    assert empty.micro.intervals == ((0.0, 0.0),) * 3
    assert score_matchings([doc(), doc()]).micro.values == (0.0, 0.0, 0.0)


def test_labels_that_are_found_alone_or_missed_alone_count_in_the_macro_average():
    found = score_matchings([doc(3, 1, 0), doc(0, 0, 2, "Gene"), doc(0, 1, 0, "Species")])
    assert found.labels["Gene"].values == found.labels["Species"].values == (0.0, 0.0, 0.0)
    assert found.macro.values == pytest.approx((1 / 3, 0.75 / 3, 6 / 7 / 3))


def test_docs_that_are_all_alike_leave_no_doubt():
    found = score_matchings([doc(3, 1, 1)] * 10)
    assert np.array(found.micro.intervals) == pytest.approx(0.75)


def test_intervals_are_those_of_the_plain_bootstrap():
    random = np.random.default_rng(1)
    docs = [doc(*random.integers(0, 5, size=3)) for _ in range(60)]
    found = score_matchings(docs)
    counts = scores.count_mentions(docs, ["Disease"])[:, 0]
    recalls = []
    for _ in range(2000):
        right, _, gold = counts[random.integers(0, len(docs), size=len(docs))].sum(axis=0)
        recalls.append(right / gold)
    assert found.micro.intervals[1] == pytest.approx(np.quantile(recalls, (0.025, 0.975)), abs=0.015)
    low, high = found.micro.intervals[1]
    assert low < found.micro.values[1] < high


def test_intervals_hold_95_of_100_draws():
    """The same draws as the scores', told by the seed; the bounds are the 2.5th and the 97.5th of each hundred."""
    random = np.random.default_rng(1)
    docs = [doc(*random.integers(0, 5, size=3)) for _ in range(30)]
    counts = scores.count_mentions(docs, ["Disease"])[:, 0]
    times = np.random.default_rng(7).multinomial(30, np.full(30, 1 / 30), size=400)
    right, found, gold = (times @ counts).T
    drawn = [np.sort(right / found), np.sort(right / gold), np.sort(2 * right / (found + gold))]
    intervals = score_matchings(docs, n_resamples=400, seed=7).micro.intervals
    for some, (low, high) in zip(drawn, intervals, strict=True):
        # 399 steps lie between 400 draws: 2.5 % of them are 9.975.
        assert low == pytest.approx(some[9] + 0.975 * (some[10] - some[9]))
        assert high == pytest.approx(some[389] + 0.025 * (some[390] - some[389]))
        assert 0 < np.mean(some < low) < 0.03 < 0.97 < np.mean(some <= high) < 1


def test_draws_are_pairs():
    """A pipeline that finds one more in every doc is better in each draw by as many as there are."""
    worse = [doc(i % 4, 2, 1) for i in range(50)]
    better = [doc(i % 4 + 1, 1, 1) for i in range(50)]
    drawn = [scores._resample(scores.count_mentions(docs, ["Disease"]), 200, 0)[0][:, 0] for docs in (worse, better)]
    assert np.all(drawn[0][:, 2] == drawn[1][:, 2])  # the same docs, with as many gold mentions
    assert np.all(drawn[1][:, 0] - drawn[0][:, 0] == 50)


def test_the_same_in_small_blocks(monkeypatch):
    docs = [doc(i % 3, i % 2, 1) for i in range(30)]
    whole = score_matchings(docs)
    monkeypatch.setattr(scores, "_BLOCK", 70)
    assert score_matchings(docs) == whole


# --- Curves ---


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.5, 1.0]), st.booleans()), max_size=30), st.integers(0, 5))
def test_a_curve_is_what_each_threshold_gives(entities, n_missed):
    values = np.array([score for score, _ in entities], dtype=float)
    is_right = np.array([right for _, right in entities], dtype=bool)
    n_gold = int(is_right.sum()) + n_missed
    curve = precision_recall(values, is_right, n_gold)
    assert curve.thresholds.tolist() == sorted({score for score, _ in entities}, reverse=True)
    for threshold, precision, recall in zip(curve.thresholds, curve.precision, curve.recall, strict=True):
        kept = values >= threshold
        assert precision == pytest.approx(is_right[kept].mean())
        assert recall == pytest.approx(is_right[kept].sum() / n_gold if n_gold else 0.0)
        assert curve.at(threshold) == (recall, precision)
    assert curve.at(1.5) is None


def test_a_thinned_curve_keeps_its_ends():
    curve = precision_recall(np.linspace(0, 1, 1000), np.arange(1000) % 3 > 0, 1000)
    thin = curve.thinned(50)
    assert len(thin.thresholds) == 50
    assert (thin.thresholds[0], thin.thresholds[-1]) == (1.0, 0.0)
    assert thin.recall[-1] == curve.recall[-1]
    assert thin.thinned(60) is thin
