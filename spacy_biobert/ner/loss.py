"""Tag scores and allowed tags -> loss and gradient."""

from __future__ import annotations

from typing import Any

from thinc.api import Ops
from thinc.types import Floats2d


def cross_entropy(
    scores: Floats2d, allowed: Any, ops: Ops, *, label_smoothing: float = 0.0, weights: Any = None
) -> tuple[float, Floats2d]:
    """Compute the mean loss of the annotated tokens of a batch: the cross-entropy of what is known of their tags.

    Where the annotation allows one tag, that is the usual cross-entropy. Where it allows several, the loss is
    -log of the sum of their probabilities: it asks for one of them and says nothing of which (the marginal
    likelihood of partial annotation: Tsuboi et al. 2008, "Training Conditional Random Fields Using Incomplete
    Annotations", COLING; for corpora with different labels, Greenberg et al. 2018, "Marginal Likelihood Training of
    BiLSTM-CRF for Biomedical Named Entity Recognition from Disjoint Label Sets", EMNLP). Where it allows all tags of a
    layer, there is neither loss nor gradient.

    The sum over tokens and layers is divided by the number of tokens that have any annotation. So every decision
    (a token in a layer) weighs the same in a batch, whichever other labels are annotated there or elsewhere in the
    batch, and about the same in all batches. Divided by the number of annotated decisions, a label's gradient would
    shrink with each other label that its corpus annotates, and with L layers to 1/L of that of a single sequence; with
    a mean for each layer, a sentence that is alone in its batch to have a label annotated would weigh as much as all
    others together. Being a mean over tokens, the gradient does not grow with the batch, as clipping of the norm and
    BERT's learning rates expect. With ``accumulate_gradient``, the gradient is the sum of the sub-batches' means.

    Args:
        scores: (N, L · T) unnormalized scores of the tags, layer by layer.
        allowed: (N, L, T) bool array, the tags that the annotation allows; at least one in each layer.
        ops: Whose arrays these are.
        label_smoothing: Share of the target, in [0, 1), that is spread evenly over all tags (Szegedy et al. 2016,
            "Rethinking the Inception Architecture for Computer Vision", CVPR). Allowed tags hold theirs together.
        weights: (L,) array, how much the decisions of each layer weigh; None for all alike.

    Returns:
        The loss in nats, and its gradient with respect to the scores: (N, L · T), exactly 0 where all is allowed.
        Both are 0 where nothing is annotated.
    """
    xp = ops.xp
    known = ~allowed.all(axis=2)
    n_tokens = int(known.any(axis=1).sum())
    d_scores = xp.zeros(allowed.shape, dtype=scores.dtype)
    if not n_tokens:
        return 0.0, d_scores.reshape(scores.shape)
    rows, is_allowed = xp.reshape(scores, allowed.shape)[known], allowed[known]
    among_allowed = _log_softmax(xp, xp.where(is_allowed, rows, -xp.inf))
    log_probs = _log_softmax(xp, rows)
    # Tags that are not allowed get an even share of what is smoothed away; the allowed ones hold all the rest together.
    share = label_smoothing / allowed.shape[2]
    rest = 1.0 - share * (~is_allowed).sum(axis=1)
    target = xp.where(is_allowed, rest[:, None] * xp.exp(among_allowed), share)
    weight = 1.0 if weights is None else weights[xp.nonzero(known)[1]]
    d_scores[known] = ((xp.exp(log_probs) - target).T * weight).T / n_tokens
    log_allowed = _log_sum_exp(xp, xp.where(is_allowed, log_probs, -xp.inf))[:, 0]
    log_likelihood = rest * log_allowed + share * xp.where(is_allowed, 0.0, log_probs).sum(axis=1)
    return -float((weight * log_likelihood).sum()) / n_tokens, d_scores.reshape(scores.shape)


def _log_softmax(xp: Any, rows: Any) -> Any:
    return rows - _log_sum_exp(xp, rows)


def _log_sum_exp(xp: Any, rows: Any) -> Any:
    """Sum rows of numbers given as logarithms, (n, T) to (n, 1). Tags of -inf have no chance."""
    greatest = rows.max(axis=1, keepdims=True)
    return greatest + xp.log(xp.exp(rows - greatest).sum(axis=1, keepdims=True))
