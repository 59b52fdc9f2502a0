"""The network of the ranker, what it reads, and what it learns by.

Each candidate of a mention is a row of numbers; one more row stands for NIL. The network gives each row a score, and
softmax over the rows of a mention turns scores into probabilities: they are trained to be those (log-likelihood is a
proper score), so 0.9 means that about nine in ten are right.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import Model, NumpyOps

from .candidates import FEATURES, Found

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

COLUMNS = (
    *FEATURES,
    "frequency",  # log of how often training mentions link to it
    "seen",  # whether any does
    "coherence",  # log of how many other mentions of the document are spelled like a name of it
    "type_fit",  # how much likelier its types are than by chance, with the mention's label, a logarithm
    "definition",  # share of the words of its definition that the document has, by their rarity
    "nil",
    "nil_similarity",  # what the best candidates reach: NIL must beat them
    "nil_cosine",
    "surroundings",  # cosine of its contextual vector and the mean of those of the concept's mentions
)
"""First the features of a candidate, then what training data and document say. A stored ranker names its own."""

# What each column is divided by, so that all learn alike, and what one unit is worth before training, if anything.
_SCALES: Mapping[str, float] = {
    "similarity": 0.25,
    "exact": 0.5,
    "similarity_gap": 0.25,
    "exact_canonical": 0.5,
    "verbatim": 0.5,
    "short_form": 0.25,
    "cosine": 0.2,
    "cosine_gap": 0.2,
    "cosine_three": 0.2,
    "cosine_canonical": 0.2,
    "n_names": 1.0,
    "frequency": 1.5,
    "seen": 0.5,
    "coherence": 0.7,
    "type_fit": 2.0,
    "definition": 0.2,
    "nil": 0.5,
    "nil_similarity": 0.25,
    "nil_cosine": 0.2,
    "surroundings": 0.2,
}
_STARTS: Mapping[str, float] = {
    "similarity": 6.0,
    "exact": 2.0,
    "exact_canonical": 0.5,
    "verbatim": 0.5,
    "cosine": 6.0,
    "nil_similarity": 6.0,
}

N_HIDDEN = 8

RankerModel = Model[list[Floats], list[Floats]]


def build_ranker(n_hidden: int = N_HIDDEN, *, seed: int = 0) -> RankerModel:
    """Build the network: a linear layer, and beside it a hidden one, whose say is nothing at the beginning.

    Untrained, it ranks by similarity of spelling and cosine.

    Args:
        n_hidden: Size of the hidden layer.
        seed: Of the hidden layer's weights.

    Returns:
        From one array of shape (n_rows, n_columns) for each mention to one of shape (n_rows,): scores.
    """
    scales = np.array([_SCALES[name] for name in COLUMNS], dtype=np.float32)
    start = np.array([_STARTS.get(name, 0.0) for name in COLUMNS], dtype=np.float32)
    generator = np.random.default_rng(seed)
    shape = (len(COLUMNS), n_hidden)
    params: dict[str, Any] = {
        "linear": start * scales,
        # The last column is optional: where it says nothing, all is as if it were not there.
        "inner": generator.normal(scale=(len(COLUMNS) - 1) ** -0.5, size=shape).astype(np.float32),
        "inner_bias": np.zeros(n_hidden, np.float32),
        "outer": np.zeros(n_hidden, np.float32),
    }
    # Small, and its rows are cut on the CPU: it stays there where the encoder is on a GPU.
    return Model("link_ranker", _forward, params=params, attrs={"scales": scales}, ops=NumpyOps())


def _forward(model: RankerModel, rows: list[Floats], is_train: bool) -> tuple[list[Floats], Callable]:
    lengths = [len(some) for some in rows]
    flat = np.concatenate(rows) / model.attrs["scales"]
    linear, inner, bias, outer = (model.get_param(name) for name in ("linear", "inner", "inner_bias", "outer"))
    hidden = np.tanh(flat @ inner + bias)
    scores = flat @ linear + hidden @ outer

    def backprop(d_scores: list[Floats]) -> list[Floats]:
        d_flat = np.concatenate(d_scores)
        d_hidden = d_flat[:, None] * outer * (1 - hidden**2)
        model.inc_grad("linear", d_flat @ flat)
        model.inc_grad("outer", d_flat @ hidden)
        model.inc_grad("inner", flat.T @ d_hidden)
        model.inc_grad("inner_bias", d_hidden.sum(axis=0))
        return []  # what is below are similarities, which nothing trains

    return np.split(scores, np.cumsum(lengths)[:-1]), backprop


def probabilities(scores: Floats) -> NDArray[np.float64]:
    """Turn the scores of a mention's rows into probabilities, which add up to 1."""
    shifted = np.exp(scores.astype(np.float64) - scores.max())
    return np.asarray(shifted / shifted.sum())


def right_rows(found: Found, gold: Collection[str]) -> Bools:
    """Tell which rows of a mention are right: candidates that are gold, or NIL where there are none of these.

    Args:
        found: The mention's candidates.
        gold: Its ids, with all that mean the same.
    """
    right = [candidate.concept_id in gold for candidate in found.candidates]
    return np.array([*right, not any(right)], dtype=bool)


def listwise_loss(scores: Sequence[Floats], right: Sequence[Bools]) -> tuple[float, list[Floats]]:
    """Compute the negative log-likelihood that a right row is chosen, its mean over mentions, and its gradient.

    Args:
        scores: Scores of the rows of each mention.
        right: Which rows of it are right; at least one is.

    Returns:
        The loss in nats, and its gradient with respect to the scores.
    """
    loss = 0.0
    gradients = []
    for some, is_right in zip(scores, right, strict=True):
        chosen = probabilities(some)
        likelihood = max(float(chosen[is_right].sum()), 1e-12)
        loss -= np.log(likelihood)
        gradient = chosen - np.where(is_right, chosen / likelihood, 0.0)
        gradients.append((gradient / len(scores)).astype(np.float32))
    return float(loss) / max(len(scores), 1), gradients
