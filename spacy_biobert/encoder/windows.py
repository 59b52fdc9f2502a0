"""Word pieces to windows that an encoder can read, and hidden states back to tokens.

Every piece belongs to the core of exactly one window, so no token is lost and none is counted twice:

    pieces   p0 p1 p2 p3 p4 p5 p6 p7 p8 p9
    cores    [----------][-------][-------]        breaks at sentence ends, else between words
    windows  [-------------]                       with ``overlap``, a core is read with that many pieces of context on
                     [----------------]            either side: each piece is then taken from the window in which
                                [---------]        the shorter of its two contexts is longest
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from ..arrays import ranges
from .pieces import Pieces

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Windows:
    """Windows over the pieces of some docs.

    Attributes:
        starts: First piece of each window, (n_windows,).
        ends: One past its last piece, (n_windows,).
        core_starts: First piece of which this window gives the hidden state, (n_windows,). A core ends where the next
            begins.
    """

    starts: Ints
    ends: Ints
    core_starts: Ints

    @property
    def lengths(self) -> Ints:
        """Pieces of each window with its two special pieces."""
        return self.ends - self.starts + 2


def make_windows(pieces: Pieces, *, window: int, overlap: int) -> Windows:
    """Cut docs into windows.

    Args:
        pieces: The docs' pieces.
        window: Longest window, its two special pieces included.
        overlap: Pieces of context on either side of a core, where a doc needs more than one window.
    """
    capacity = window - 2
    token_ends = np.cumsum(pieces.token_lengths)
    piece_ends = np.concatenate([[0], token_ends])
    token_bounds = np.concatenate([[0], np.cumsum(pieces.doc_lengths)])
    doc_bounds = piece_ends[token_bounds]
    doc_starts, doc_ends = doc_bounds[:-1], doc_bounds[1:]
    long = doc_ends - doc_starts > capacity
    whole = (doc_ends > doc_starts) & ~long
    starts, ends, cores = [doc_starts[whole]], [doc_ends[whole]], [doc_starts[whole]]
    for doc in np.flatnonzero(long):
        tokens = slice(token_bounds[doc], token_bounds[doc + 1])
        words = piece_ends[tokens]
        preferred = words[pieces.sentence_starts[tokens]]
        breaks = _breaks(words, int(doc_ends[doc]), capacity)
        core_starts = _cut(breaks, preferred, capacity - 2 * overlap, overlap)
        left, right = _context(core_starts, int(doc_ends[doc]), capacity, overlap)
        cores.append(core_starts)
        # Context begins and ends between words, too.
        starts.append(breaks[np.searchsorted(breaks, left)])
        ends.append(breaks[np.searchsorted(breaks, right, side="right") - 1])
    order = np.argsort(np.concatenate(cores), kind="stable")
    return Windows(*(np.concatenate(parts)[order] for parts in (starts, ends, cores)))


def _breaks(words: Ints, end: int, capacity: int) -> Ints:
    """Return the places where a window may begin or end: between words, and inside a word too long for any window."""
    breaks = np.unique(np.append(words, end))
    gaps = np.diff(breaks)
    if (gaps > capacity).any():
        inside = [
            np.arange(start, start + gap, capacity) for start, gap in zip(breaks, gaps, strict=False) if gap > capacity
        ]
        breaks = np.unique(np.concatenate([breaks, *inside]))
    return breaks


def _cut(breaks: Ints, preferred: Ints, capacity: int, overlap: int) -> Ints:
    """Choose where cores begin: few, for windows of about equal length, at sentence ends where there are any near.

    A core is no longer than `capacity`, unless it is a single word that is. The first and the last have context on one
    side only, and are longer by the other.
    """
    core, end = int(breaks[0]), int(breaks[-1])
    cores = [core]
    filled, to_fill = core + overlap, end - overlap
    while to_fill - filled > capacity:
        share = ceil((to_fill - filled) / ceil((to_fill - filled) / capacity))
        limit = filled + capacity
        low, high = np.searchsorted(preferred, [filled + share // 2, limit], side="right")
        if high > low:
            near = preferred[low:high]
            core = int(near[np.abs(near - filled - share).argmin()])
        else:
            # The last break before an equal share; or within the limit; or after the one word that is longer than that.
            places = np.searchsorted(breaks, [filled + share, limit], side="right") - 1
            after = np.searchsorted(breaks, core, side="right")
            core = int(breaks[next((place for place in places if breaks[place] > core), after)])
        filled = core
        if core < end:
            cores.append(core)
    return np.array(cores, dtype=np.int64)


def _context(core_starts: Ints, end: int, capacity: int, overlap: int) -> tuple[Ints, Ints]:
    """Return where each window begins and ends: around its core, with less context where that is one long word."""
    core_ends = np.append(core_starts[1:], end)
    left = np.minimum(overlap, core_starts - core_starts[0])
    right = np.minimum(overlap, end - core_ends)
    room = capacity - (core_ends - core_starts)
    left = np.where(left + right > room, np.minimum(left, room // 2), left)
    right = np.minimum(right, room - left)
    return core_starts - left, core_ends + right


@dataclass(frozen=True)
class Batch:
    """Some windows, packed: the pieces of one after those of another, so that no padding is computed.

    Attention alone needs windows side by side. For it, `places` and `rows` say where a row of the packed form lies in
    the padded one and back. Sizes are rounded up: the first matrix product of a shape costs a CPU several times what it
    costs afterwards, and memory for the code that is generated for it. The last row is always a filler.

    Attributes:
        ids: Piece ids with special pieces, then padding, (rows,).
        positions: Place of each piece in its window, (rows,).
        places: Row of each piece of each window, (windows, pieces); the last row where there is none.
        rows: Where each row lies in the flattened `places`, (n,), for the n rows that are no filler.
        lengths: Pieces of each window, (windows,).
    """

    ids: Ints
    positions: Ints
    places: Ints
    rows: Ints
    lengths: Ints


@dataclass(frozen=True)
class Plan:
    """How to run windows and where each token's hidden states come out.

    Attributes:
        batches: What to run; the outputs, of shape (rows, width), lie one after another.
        piece_rows: For each piece, in the docs' order, its row in those outputs, (n_pieces,).
        token_starts: For each token, the index in `piece_rows` of its first piece, (n_tokens,).
        token_lengths: Pieces of each token, (n_tokens,).
    """

    batches: list[Batch]
    piece_rows: Ints
    token_starts: Ints
    token_lengths: Ints


ROWS_STEP = 128
PLACES_STEP = 16


def make_plan(
    pieces: Pieces,
    windows: Windows,
    *,
    max_batch_pieces: int,
    cls: int,
    sep: int,
    pad: int,
    places_step: int = PLACES_STEP,
) -> Plan:
    """Sort windows by length and group them so that no batch has more than so many pieces.

    A batch holds at least one window. Documents play no part: windows of many short ones share a batch. Attention sees
    windows padded to a multiple of ``places_step`` pieces.
    """
    lengths = windows.lengths
    order = np.argsort(-lengths, kind="stable")
    sums = np.cumsum(lengths[order])
    window_rows = np.zeros(len(lengths), dtype=np.int64)
    batches, row, at = [], 0, 0
    while at < len(order):
        before = int(sums[at - 1]) if at else 0
        end = max(at + 1, int(np.searchsorted(sums, before + max_batch_pieces, side="right")))
        some = order[at:end]
        batch = _pack(pieces.ids, windows, some, cls, sep, pad, places_step)
        window_rows[some] = row + sums[at:end] - before - lengths[some]
        batches.append(batch)
        row += len(batch.ids)
        at = end
    core_lengths = np.diff(np.append(windows.core_starts, len(pieces.ids)))
    # A piece's row: where its window begins, one for the opening special piece, and its place in the window.
    rows = ranges(window_rows + 1 + windows.core_starts - windows.starts, core_lengths)
    token_starts = np.cumsum(pieces.token_lengths) - pieces.token_lengths
    return Plan(batches, rows, token_starts, pieces.token_lengths)


def _pack(ids: Ints, windows: Windows, some: Ints, cls: int, sep: int, pad: int, places_step: int) -> Batch:
    lengths = windows.lengths[some]
    ends = np.cumsum(lengths)
    starts = ends - lengths
    n_rows = _round_up(int(ends[-1]) + 1, ROWS_STEP)
    packed = np.full(n_rows, pad, dtype=np.int64)
    packed[ranges(starts + 1, lengths - 2)] = ids[ranges(windows.starts[some], lengths - 2)]
    packed[starts] = cls
    packed[ends - 1] = sep
    positions = np.zeros(n_rows, dtype=np.int64)
    positions[: ends[-1]] = ranges(np.zeros_like(lengths), lengths)
    longest = _round_up(int(lengths[0]), places_step)
    inside = np.arange(longest) < lengths[:, None]
    places = np.where(inside, starts[:, None] + np.arange(longest), n_rows - 1)
    return Batch(packed, positions, places, np.flatnonzero(inside), lengths)


def _round_up(n: int, step: int) -> int:
    return -(-n // step) * step
