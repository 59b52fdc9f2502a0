"""Mentions that overlap -> those that `doc.ents`, where nothing overlaps, can hold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .mentions import Mentions

CLASH_POLICIES = ("score", "longest")


def best_subset(mentions: Mentions, policy: str) -> npt.NDArray[np.bool_]:
    """Choose mentions that do not overlap, the best ones first.

    The choice is greedy, on purpose: a mention is left out only for a better one that overlaps it. The subset with the
    greatest sum of scores is another one, and a worse: for it, two doubtful mentions (0.5 each) beat a sure one (0.95)
    in their place, and most of what it wins in number is wrong.

    Args:
        mentions: M mentions of one doc, in the order of :meth:`Mentions.in_order`.
        policy: What is better: "score", the likelier mention, among equals the longer; or "longest", the longer
            mention, among equals the likelier. Then what comes first in the text, and then in the labels' order.

    Returns:
        (M,) mask of the chosen mentions. Each one that is not chosen overlaps one that is, and that is better.
    """
    chosen = np.ones(len(mentions), dtype=bool)
    overlaps = mentions.starts[1:] < np.maximum.accumulate(mentions.ends[:-1])  # with any of those before it
    if not overlaps.any():
        return chosen
    chosen[1:] &= ~overlaps
    chosen[:-1] &= ~overlaps
    clashing = np.flatnonzero(~chosen)
    lengths = mentions.ends - mentions.starts
    keys = (-lengths, -mentions.scores) if policy == "score" else (-mentions.scores, -lengths)
    order = np.lexsort([key[clashing] for key in (mentions.labels, mentions.starts, *keys)])
    taken = np.zeros(mentions.ends.max(), dtype=bool)
    for i in clashing[order].tolist():
        tokens = slice(mentions.starts[i], mentions.ends[i])
        if not taken[tokens].any():
            chosen[i] = taken[tokens] = True
    return chosen
