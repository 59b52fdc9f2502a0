"""Trains the ranker on gold mentions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import Adam

from ..errors import Errors
from .candidates import CandidateFinder
from .mentions import GoldMention
from .ranker import Ranker
from .ranker_model import Bools, Floats, listwise_loss, right_rows
from .resolver import chosen_parts

LEARN_RATE = 0.005
"""Of the ranker's own Adam: the pipeline's optimizer is set for an encoder and would hardly move a dozen weights."""

_MOMENTS = ("mom1", "mom2")


class RankerTrainer:
    """Makes the steps by which a ranker learns.

    Args:
        ranker: The ranker, which has counted the training data.
    """

    def __init__(self, ranker: Ranker) -> None:
        self.ranker = ranker
        self._optimizer = Adam(LEARN_RATE, L2=1e-3, L2_is_weight_decay=True, use_averages=False)

    def update(
        self,
        docs: Sequence[Sequence[GoldMention]],
        finder: CandidateFinder,
        *,
        counted: Sequence[Sequence[GoldMention]] | None = None,
    ) -> float:
        """Learn from the mentions of some docs; :meth:`step` makes the step.

        Args:
            docs: The mentions of each doc. One without ids is only looked at, as a neighbour of the others.
            finder: Finds candidates.
            counted: What :meth:`.Ranker.count` was given for each of these docs, where that is something else.

        Returns:
            The mean loss of its mentions, in nats; 0 where there are none.
        """
        known = finder.find([query for mentions in docs for mention, _ in mentions for query in mention.queries])
        similar = {query: found.similarity for query, found in known.items()}
        rows: list[Floats] = []
        right: list[Bools] = []
        for mentions, of_doc in zip(docs, counted or docs, strict=True):
            asked = [(mention, query, ids) for mention, ids in mentions for query in chosen_parts(mention, similar)]
            found = [(mention, known[query]) for mention, query, _ in asked]
            some = self.ranker.rows(found, finder.facts, counted=of_doc)
            for (_, query, ids), its_rows in zip(asked, some, strict=True):
                if ids:
                    rows.append(its_rows)
                    right.append(right_rows(known[query], ids))
        if not rows:
            return 0.0
        scores, backprop = self.ranker.model.begin_update(rows)
        loss, d_scores = listwise_loss(scores, right)
        if not np.isfinite(loss):
            raise ValueError(Errors.B245)
        backprop(d_scores)
        return loss

    def step(self, rate: float = 1.0) -> None:
        """Step the weights by what was learned, at the learning rate multiplied by ``rate``."""
        self._optimizer.learn_rate = rate * LEARN_RATE
        self.ranker.model.finish_update(self._optimizer)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what a training that goes on needs besides the network's weights, see :meth:`set_state`."""
        optimizer = self._optimizer
        moments = {
            f"{kind}/{name}": np.asarray(values)
            for kind in _MOMENTS
            for (_, name), values in getattr(optimizer, kind).items()
        }
        counts = {f"nr_update/{name}": np.array([count]) for (_, name), count in optimizer.nr_update.items()}
        vectors = {f"context_vectors/{name}": values for name, values in self.ranker.context_vectors.state().items()}
        return moments | counts | vectors

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Put back what :meth:`state` returned: moments of the optimizer, and the context vectors of each document."""
        of_vectors: dict[str, NDArray[Any]] = {}
        for key, values in state.items():
            kind, name = key.split("/", 1)
            if kind == "context_vectors":
                of_vectors[name] = values
            elif kind in _MOMENTS:
                getattr(self._optimizer, kind)[self.ranker.model.id, name] = values.copy()
            else:
                self._optimizer.nr_update[self.ranker.model.id, name] = int(values[0])
        self.ranker.context_vectors.set_state(of_vectors)
