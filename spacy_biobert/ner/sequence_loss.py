"""Tag scores and allowed tags -> loss and gradient of whole sequences of tags: a conditional random field.

The sequences are those that are valid in the tag scheme, and none has a weight of its own beside its tags' scores: a
linear-chain CRF (Lafferty et al. 2001, "Conditional Random Fields", ICML) whose transitions are fixed, 0 where the
scheme allows them and -inf where it does not. What decoding finds is its most likely sequence, with nothing more to
learn, store or load than for single tokens. Annotation that allows several tags is met exactly, by the sum over all
sequences that it allows (Greenberg et al. 2018, see :func:`spacy_biobert.ner.loss.cross_entropy`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .decoding import Bools, Floats, Ints
from .tags import TagScheme

Float64s = npt.NDArray[np.float64]


def sequence_cross_entropy(
    scores: Floats, allowed: Bools, lengths: Ints, scheme: TagScheme, *, weights: Floats | None = None
) -> tuple[float, npt.NDArray[np.float32]]:
    """Compute the loss of a batch: -log of the probability of the sequences that the annotation allows.

    The sum over docs and layers is divided by the number of tokens that have any annotation, which makes it comparable
    to :func:`spacy_biobert.ner.loss.cross_entropy`.

    Args:
        scores: (N, L · T) unnormalized scores of the tags, layer by layer, the docs one after the other.
        allowed: (N, L, T) the tags that the annotation allows. In each layer of each doc, they have to allow a valid
            sequence, as :func:`spacy_biobert.ner.targets.allowed_tags` does.
        lengths: (D,) number of tokens of each doc, N in all.
        scheme: The scheme of the T tags.
        weights: (L,) how much the sequences of each layer weigh; None for all alike.

    Returns:
        The loss in nats, and its gradient with respect to the scores, (N, L · T). Layers of a doc in which all is
        allowed have a gradient of exactly 0.
    """
    n_tokens = int((~allowed).any(axis=(1, 2)).sum())
    gradient = np.zeros(allowed.shape, dtype=np.float32)
    lengths = lengths[lengths > 0]
    if not n_tokens:
        return 0.0, gradient.reshape(scores.shape)
    starts = np.cumsum(lengths) - lengths
    is_known = np.logical_or.reduceat((~allowed).any(axis=2), starts)  # (D, L)
    docs, layers = np.nonzero(is_known)
    inside = np.arange(lengths[docs].max()) < lengths[docs, None]
    tokens = np.where(inside, starts[docs, None] + np.arange(inside.shape[1]), 0)
    rows = scores.reshape(allowed.shape)[tokens, layers[:, None]].astype(np.float64)
    log_total, expected = _sum_over_sequences(rows, inside, scheme)
    permitted = np.where(allowed[tokens, layers[:, None]], rows, -np.inf)
    log_allowed, target = _sum_over_sequences(permitted, inside, scheme)
    places = (tokens[inside], np.broadcast_to(layers[:, None], inside.shape)[inside])
    weight = np.ones(len(layers)) if weights is None else weights[layers].astype(np.float64)
    gradient[places] = (weight[:, None, None] * (expected - target))[inside] / n_tokens
    return float((weight * (log_total - log_allowed)).sum()) / n_tokens, gradient.reshape(scores.shape)


def _sum_over_sequences(scores: Float64s, inside: Bools, scheme: TagScheme) -> tuple[Float64s, Float64s]:
    """Sum over all valid sequences by the forward-backward algorithm (Rabiner 1989), all sequences of a batch at once.

    Args:
        scores: (B, P, T) score of each tag at each place, -inf for tags that are ruled out.
        inside: (B, P) false for the padding behind each sequence.
        scheme: The scheme of the T tags, with S states.

    Returns:
        (B,) log of the sum of exp(score), and (B, P, T) the probability of each tag at each place.
    """
    n_states = scheme.allowed.shape[0]
    # (T, S) from which states a tag may start, and to which it leads, as 0 and -inf to be added.
    tags = np.arange(len(scheme.tags))
    starts_from = _log(scheme.allowed[:, scheme.after, tags].T)
    leads_to = _log(scheme.after[:, None] == np.arange(n_states))
    forward = np.full((inside.shape[1] + 1, len(scores), n_states), -np.inf)
    forward[0, :, 0] = 0.0
    for place, (row, is_inside) in enumerate(zip(scores.swapaxes(0, 1), inside.T, strict=True)):
        reached = _log_sum(_log_sum(forward[place][:, None] + starts_from)[:, None] + row[:, None] + leads_to.T)
        forward[place + 1] = np.where(is_inside[:, None], reached, forward[place])
    backward = np.full((len(scores), n_states), -np.inf)
    backward[:, 0 if scheme.must_close else slice(None)] = 0.0
    log_sum = _log_sum(forward[-1] + backward)
    probabilities = np.zeros_like(scores)
    for place in range(inside.shape[1] - 1, -1, -1):
        onward = scores[:, place] + backward[:, scheme.after]
        log_probs = _log_sum(forward[place][:, None] + starts_from) + onward - log_sum[:, None]
        probabilities[:, place] = np.exp(log_probs)
        before = _log_sum(onward[:, None] + starts_from.T)
        backward = np.where(inside[:, place, None], before, backward)
    return log_sum, probabilities


def _log(mask: Bools) -> Float64s:
    return np.where(mask, 0.0, -np.inf)


def _log_sum(values: Float64s) -> Float64s:
    """Sum numbers given as logarithms over the last axis. Nothing but -inf gives -inf."""
    greatest = values.max(axis=-1, keepdims=True)
    greatest = np.where(np.isneginf(greatest), 0.0, greatest)
    with np.errstate(divide="ignore"):
        return (greatest + np.log(np.exp(values - greatest).sum(axis=-1, keepdims=True)))[..., 0]
