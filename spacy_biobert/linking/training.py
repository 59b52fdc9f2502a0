"""Trains the ranker on gold mentions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from thinc.api import Adam

from ..errors import Errors
from .candidates import CandidateFinder
from .mentions import Mention
from .ranker import (
    LEARN_RATE,
    Bools,
    ConceptCounts,
    Floats,
    RankerModel,
    build_ranker,
    listwise_loss,
    rank_rows,
    right_rows,
)
from .resolver import chosen_parts, coherences

GoldMention = tuple[Mention, tuple[str, ...]]
"""A mention and its gold ids, with all that mean the same."""


class RankerTrainer:
    """A ranker with what it needs to go on learning.

    Args:
        model: Its network.
        counts: What it knows of the training data.
    """

    def __init__(self, model: RankerModel | None = None, counts: ConceptCounts | None = None) -> None:
        self.model = model or build_ranker()
        self.counts = counts or ConceptCounts()
        self._optimizer = Adam(LEARN_RATE, L2=1e-3, L2_is_weight_decay=True)

    def count(self, docs: Iterable[Sequence[GoldMention]]) -> None:
        """Count what the mentions of the training data link to."""
        for mentions in docs:
            self.counts.add(count_ids(mentions))

    def update(
        self,
        docs: Sequence[Sequence[GoldMention]],
        finder: CandidateFinder,
        *,
        counted: Sequence[Sequence[GoldMention]] | None = None,
    ) -> float:
        """Learn from the mentions of some docs; :meth:`step` makes the step.

        Each doc is looked at as if it had not been counted: of a doc to come the ranker will not know the answers.

        Args:
            docs: The mentions of each doc. One without ids is only looked at, as a neighbour of the others.
            finder: Finds candidates.
            counted: What :meth:`count` was given for each of these docs, where that is something else.

        Returns:
            The mean loss of its mentions, in nats; 0 where there are none.
        """
        known = finder.find([query for mentions in docs for mention, _ in mentions for query in mention.queries])
        similar = {query: found.similarity for query, found in known.items()}
        rows: list[Floats] = []
        right: list[Bools] = []
        for mentions, known_ids in zip(docs, counted or docs, strict=True):
            left_out = count_ids(known_ids)
            asked = [(query, ids) for mention, ids in mentions for query in chosen_parts(mention, similar)]
            found = [known[query] for query, _ in asked]
            for some, coherent, (_, ids) in zip(found, coherences(found), asked, strict=True):
                if not ids:
                    continue
                rows.append(rank_rows(some, self.counts, coherent, left_out))
                right.append(right_rows(some, ids))
        if not rows:
            return 0.0
        scores, backprop = self.model.begin_update(rows)
        loss, d_scores = listwise_loss(scores, right)
        if not np.isfinite(loss):
            raise ValueError(Errors.B245)
        backprop(d_scores)
        return loss

    def step(self, rate: float = 1.0) -> None:
        """Step the weights by what was learned, at the learning rate multiplied by ``rate``."""
        self._optimizer.learn_rate = rate * LEARN_RATE
        self.model.finish_update(self._optimizer)

    def to_bytes(self) -> bytes:
        """Return network and counts as safetensors."""
        from safetensors.numpy import save

        arrays = {name: np.ascontiguousarray(self.model.get_param(name)) for name in self.model.param_names}
        counts = json.dumps(self.counts.counts, sort_keys=True).encode("utf8")
        return bytes(save({**arrays, "counts": np.frombuffer(counts, dtype=np.uint8)}))

    @classmethod
    def from_bytes(cls, data: bytes, where: Path | str) -> RankerTrainer:
        """Read what :meth:`to_bytes` returned; ``where`` names the source in messages.

        Raises:
            ValueError: The data is damaged, or of a version with other columns.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            arrays: dict[str, Any] = load(data)
            model = build_ranker(len(arrays["outer"]))
            for name in model.param_names:
                expected = model.get_param(name).shape
                if arrays[name].shape != expected:
                    reason = f"{name} has the shape {arrays[name].shape}, expected {expected}"
                    raise ValueError(Errors.B238.format(path=where, reason=reason))
                model.set_param(name, arrays[name])
            return cls(model, ConceptCounts(json.loads(arrays["counts"].tobytes())))
        except (SafetensorError, KeyError) as error:
            raise ValueError(Errors.B238.format(path=where, reason=error)) from error


def count_ids(mentions: Sequence[GoldMention]) -> Counter[str]:
    """Count the ids of gold mentions."""
    return Counter(identifier for _, ids in mentions for identifier in ids)
