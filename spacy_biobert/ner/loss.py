"""Tag scores and gold tags -> loss and gradient."""

from __future__ import annotations

from thinc.api import Ops
from thinc.types import Floats2d, Ints1d

from .gold import MISSING_TAG


def cross_entropy(scores: Floats2d, gold: Ints1d, ops: Ops) -> tuple[float, Floats2d]:
    """Mean cross-entropy of the annotated tokens of a batch.

    The mean makes the gradient's size independent of the batch's size, as clipping of the norm and BERT's learning
    rates expect. With ``accumulate_gradient``, the gradient is the sum of the sub-batches' means.

    Args:
        scores: (N, T) unnormalized scores of the tags.
        gold: (N,) tag ids, or ``MISSING_TAG`` for tokens that are not annotated.
        ops: Whose arrays these are.

    Returns:
        The loss in nats, and its gradient with respect to the scores: (N, T), exactly 0 for tokens that are not
        annotated. Both are 0 where none is.
    """
    xp = ops.xp
    d_scores = xp.zeros_like(scores)
    rows = xp.flatnonzero(gold != MISSING_TAG)
    if not len(rows):
        return 0.0, d_scores
    each, targets = xp.arange(len(rows)), gold[rows]
    shifted = scores[rows] - scores[rows].max(axis=1, keepdims=True)
    log_probs = shifted - xp.log(xp.exp(shifted).sum(axis=1, keepdims=True))
    gradient = xp.exp(log_probs)
    gradient[each, targets] -= 1.0
    d_scores[rows] = gradient / len(rows)
    return -float(log_probs[each, targets].mean()), d_scores
