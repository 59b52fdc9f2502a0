"""How the tag scores of a token are laid out: one sequence of tags for all labels, or a layer of tags for each label.

Every layer is a tag sequence of its own, with a softmax of its own. With a layer for each label, mentions of different
labels may overlap, and what a corpus says of one label says nothing of another. Layers are decoded as if they were so
many more docs, at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .decoding import Floats, Ints, decode
from .mentions import Mentions, find_mentions
from .tags import TagScheme, make_tag_scheme


@dataclass(frozen=True, eq=False)
class TagLayers:
    """L layers of T tags each. Make them with :func:`make_tag_layers`. Arrays are read-only.

    Attributes:
        scheme: The tags of each layer, in the order of their scores.
        labels: The K labels of all layers.
        tag_labels: (L, T) the index of each tag's label, -1 for "O".
    """

    scheme: TagScheme
    labels: tuple[str, ...]
    tag_labels: Ints

    @property
    def n_layers(self) -> int:
        """Number of layers, L."""
        return self.tag_labels.shape[0]

    @property
    def n_scores(self) -> int:
        """Number of scores that each token has, L · T, layer by layer."""
        return self.tag_labels.size


@lru_cache(maxsize=64)
def make_tag_layers(scheme: str, labels: tuple[str, ...], *, overlapping: bool) -> TagLayers:
    """Lay out the tags of some labels.

    Args:
        scheme: "BIO" or "BILUO".
        labels: The labels.
        overlapping: Whether each label has a layer of its own, or all share one.

    Returns:
        The layers; the same object for the same arguments.

    Raises:
        ValueError: There is no such scheme.
    """
    if overlapping:
        # Every layer's tags are those of one label; which one, the layer's place says.
        layer = make_tag_scheme(scheme, ("mention",))
        tag_labels = np.repeat(np.arange(len(labels))[:, None], len(layer.tags), axis=1)
        tag_labels[:, 0] = -1
    else:
        layer = make_tag_scheme(scheme, labels)
        tag_labels = np.concatenate(([-1], layer.label_ids(np.arange(1, len(layer.tags)))))[None]
    tag_labels.setflags(write=False)
    return TagLayers(layer, labels, tag_labels)


def find_in_layers(scores: Floats, lengths: Ints, layers: TagLayers, *, temperature: float = 1.0) -> Mentions:
    """Decode every layer and read the mentions off it.

    Args:
        scores: (N, L · T) unnormalized scores of the tags, layer by layer, the docs one after the other.
        lengths: (D,) number of tokens of each doc, N in all.
        layers: The layers.
        temperature: Divides the scores before they become probabilities, see :func:`find_mentions`.

    Returns:
        The mentions of the batch, in the order of :meth:`Mentions.in_order`. Those of one layer do not overlap.
    """
    n_tokens, n_layers, scheme = len(scores), layers.n_layers, layers.scheme
    stacked = scores.reshape(n_tokens, n_layers, len(scheme.tags)).swapaxes(0, 1).reshape(-1, len(scheme.tags))
    stacked_lengths = np.tile(lengths, n_layers)
    tags = decode(stacked, stacked_lengths, scheme)
    found = find_mentions(tags, stacked, stacked_lengths, scheme, temperature=temperature)
    layer = found.starts // max(n_tokens, 1)
    shift = layer * n_tokens
    labels = found.labels + layer * len(scheme.labels)
    return Mentions(found.starts - shift, found.ends - shift, labels, found.scores).in_order()
