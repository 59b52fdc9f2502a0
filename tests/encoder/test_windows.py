"""Windows lose no piece, split no word, and know where their context is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_biobert.arrays import ranges
from spacy_biobert.encoder.pieces import Pieces
from spacy_biobert.encoder.windows import ROWS_STEP, make_plan, make_windows

CLS, SEP, PAD = -1, -2, -3


def make_pieces(docs, sentence_starts=None):
    """Docs as lists of the number of pieces of each token; piece ids count up from 0."""
    lengths = np.array([length for doc in docs for length in doc], dtype=np.int64)
    starts = np.zeros(len(lengths), dtype=bool)
    starts[list(sentence_starts or [])] = True
    return Pieces(
        ids=np.arange(lengths.sum()),
        token_lengths=lengths,
        doc_lengths=np.array([len(doc) for doc in docs], dtype=np.int64),
        sentence_starts=starts,
    )


@st.composite
def documents(draw, max_pieces=25):
    """Docs with tokens without pieces, and with some longer than a window."""
    length = st.one_of(st.integers(0, 3), st.integers(0, max_pieces))
    docs = draw(st.lists(st.lists(length, max_size=25), max_size=6))
    n_tokens = sum(len(doc) for doc in docs)
    sentences = draw(st.sets(st.integers(0, n_tokens - 1), max_size=8)) if n_tokens else set()
    return make_pieces(docs, sentences)


@st.composite
def layouts(draw):
    overlap = draw(st.integers(0, 4))
    return draw(documents()), draw(st.integers(3 + 2 * overlap, 20 + 2 * overlap)), overlap


def word_bounds(pieces):
    return np.concatenate([[0], np.cumsum(pieces.token_lengths)])


def doc_bounds(pieces):
    return word_bounds(pieces)[np.concatenate([[0], np.cumsum(pieces.doc_lengths)])]


@settings(max_examples=150, deadline=None)
@given(layouts())
def test_every_piece_is_in_one_core_and_every_window_is_legal(layout):
    pieces, window, overlap = layout
    windows = make_windows(pieces, window=window, overlap=overlap)
    core_ends = np.append(windows.core_starts[1:], len(pieces.ids))
    assert (windows.lengths <= window).all()
    assert (windows.starts <= windows.core_starts).all()
    assert (core_ends <= windows.ends).all()
    # Cores follow one another without a gap and are not empty, so they partition the pieces.
    assert (core_ends > windows.core_starts).all()
    assert not len(pieces.ids) or windows.core_starts[0] == 0
    # No window reaches over the bounds of a doc.
    bounds = doc_bounds(pieces)
    docs = np.searchsorted(bounds, windows.core_starts, side="right") - 1
    assert (windows.starts >= bounds[docs]).all()
    assert (windows.ends <= bounds[docs + 1]).all()


@settings(max_examples=150, deadline=None)
@given(layouts())
def test_only_words_longer_than_a_window_are_split(layout):
    pieces, window, overlap = layout
    windows = make_windows(pieces, window=window, overlap=overlap)
    bounds = word_bounds(pieces)
    longest = window - 2
    for cut in np.concatenate([windows.starts, windows.ends, windows.core_starts]):
        word = np.searchsorted(bounds, cut, side="right") - 1
        assert bounds[word] == cut or bounds[word + 1] - bounds[word] > longest


@settings(max_examples=150, deadline=None)
@given(layouts(), st.integers(1, 60))
def test_plan_finds_every_piece_where_it_was_put(layout, max_batch_pieces):
    pieces, window, overlap = layout
    windows = make_windows(pieces, window=window, overlap=overlap)
    plan = make_plan(pieces, windows, max_batch_pieces=max_batch_pieces, cls=CLS, sep=SEP, pad=PAD)
    rows = np.concatenate([batch.ids.ravel() for batch in plan.batches]) if plan.batches else np.zeros(0, dtype=int)
    # The piece ids are their own places: what comes back must be what went in, each exactly once.
    assert rows[plan.piece_rows].tolist() == pieces.ids.tolist()
    assert len(set(plan.piece_rows.tolist())) == len(pieces.ids)
    taken = [plan.piece_rows[s : s + n] for s, n in zip(plan.token_starts, plan.token_lengths, strict=True)]
    assert [rows[some].tolist() for some in taken] == [
        list(range(start, start + n)) for start, n in zip(word_bounds(pieces), pieces.token_lengths, strict=False)
    ]
    for batch in plan.batches:
        n_rows = batch.lengths.sum()
        assert n_rows <= max_batch_pieces or len(batch.lengths) == 1
        assert len(batch.ids) == len(batch.positions) > n_rows  # with one filler at least
        assert (batch.ids[n_rows:] == PAD).all()
        assert sorted(batch.places.ravel()[batch.rows]) == list(range(n_rows))
        for places, length in zip(batch.places, batch.lengths, strict=True):
            ids = batch.ids[places[:length]]
            assert ids[0] == CLS
            assert ids[-1] == SEP
            assert (ids[1:-1] >= 0).all()
            assert batch.positions[places[:length]].tolist() == list(range(length))
            assert (places[length:] == len(batch.ids) - 1).all()


def test_windows_that_fill_their_rows_get_a_filler_all_the_same():
    """Without one, padding in attention would be read from, and its gradient given to, the last piece of a window."""
    pieces = make_pieces([[1] * 62, [1] * 43, [1] * 17])
    plan = make_plan(
        pieces, make_windows(pieces, window=64, overlap=0), max_batch_pieces=1000, cls=CLS, sep=SEP, pad=PAD
    )
    (batch,) = plan.batches
    assert batch.lengths.tolist() == [64, 45, 19]
    assert batch.lengths.sum() == ROWS_STEP
    assert len(batch.ids) == 2 * ROWS_STEP
    for places, length in zip(batch.places, batch.lengths, strict=True):
        assert (batch.ids[places[length:]] == PAD).all()


@settings(max_examples=100, deadline=None)
@given(layouts(), layouts())
def test_windows_of_a_doc_do_not_depend_on_its_neighbours(first, second):
    (one, window, overlap), (other, _, _) = first, second
    both = Pieces(
        ids=np.arange(len(one.ids) + len(other.ids)),
        token_lengths=np.concatenate([other.token_lengths, one.token_lengths]),
        doc_lengths=np.concatenate([other.doc_lengths, one.doc_lengths]),
        sentence_starts=np.concatenate([other.sentence_starts, one.sentence_starts]),
    )
    alone = make_windows(one, window=window, overlap=overlap)
    among = make_windows(both, window=window, overlap=overlap)
    n, shift = len(alone.starts), len(other.ids)
    for ours, theirs in zip(
        (alone.starts, alone.ends, alone.core_starts), (among.starts, among.ends, among.core_starts), strict=True
    ):
        assert (ours + shift).tolist() == theirs[len(theirs) - n :].tolist()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 200), st.integers(0, 4), st.integers(1, 20))
def test_each_piece_is_taken_from_the_window_in_which_its_context_is_longest(n_pieces, overlap, room):
    """Context counts up to the doc's own ends: there is none beyond them that a window could show."""
    pieces = make_pieces([[1] * n_pieces])
    windows = make_windows(pieces, window=2 + 2 * overlap + room, overlap=overlap)

    def context(window, piece):
        left = np.inf if windows.starts[window] == 0 else piece - windows.starts[window]
        right = np.inf if windows.ends[window] == n_pieces else windows.ends[window] - 1 - piece
        return min(left, right)

    for piece in range(n_pieces):
        own = np.searchsorted(windows.core_starts, piece, side="right") - 1
        holding = np.flatnonzero((windows.starts <= piece) & (piece < windows.ends))
        assert context(own, piece) == max(context(window, piece) for window in holding)
        assert context(own, piece) >= overlap


