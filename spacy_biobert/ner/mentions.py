"""Tags -> mentions, each with the probability of its whole span."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .decoding import Floats, Ints
from .tags import TagScheme


@dataclass(frozen=True)
class Mentions:
    """Mentions found in one doc, or in a batch of docs laid end to end, sorted by their first token.

    Attributes:
        starts: (M,) first token of each.
        ends: (M,) the token after its last.
        labels: (M,) index of its label.
        scores: (M,) probability of its whole span, in [0, 1].
    """

    starts: Ints
    ends: Ints
    labels: Ints
    scores: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.starts)

    def select(self, mask: npt.NDArray[np.bool_] | Ints) -> Mentions:
        """Keep the mentions that a mask (M,) marks, or those at some indices."""
        return Mentions(self.starts[mask], self.ends[mask], self.labels[mask], self.scores[mask])

    def in_order(self) -> Mentions:
        """Sort by the first token, then the last, then the label."""
        order = np.lexsort((self.labels, self.ends, self.starts))
        return Mentions(self.starts[order], self.ends[order], self.labels[order], self.scores[order])

    def split(self, lengths: Ints) -> list[Mentions]:
        """Share out a batch's mentions among its docs of the given lengths, counting tokens from each doc's start."""
        ends = np.cumsum(lengths)
        bounds = np.searchsorted(self.starts, np.concatenate(([0], ends)))
        return [
            Mentions(self.starts[i:j] - shift, self.ends[i:j] - shift, self.labels[i:j], self.scores[i:j])
            for i, j, shift in zip(bounds[:-1], bounds[1:], ends - lengths, strict=True)
        ]


def find_mentions(
    tags: Ints, scores: Floats, lengths: Ints, scheme: TagScheme, *, temperature: float = 1.0
) -> Mentions:
    """Read the mentions off a valid tag sequence and score them.

    A mention's score is the probability that its tokens bear exactly its tags, the tokens taken as independent and each
    one's tag distribution being the softmax of its scores divided by the temperature: P(B) · Π P(I) · P(L), or P(U). In
    BIO, where the next token decides whether a mention has ended, P(not I) of that token joins in. Only tokens in or
    next to mentions are normalized.

    Args:
        tags: (N,) tag ids, valid within each doc.
        scores: (N, T) unnormalized scores of the tags.
        lengths: (D,) number of tokens of each doc, N in all.
        scheme: The scheme of the T tags.
        temperature: Above 1 draws probabilities together, below 1 apart (Guo et al. 2017, "On Calibration of Modern
            Neural Networks", ICML).

    Returns:
        The mentions of the batch.
    """
    tokens = np.flatnonzero(tags)
    first = np.flatnonzero(scheme.starts(tags[tokens]))
    starts = tokens[first]
    ends = starts + np.diff(first, append=len(tokens))
    labels = scheme.label_ids(tags[starts])
    log_probs = _log_softmax(scores[tokens], temperature)
    token_log_probs = log_probs[np.arange(len(tokens)), tags[tokens]]
    log_scores = np.add.reduceat(token_log_probs, first) if len(first) else np.zeros(0)
    if not scheme.must_close:
        followed = np.flatnonzero(~np.isin(ends, np.cumsum(lengths)))
        goes_on = scheme.tag_ids(labels[followed], np.zeros(1, dtype=bool), np.zeros(1, dtype=bool))
        next_log_probs = _log_softmax(scores[ends[followed]], temperature)
        chance = np.exp(next_log_probs[np.arange(len(followed)), goes_on])
        with np.errstate(divide="ignore"):  # a mention that surely goes on has a chance of 0 to end here
            log_scores[followed] += np.log1p(-np.minimum(chance, 1.0))
    return Mentions(starts, ends, labels, np.exp(np.minimum(log_scores, 0.0)))


def _log_softmax(scores: Floats, temperature: float) -> npt.NDArray[np.float64]:
    """Normalize rows of scores, (n, T) each, at a temperature."""
    scaled = scores.astype(np.float64) / temperature
    greatest = scaled.max(axis=1, keepdims=True, initial=-np.inf)
    scaled = np.where(np.isneginf(greatest), 0.0, scaled - np.maximum(greatest, np.finfo(np.float64).min))
    return scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
