"""What stands around a mention as a vector: the mean of its tokens' contextual vectors, beside those of a concept.

The vectors are what the encoder has left in ``doc._.trf_data``: nothing is read a second time. Each dimension is
standardised by its mean and scale over the training mentions, for a few of them are far larger than all others.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc, Span
from thinc.api import to_numpy

from ..errors import Errors

if TYPE_CHECKING:
    from .kb import KnowledgeBase
    from .mentions import Mention

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

MEANS = "context_means"
SCALING = "context_scaling"
_LEAST_VARIANCE = 1e-9
"""A dimension that varies less says nothing, and is not blown up."""


def mention_vectors(doc: Doc, spans: Sequence[Span]) -> list[Floats | None]:
    """Return the mean of the token vectors of spans.

    Args:
        doc: A doc that an encoder has been over.
        spans: Its spans, or those of another doc of the same text, which may have other tokens.

    Returns:
        A vector of shape (width,) for each span; None where it has no tokens, or the doc no vectors.
    """
    nothing: list[Floats | None] = [None] * len(spans)
    data = doc._.trf_data if Doc.has_extension("trf_data") else None
    if data is None or not spans or (spans[0].doc is not doc and spans[0].doc.text != doc.text):
        return nothing
    from ..encoder.vectors import TokenVectors  # what set the vectors has imported it

    if not isinstance(data, TokenVectors) or not len(doc):
        return nothing
    hidden = data.model_output["last_hidden_state"]
    if hidden.shape[1] != len(doc):  # tokens were merged or split since
        return nothing
    vectors = to_numpy(hidden)[0]
    places = [
        span if span.doc is doc else doc.char_span(span.start_char, span.end_char, alignment_mode="expand")
        for span in spans
    ]
    return [
        vectors[place.start : place.end].mean(axis=0, dtype=np.float32) if place is not None and len(place) else None
        for place in places
    ]


@dataclass
class Share:
    """What some mentions add to the sums.

    Attributes:
        sums: Of their vectors, for each concept that they mean.
        counts: How many these are.
        moments: Sum of all vectors, and sum of their squares, (2, width).
        n_mentions: How many mentions these are of.
    """

    sums: dict[str, Doubles] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    moments: Doubles = field(default_factory=lambda: np.zeros((2, 0)))
    n_mentions: int = 0

    @classmethod
    def of(cls, mentions: Iterable[tuple[Mention, Iterable[str]]]) -> Share:
        """Sum the vectors of mentions that have one, given with the ids of their concepts."""
        share = cls()
        for mention, ids in mentions:
            if mention.vector is None:
                continue
            vector = mention.vector.astype(np.float64)
            for identifier in ids:
                share.sums[identifier] = share.sums.get(identifier, 0) + vector
                share.counts[identifier] += 1
            moments = np.stack([vector, vector**2])
            share.moments = share.moments + moments if share.n_mentions else moments
            share.n_mentions += 1
        return share

    @property
    def width(self) -> int:
        """Size of the vectors."""
        return self.moments.shape[1]


class ContextVectors:
    """For each concept, the mean contextual vector of the training mentions that mean it.

    A document that comes again replaces what it added before: an encoder that is trained at the same time reads it
    otherwise each time. What was stored and loaded stays as it is, and takes each document for one that it knows. A
    training that is resumed goes on with what each document has added, see :meth:`state`.
    """

    def __init__(self) -> None:
        self._total = Share()
        self._by_document: dict[str, Share] = {}
        self._is_fixed = False
        # Made when they are first needed.
        self._scaling: tuple[Doubles, Doubles] | None = None
        self._table: tuple[dict[str, int], Floats] | None = None

    def __len__(self) -> int:
        """Return for how many concepts there are vectors."""
        return len(self._total.sums)

    def put(self, mentions: Sequence[tuple[Mention, Sequence[str]]], kb: KnowledgeBase) -> None:
        """Add the mentions of a document, in place of what it added before.

        Args:
            mentions: All of them that are annotated, with the ids of their concepts.
            kb: Other ids than those of its concepts are left out.

        Raises:
            ValueError: The vectors have another width than those before.
        """
        if self._is_fixed or not mentions or mentions[0][0].surroundings is None:
            return
        share = Share.of((mention, [one for one in ids if one in kb]) for mention, ids in mentions)
        if not share.n_mentions:
            return
        self._check(share.width)
        document = _digest(mentions[0][0].surroundings.text)
        if document in self._by_document:
            self._add(self._by_document[document], -1)
        self._add(share, 1)
        self._by_document[document] = share

    def _add(self, share: Share, sign: int) -> None:
        total = self._total
        for identifier, vector in share.sums.items():
            total.sums[identifier] = total.sums.get(identifier, 0) + sign * vector
            total.counts[identifier] += sign * share.counts[identifier]
            if not total.counts[identifier]:
                del total.sums[identifier], total.counts[identifier]
        total.moments = total.moments + sign * share.moments if total.width else sign * share.moments
        total.n_mentions += sign * share.n_mentions
        self._scaling = self._table = None

    def share_of(self, mentions: Sequence[tuple[Mention, Sequence[str]]]) -> Share:
        """Return what a document adds, to be left out where it is learned from.

        Args:
            mentions: All of its mentions that are annotated, with the ids of their concepts.
        """
        if self._is_fixed:
            return Share.of(mentions)
        known = mentions and mentions[0][0].surroundings
        return self._by_document.get(_digest(known.text), Share()) if known else Share()

    def column(self, mention: Mention, ids: Sequence[str], left_out: Share | None = None) -> Floats | None:
        """Return "surroundings" of concepts: the cosine of the mention's vector and the concept's mean.

        Args:
            mention: A mention.
            ids: Of the concepts.
            left_out: What its document adds to the means, in training.

        Returns:
            An array of shape (n_ids,), 0 for a concept that no training mention means; None where the mention or all
            concepts have no vector.

        Raises:
            ValueError: The mention's vector has another width than the concepts'.
        """
        if mention.vector is None or not self._total.n_mentions:
            return None
        self._check(len(mention.vector))
        cosines = np.zeros(len(ids), np.float32)
        rows, means = self._left(ids, left_out) if left_out is not None and left_out.sums else self._all()
        known = [i for i, identifier in enumerate(ids) if identifier in rows]
        if known:
            (vector,) = self._directions(mention.vector[None])
            cosines[known] = means[[rows[ids[i]] for i in known]] @ vector
        return cosines

    def _all(self) -> tuple[dict[str, int], Floats]:
        """Return the row of each concept, and the directions of all means."""
        if self._table is None:
            self._table = self._left(self._total.sums, Share())
        return self._table

    def _left(self, ids: Iterable[str], left_out: Share) -> tuple[dict[str, int], Floats]:
        """Return the row of each of some concepts that are known, and the directions of their means."""
        total = self._total
        left = {
            one: (total.sums[one] - left_out.sums.get(one, 0)) / (total.counts[one] - left_out.counts[one])
            for one in ids
            if total.counts[one] > left_out.counts[one]
        }
        means = np.array(list(left.values())).reshape(len(left), total.width)
        return {identifier: row for row, identifier in enumerate(left)}, self._directions(means)

    def _directions(self, vectors: NDArray[Any]) -> Floats:
        """Standardise vectors, and give each the length 1; what is the mean of all stays without direction."""
        mean, scale = self._mean_and_scale()
        standard = (vectors - mean) / scale
        length = np.linalg.norm(standard, axis=1, keepdims=True)
        return (standard / np.where(length > 1e-6, length, np.inf)).astype(np.float32)

    def _mean_and_scale(self) -> tuple[Doubles, Doubles]:
        if self._scaling is None:
            mean, square = self._total.moments / self._total.n_mentions
            variance = square - mean**2
            self._scaling = mean, np.where(variance > _LEAST_VARIANCE, variance, 1.0) ** 0.5
        return self._scaling

    def _check(self, width: int) -> None:
        if self._total.n_mentions and width != self._total.width:
            raise ValueError(Errors.B248.format(found=width, expected=self._total.width))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that was added, document by document, so that more can be; nothing for what was loaded."""
        if self._is_fixed or not self._total.n_mentions:
            return {}
        shares = [self._total, *self._by_document.values()]
        values = {
            "documents": list(self._by_document),
            "counts": [list(share.counts.items()) for share in shares],
            "n_mentions": [share.n_mentions for share in shares],
        }
        # In the order of their counts.
        sums = [share.sums[one] for share in shares for one in share.counts]
        return {
            "sums": np.array(sums).reshape(len(sums), self._total.width),
            "moments": np.array([share.moments for share in shares]),
            "values": np.frombuffer(json.dumps(values).encode("utf8"), dtype=np.uint8),
        }

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Put back what :meth:`state` returned."""
        if not state:
            return
        values = json.loads(state["values"].tobytes())
        rows = iter(state["sums"])
        shares = [
            Share({one: next(rows) for one, _ in counts}, Counter(dict(counts)), moments, n_mentions)
            for counts, moments, n_mentions in zip(
                values["counts"], state["moments"], values["n_mentions"], strict=True
            )
        ]
        self._total = shares[0]
        self._by_document = dict(zip(values["documents"], shares[1:], strict=True))
        self._scaling = self._table = None

    def to_arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return standardised means in half precision, and plain values beside them; nothing where nothing is known."""
        total = self._total
        if not total.n_mentions:
            return {}, {}
        mean, scale = self._mean_and_scale()
        ids = sorted(total.sums)
        means = [(total.sums[one] / total.counts[one] - mean) / scale for one in ids]
        arrays: dict[str, NDArray[Any]] = {
            MEANS: np.array(means).reshape(len(ids), total.width).astype(np.float16),
            SCALING: np.stack([mean, scale]).astype(np.float32),
        }
        return arrays, {"counts": [[one, total.counts[one]] for one in ids], "n_mentions": total.n_mentions}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any], where: Path | str
    ) -> ContextVectors:
        """Make what :meth:`to_arrays` described; ``where`` names the source in messages.

        Raises:
            KeyError: Something is missing.
            ValueError: The arrays do not fit together.
        """
        vectors = cls()
        if not values:
            return vectors
        vectors._is_fixed = True
        means, scaling = arrays[MEANS].astype(np.float64), arrays[SCALING].astype(np.float64)
        counts = values["counts"]
        if scaling.ndim != 2 or len(scaling) != 2 or means.shape != (len(counts), scaling.shape[1]):
            reason = f"vectors of {len(counts)} concepts have the shapes {means.shape} and {scaling.shape}"
            raise ValueError(Errors.B238.format(path=where, reason=reason))
        mean, scale = scaling
        n_mentions = values["n_mentions"]
        vectors._scaling = mean, scale
        vectors._total = Share(
            {one: count * (row * scale + mean) for (one, count), row in zip(counts, means, strict=True)},
            Counter(dict(counts)),
            n_mentions * np.stack([mean, scale**2 + mean**2]),
            n_mentions,
        )
        return vectors


def _digest(text: str) -> str:
    """Return what stands for a text: checkpoints need not repeat what the documents say."""
    return hashlib.blake2b(text.encode("utf8"), digest_size=16).hexdigest()