def cores(docs, *, window, overlap=0, sentences=()):
    windows = make_windows(make_pieces(docs, sentences), window=window, overlap=overlap)
    spans = zip(windows.starts.tolist(), windows.ends.tolist(), windows.core_starts.tolist(), strict=True)
    return list(spans)


def test_short_docs_are_one_window_each_and_empty_ones_none():
    assert cores([[2, 3], [], [0, 0], [1]], window=7) == [(0, 5, 0), (5, 6, 5)]


def test_a_doc_that_just_fits_is_not_cut():
    assert cores([[1] * 8], window=10) == [(0, 8, 0)]
    assert len(cores([[1] * 9], window=10)) == 2


def test_windows_are_of_about_equal_length():
    assert cores([[1] * 12], window=12) == [(0, 6, 0), (6, 12, 6)]


def test_sentence_ends_are_preferred():
    assert cores([[1] * 16], window=12, sentences=[0, 7]) == [(0, 7, 0), (7, 16, 7)]
    assert cores([[1] * 16], window=12, sentences=[0, 9]) == [(0, 9, 0), (9, 16, 9)]
    # Of two, the one nearer to an equal share, be it the first or the last; one too early would leave a splinter.
    assert cores([[1] * 16], window=12, sentences=[0, 7, 10]) == [(0, 7, 0), (7, 16, 7)]
    assert cores([[1] * 16], window=12, sentences=[1, 6, 9]) == [(0, 9, 0), (9, 16, 9)]
    assert cores([[1] * 16], window=12, sentences=[1, 2]) == [(0, 8, 0), (8, 16, 8)]


def test_a_sentence_longer_than_a_window_is_cut_between_words():
    assert cores([[3, 3, 3, 3]], window=10, sentences=[0]) == [(0, 6, 0), (6, 12, 6)]


def test_overlap_is_context_on_both_sides_between_words():
    assert cores([[1] * 16], window=10, overlap=2) == [(0, 8, 0), (4, 12, 6), (8, 16, 10)]
    # Only half a word would fit on either side.
    assert cores([[2] * 6], window=10, overlap=1) == [(0, 6, 0), (6, 12, 6)]


def test_no_more_windows_than_needed():
    # The windows at the ends have context on one side alone.
    assert cores([[1] * 11], window=12, overlap=4) == [(0, 10, 0), (2, 11, 6)]


def test_a_word_longer_than_a_core_is_kept_whole_at_the_cost_of_context():
    # With 3 pieces of context on either side a core has 4, but a word of 8 fits the window of 10 all the same.
    assert (3, 13, 4) in cores([[1, 1, 1, 1, 8, 1, 1, 1, 1]], window=12, overlap=3)


def test_a_word_longer_than_a_window_is_cut_into_full_ones():
    assert cores([[1, 25, 1]], window=12) == [(0, 1, 0), (1, 11, 1), (11, 21, 11), (21, 27, 21)]


@pytest.mark.parametrize(
    ("starts", "lengths", "expected"),
    [([5, 0], [2, 3], [5, 6, 0, 1, 2]), ([], [], []), ([3, 9, 1], [0, 0, 0], []), ([4, 7, 2], [1, 0, 2], [4, 2, 3])],
)
def test_ranges(starts, lengths, expected):
    found = ranges(np.array(starts, dtype=np.int64), np.array(lengths, dtype=np.int64))
    assert found.tolist() == expected
