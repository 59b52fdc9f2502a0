import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_biobert.ner.clashes import CLASH_POLICIES, best_subset
from spacy_biobert.ner.mentions import Mentions


def mentions_of(rows):
    """Make mentions of (start, end, label, score)."""
    starts, ends, labels, scores = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    return Mentions(*(column.astype(np.int64) for column in (starts, ends, labels)), scores).in_order()


rows = st.tuples(st.integers(0, 12), st.integers(1, 6), st.integers(0, 3), st.sampled_from([0.1, 0.5, 0.5, 0.9]))
many_mentions = st.lists(rows, max_size=12).map(
    lambda found: mentions_of([(start, start + length, label, score) for start, length, label, score in found])
)


def chosen_rows(mentions, policy):
    kept = mentions.select(best_subset(mentions, policy))
    return list(zip(kept.starts.tolist(), kept.ends.tolist(), kept.labels.tolist(), strict=True))


@settings(deadline=None)
@given(many_mentions, st.sampled_from(CLASH_POLICIES))
def test_only_what_overlaps_something_better_is_left_out(mentions, policy):
    lengths = mentions.ends - mentions.starts
    criteria = (mentions.scores, lengths) if policy == "score" else (lengths, mentions.scores)
    goodness = list(zip(*criteria, strict=True))
    chosen = best_subset(mentions, policy)
    assert chosen.shape == (len(mentions),)
    for i in range(len(mentions)):
        rivals = [
            j
            for j in np.flatnonzero(chosen).tolist()
            if j != i and mentions.starts[j] < mentions.ends[i] and mentions.starts[i] < mentions.ends[j]
        ]
        if chosen[i]:
            assert not rivals
        else:
            assert any(goodness[j] >= goodness[i] for j in rivals)


@settings(deadline=None)
@given(many_mentions, st.sampled_from(CLASH_POLICIES))
def test_chosen_mentions_are_chosen_again(mentions, policy):
    kept = mentions.select(best_subset(mentions, policy))
    assert best_subset(kept, policy).all()


def test_policies_differ():
    mentions = mentions_of([(0, 3, 0, 0.6), (0, 1, 1, 0.9), (2, 3, 1, 0.8), (5, 6, 0, 0.1)])
    assert chosen_rows(mentions, "score") == [(0, 1, 1), (2, 3, 1), (5, 6, 0)]
    assert chosen_rows(mentions, "longest") == [(0, 3, 0), (5, 6, 0)]


def test_a_sure_mention_beats_two_doubtful_ones():
    assert chosen_rows(mentions_of([(0, 2, 0, 0.95), (0, 1, 1, 0.5), (1, 2, 1, 0.5)]), "score") == [(0, 2, 0)]


@pytest.mark.parametrize("policy", CLASH_POLICIES)
def test_ties_go_to_the_first_label(policy):
    assert chosen_rows(mentions_of([(0, 2, 1, 0.5), (0, 2, 0, 0.5)]), policy) == [(0, 2, 0)]


@pytest.mark.parametrize("policy", CLASH_POLICIES)
def test_no_mentions(policy):
    assert best_subset(mentions_of([]), policy).tolist() == []
