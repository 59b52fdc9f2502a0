"""Scores every name that shares a feature with a mention: exact, for indexes of up to some hundred thousand names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .sparse import Mask, Scored, make_csr

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_BLOCK_SCORES = 1 << 18
"""How many scores are computed at once: 1 MB, so that they stay in a processor's cache while postings are added."""

_GROUP_SIZE = 16
"""How many bags are a group, of which only the highest score is looked at first."""

_GROUPS = 4
"""How many groups there are at least for each bag that is wanted, in indexes that are too small for that size."""


def score_all(
    words: csr_matrix, word_bags: csr_matrix, top_n: int, *, masks: Sequence[Mask | None] | None = None
) -> Scored:
    """Score all bags for each mention, and find the best.

    Args:
        words: What each word adds to a mention's product with a name, mentions by words.
        word_bags: The words' postings, words by bags; each entry is 1 / the bag's length.
        top_n: How many bags are wanted for each mention.
        masks: For each mention, which bags may be found, shape (n_bags,), or None for all.

    Returns:
        Bags and their cosines, all above 0: those that score as high as the one in this place, and mostly few others.
    """
    n_mentions, n_bags = words.shape[0], word_bags.shape[1]
    size = min(_GROUP_SIZE, max(1, n_bags // (_GROUPS * top_n)))
    n_groups = -(-n_bags // size)
    at_once = max(1, _BLOCK_SCORES // n_bags)
    found = [Scored.nothing()]
    for first in range(0, n_mentions, at_once):
        scores = _scores(words, slice(first, min(first + at_once, n_mentions)), word_bags, size * n_groups)
        for row, mask in zip(scores, masks[first : first + at_once] if masks else (), strict=False):
            if mask is not None:
                row[:n_bags] *= mask
        best = _best(scores.reshape(len(scores), size, n_groups), top_n)
        found.append(best._replace(mentions=best.mentions + first))
    return Scored(*map(np.concatenate, zip(*found, strict=True)))


def _scores(words: csr_matrix, mentions: slice, word_bags: csr_matrix, width: int) -> NDArray[np.float32]:
    """Return the cosines of some mentions with all bags, shape (n, width): columns that are no bag hold 0."""
    starts = words.indptr[mentions.start : mentions.stop + 1]
    entries = slice(starts[0], starts[-1])
    n_mentions = len(starts) - 1
    postings = word_bags[words.indices[entries]]
    # The scores of all rows lie one after another, which makes of several products one. scipy's product of two
    # sparse matrices took ten times as long: a mention meets a good part of all bags.
    n_postings = np.diff(postings.indptr[starts - starts[0]])
    postings.indices += np.repeat(np.arange(n_mentions, dtype=postings.indices.dtype) * width, n_postings)
    flat = make_csr(postings.data, postings.indices, postings.indptr, n_mentions * width)
    return np.asarray(flat.T @ words.data[entries]).reshape(n_mentions, width)


def _best(scores: NDArray[np.float32], top_n: int) -> Scored:
    """Find the highest scores of mentions without looking at each of them again.

    The highest scores of the groups are those of different bags: of the bags that are wanted, none scores less than
    the group in this place. Only groups that reach that much are looked into.

    Args:
        scores: Mentions by members of a group by groups: the bags of a group are not neighbours, which are alike.
        top_n: How many are wanted for each mention.
    """
    n_groups = scores.shape[2]
    highest = scores.max(axis=1)
    least = np.full((len(scores), 1), np.finfo(np.float32).tiny)
    if n_groups > top_n:
        least = np.maximum(least, np.partition(highest, n_groups - top_n, axis=1)[:, [n_groups - top_n]])
    mentions, groups = np.divmod(np.flatnonzero(highest >= least), n_groups)
    members = scores[mentions, :, groups]
    places, slabs = np.nonzero(members >= least[mentions])
    return Scored(mentions[places], slabs * n_groups + groups[places], members[places, slabs])
