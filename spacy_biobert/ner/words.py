"""The tokens that mentions are made of: all but white space, which spaCy makes tokens of where there is more than one.

No word piece stands for a line's end, and its vector is zero: what a model says of it is no evidence. It is left out,
so that a mention that goes on in the next line is found, and as likely, as if it stood in one. Where a line ends what
it says, see `lines`, mentions end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from spacy.tokens import Doc

from .decoding import Floats, Ints
from .layers import TagLayers
from .lines import starts_after_lines
from .mentions import Mentions


@dataclass(frozen=True)
class Words:
    """The words of a batch of docs, N tokens in all.

    Attributes:
        tokens: (W,) the place of each word among the tokens of the batch.
        lengths: (S,) number of words of each stretch that a mention may lie in: a doc, or a part of it.
        after_lines: The places among the words of those that begin such a part of a doc, but for its first.
    """

    tokens: Ints
    lengths: Ints
    after_lines: Ints

    @classmethod
    def of(cls, docs: Sequence[Doc]) -> Words:
        """Find the words of docs."""
        tokens = np.flatnonzero(~space_tokens(docs))
        ends = np.cumsum([len(doc) for doc in docs], dtype=np.int64)
        lines: list[int] = []
        if len(docs) and len(tokens) < ends[-1]:
            lines = [end - len(doc) + i for end, doc in zip(ends, docs, strict=True) for i in starts_after_lines(doc)]
        ends = np.searchsorted(tokens, ends)
        after_lines = np.setdiff1d(np.searchsorted(tokens, lines), np.append(ends, 0))
        return cls(tokens, np.diff(np.union1d(ends, after_lines), prepend=0), after_lines)

    def scores(self, scores: Floats, layers: TagLayers) -> Floats:
        """Return the tag scores of the words, without tags by which a mention would go on beyond the end of a part.

        Args:
            scores: (N, L · T) of all tokens.
            layers: The L layers of T tags.
        """
        chosen = scores[self.tokens]
        of_layers = chosen.reshape(len(chosen), layers.n_layers, len(layers.scheme.tags))
        goes_on, stays_open = layers.scheme.before > 0, layers.scheme.after > 0
        of_layers[self.after_lines] = np.where(goes_on, -np.inf, of_layers[self.after_lines])
        if layers.scheme.must_close:
            of_layers[self.after_lines - 1] = np.where(stays_open, -np.inf, of_layers[self.after_lines - 1])
        return chosen

    def in_tokens(self, mentions: Mentions) -> Mentions:
        """Say where mentions lie among the tokens of the batch that were found among its words."""
        starts, ends = self.tokens[mentions.starts], self.tokens[mentions.ends - 1] + 1
        return Mentions(starts, ends, mentions.labels, mentions.scores)


def space_tokens(docs: Sequence[Doc]) -> npt.NDArray[np.bool_]:
    """Tell which tokens of a batch are white space, (N,)."""
    flags = [doc.to_array("IS_SPACE") for doc in docs]
    return np.concatenate(flags).astype(bool) if flags else np.zeros(0, dtype=bool)
