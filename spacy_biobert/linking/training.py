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
from .context import ConceptFacts, ContextCounts, count_types
from .context_vectors import ContextVectors
from .mentions import Mention
from .ranker import (
    COLUMNS,
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

_LATER_COLUMNS = ("cosine_three", "type_fit", "definition", "surroundings")
_FIRST_COLUMNS = tuple(name for name in COLUMNS if name not in _LATER_COLUMNS)
"""Those of rankers that were stored without the names of theirs."""

_TEXTS = ("counts", "context", "columns", "context_vectors")
"""What a stored ranker holds besides arrays, as JSON."""

GoldMention = tuple[Mention, tuple[str, ...]]
"""A mention and its gold ids, with all that mean the same."""


class RankerTrainer:
    """A ranker with what it needs to go on learning.

    Args:
        model: Its network.
        counts: What it knows of the training data: how often it links to each concept.
        context: And what it says of labels and words.
        vectors: And of what stands around the mentions of each concept.
    """

    def __init__(
        self,
        model: RankerModel | None = None,
        counts: ConceptCounts | None = None,
        context: ContextCounts | None = None,
        vectors: ContextVectors | None = None,
    ) -> None:
        self.model = model or build_ranker()
        self.counts = counts or ConceptCounts()
        self.context = context or ContextCounts()
        self.vectors = vectors if vectors is not None else ContextVectors()
        self._optimizer = Adam(LEARN_RATE, L2=1e-3, L2_is_weight_decay=True)

    def count(self, docs: Iterable[Sequence[GoldMention]], facts: ConceptFacts) -> None:
        """Count what the mentions of the training data link to; `facts` tells of these concepts."""
        for mentions in docs:
            self.counts.add(count_ids(mentions))
            self.context.add(mentions, facts)
            self.vectors.put(mentions, facts.kb)

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
            types_left_out = count_types(known_ids, finder.facts)
            vectors_left_out = self.vectors.share_of(known_ids)
            asked = [
                (mention, known[query], ids) for mention, ids in mentions for query in chosen_parts(mention, similar)
            ]
            for (mention, some, ids), coherent in zip(asked, coherences([found for _, found, _ in asked]), strict=True):
                if not ids:
                    continue
                context = self.context.columns(mention, some.ids, finder.facts, types_left_out)
                surroundings = self.vectors.column(mention, some.ids, vectors_left_out)
                rows.append(rank_rows(some, self.counts, coherent, left_out, context, surroundings))
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
        """Return network, counts and vectors as safetensors, with the names of the network's columns."""
        from safetensors.numpy import save

        arrays = {name: np.ascontiguousarray(self.model.get_param(name)) for name in self.model.param_names}
        texts: dict[str, Any] = {
            "counts": self.counts.counts,
            "context": self.context.to_dict(),
            "columns": COLUMNS,
        }
        more, values = self.vectors.to_arrays()
        if more:
            arrays |= more
            texts["context_vectors"] = values
        for name, value in texts.items():
            arrays[name] = np.frombuffer(json.dumps(value, sort_keys=True).encode("utf8"), dtype=np.uint8)
        return bytes(save(arrays))

    @classmethod
    def from_bytes(cls, data: bytes, where: Path | str) -> RankerTrainer:
        """Read what :meth:`to_bytes` returned; ``where`` names the source in messages.

        A ranker of a version that had fewer columns ranks as it did: the others count nothing.

        Raises:
            ValueError: The data is damaged, or of a version with columns that are not known.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            arrays: dict[str, Any] = load(data)
            texts = {name: json.loads(arrays[name].tobytes()) for name in _TEXTS if name in arrays}
            columns = texts.get("columns", _FIRST_COLUMNS)
            if unknown := sorted(set(columns) - set(COLUMNS)):
                raise ValueError(Errors.B238.format(path=where, reason=f"unknown columns: {', '.join(unknown)}"))
            places = [COLUMNS.index(name) for name in columns]
            model = build_ranker(len(arrays["outer"]))
            for name in model.param_names:
                weights: Any = np.zeros_like(model.get_param(name))
                rows = places if name in ("linear", "inner") else list(range(len(weights)))
                expected = (len(rows), *weights.shape[1:])
                if arrays[name].shape != expected:
                    reason = f"{name} has the shape {arrays[name].shape}, expected {expected}"
                    raise ValueError(Errors.B238.format(path=where, reason=reason))
                weights[rows] = arrays[name]
                model.set_param(name, weights)
            context = ContextCounts.from_dict(texts["context"]) if "context" in texts else None
            vectors = ContextVectors.from_arrays(arrays, texts.get("context_vectors", {}), where)
            return cls(model, ConceptCounts(texts["counts"]), context, vectors)
        except (SafetensorError, KeyError) as error:
            raise ValueError(Errors.B238.format(path=where, reason=error)) from error


def count_ids(mentions: Sequence[GoldMention]) -> Counter[str]:
    """Count the ids of gold mentions."""
    return Counter(identifier for _, ids in mentions for identifier in ids)
