"""The names of a knowledge base as vectors: synonyms lie close to one another, also where they share few letters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import ranges
from ..errors import Errors
from .graph import NameGraph
from .name_encoder import Floats, NameEncoder
from .routing import Types

if TYPE_CHECKING:
    from .kb import KnowledgeBase
    from .sketch import Sketch

EXACT_NAMES = 500_000
"""More names than that are searched through a :class:`.NameGraph`, approximately: each mention would take 5 ms."""

_NAMES_PER_CONCEPT = 4
"""How many names are looked for, in a graph, for each concept that is wanted, and by how much that grows."""

_MAX_FOUND = 4096
"""How many names of a graph are looked at for a mention whose type is rare."""

_BLOCK = 64
"""Mentions whose similarities to all names are in memory at once."""

MANY_NAMES = 20_000
"""So many names read by a transformer are first compared in short, see :class:`.Sketch`; mentions are read faster."""

_SAMPLE = 256
"""Names by which a faster encoder of mentions is made."""


class Nearness(NamedTuple):
    """How near concepts are to a mention.

    Attributes:
        best: The cosine of each concept's nearest name, (n,).
        of_three: The mean of those of its three nearest names, (n,). One name may be near by chance.
        of_canonical: That of its canonical name, (n,).
        names: Its nearest name.
    """

    best: Floats
    of_three: Floats
    of_canonical: Floats
    names: list[str]


class DenseIndex:
    """The names of a knowledge base as vectors, searched exhaustively by matrix product, or through a graph.

    Args:
        encoder: Encodes names and mentions.
        kb: The knowledge base.
        vectors: Those of its names, in its order, (n_names, width), where they are known.

    Raises:
        ImportError: There are more names than `EXACT_NAMES`, and usearch is not installed.
    """

    def __init__(self, encoder: NameEncoder, kb: KnowledgeBase, *, vectors: Floats | NameGraph | None = None) -> None:
        self.encoder = encoder
        self.concept_ids: list[str] = []
        self._names: list[str] = []
        self._types: list[tuple[str, ...]] = []
        self._masks: dict[Types, NDArray[np.bool_]] = {}
        starts: list[int] = []
        for concept in kb.concepts():
            starts.append(len(self._names))
            self.concept_ids.append(concept.id)
            self._types.append(concept.types)
            self._names += concept.names
        self.rows = {identifier: row for row, identifier in enumerate(self.concept_ids)}
        self._bounds = np.array([*starts, len(self._names)], dtype=np.int64)
        self._concepts = np.repeat(np.arange(len(starts)), np.diff(self._bounds))
        self._kb_checksum = kb.checksum
        # These are made when they are first needed.
        self._reader: NameEncoder | None = None
        self._sketch: Sketch | None = None
        self._by_text: dict[str, int] | None = None
        self._vectors: Floats | NameGraph
        if isinstance(vectors, NameGraph):
            self._vectors = vectors
        elif len(self._names) > EXACT_NAMES:
            self._vectors = NameGraph.build(self._names, encoder)
        else:
            if vectors is None or vectors.shape != (len(self._names), encoder.width):
                vectors = encoder(self._names)
                if encoder.is_costly:
                    # As they will be stored: a pipeline gives the same answers before and after.
                    vectors = vectors.astype(np.float16)
            self._vectors = vectors.astype(np.float32, copy=False)

    @property
    def _has_many(self) -> bool:
        """Whether there is more to gain than what it takes to prepare."""
        return self.encoder.is_costly and len(self._names) >= MANY_NAMES

    @property
    def vectors(self) -> Floats | NameGraph:
        """Vectors of the names, (n_names, width), or a graph of them."""
        return self._vectors

    @property
    def graph(self) -> NameGraph | None:
        """What is searched approximately; None where all names are compared."""
        return self._vectors if isinstance(self._vectors, NameGraph) else None

    def encode(self, mentions: Sequence[str]) -> Floats:
        """Encode mentions. One that the encoder reads as it reads a name has the vector that is known of that name.

        Args:
            mentions: Their texts.

        Returns:
            Their vectors, (n, width).
        """
        if isinstance(self._vectors, NameGraph) or not self.encoder.is_costly:
            return self.encoder(mentions)
        if self._reader is None:
            sample = self._names[:: max(1, len(self._names) // _SAMPLE)] if self._has_many else []
            self._reader = self.encoder.for_mentions(sample) if sample else self.encoder
        if self._by_text is None:
            self._by_text = {name.casefold(): row for row, name in enumerate(self._names)}
        rows = np.array([self._by_text.get(mention.casefold(), -1) for mention in mentions], dtype=np.int64)
        alike = np.flatnonzero(rows >= 0)
        # Case may count for the encoder: only it can say what is the same.
        same = zip(
            self.encoder.keys([mentions[i] for i in alike]),
            self.encoder.keys([self._names[row] for row in rows[alike]]),
            strict=True,
        )
        rows[alike[[key != of_name for key, of_name in same]]] = -1
        vectors = self._vectors[rows]
        unknown = np.flatnonzero(rows < 0)
        vectors[unknown] = self._reader([mentions[i] for i in unknown])
        return vectors

    def search(
        self, mentions: Floats, top_n: int, *, types: Sequence[Types | None] | None = None
    ) -> list[NDArray[np.int64]]:
        """Find the concepts nearest to mentions, by the nearest of their names.

        Args:
            mentions: Their vectors, (n, width).
            top_n: How many concepts for each, at most.
            types: For each mention the semantic types that its concept may have (concepts without types may always
                be), or None for any.

        Returns:
            For each mention the rows of concepts, the best first; ties in the order of the source.
        """
        if isinstance(self._vectors, NameGraph):
            return [
                self._search_graph(self._vectors, mention[None], top_n, self._mask(types[i] if types else None))
                for i, mention in enumerate(mentions)
            ]
        if self._has_many:
            return self._search_sketch(self._vectors, mentions, top_n, types)
        found = []
        for first in range(0, len(mentions), _BLOCK):
            for i, cosines in enumerate(mentions[first : first + _BLOCK] @ self._vectors.T, start=first):
                found.append(self._nearest(cosines, top_n, self._mask(types[i] if types else None)))
        return found

    def describe(self, mention: Floats, concepts: Sequence[int]) -> Nearness:
        """Compare a mention with some concepts.

        Args:
            mention: Its vector.
            concepts: Their rows, n of them.
        """
        starts = self._bounds[list(concepts)]
        counts = self._bounds[np.asarray(concepts) + 1] - starts
        offsets = np.cumsum(counts) - counts
        rows = ranges(starts, counts)
        cosines = self._vectors[rows] @ mention
        best = np.maximum.reduceat(cosines, offsets)
        # The first place in each concept's rows that has its best cosine.
        places = np.flatnonzero(cosines == np.repeat(best, counts))
        nearest = places[np.searchsorted(places, offsets)]
        names = [self._names[rows[place]] for place in nearest]
        # Each concept's cosines from the highest down; the three first, or all where there are fewer.
        descending = cosines[np.lexsort((-cosines, np.repeat(np.arange(len(counts)), counts)))]
        few = np.minimum(counts, 3)
        first = descending[offsets[:, None] + np.minimum(np.arange(3), few[:, None] - 1)]
        of_three = (first * (np.arange(3) < few[:, None])).sum(axis=1) / few
        return Nearness(best, of_three.astype(np.float32), cosines[offsets], names)

    def to_bytes(self) -> bytes:
        """Return the vectors as safetensors, in half precision, with the checksum of their knowledge base.

        Raises:
            TypeError: They are a graph, which has a file of its own.
        """
        from safetensors.numpy import save

        if isinstance(self._vectors, NameGraph):
            raise TypeError(NameGraph)
        checksum = np.frombuffer(self._kb_checksum.encode("ascii"), dtype=np.uint8)
        return bytes(save({"vectors": self._vectors.astype(np.float16), "kb": checksum}))

    def canonical(self, concept: int) -> tuple[str, int]:
        """Return the canonical name of the concept in a row, and how many names it has."""
        start, end = self._bounds[concept : concept + 2].tolist()
        return self._names[start], end - start

    def _search_graph(
        self, graph: NameGraph, mention: Floats, top_n: int, mask: NDArray[np.bool_] | None
    ) -> NDArray[np.int64]:
        """Return the rows of the nearest concepts; several names may be one concept's, so ever more are looked for."""
        if not mention.any():
            return np.empty(0, dtype=np.int64)
        n = _NAMES_PER_CONCEPT * top_n
        while True:
            ((names, cosines),) = graph.search(mention, min(n, len(graph)))
            concepts = self._concepts[names]
            keep = cosines > 0 if mask is None else (cosines > 0) & mask[concepts]
            ids, first = np.unique(concepts[keep], return_index=True)
            if len(ids) >= top_n or n >= min(len(graph), _MAX_FOUND):
                return ids[np.lexsort((ids, -cosines[keep][first]))[:top_n]]
            n *= _NAMES_PER_CONCEPT

    def _search_sketch(
        self, vectors: Floats, mentions: Floats, top_n: int, types: Sequence[Types | None] | None
    ) -> list[NDArray[np.int64]]:
        """Return the rows of the nearest concepts, those of the names that are near in short."""
        from .sketch import Sketch

        if self._sketch is None:
            self._sketch = Sketch(vectors)
        masks = [self._mask(some) for some in types] if types else [None] * len(mentions)
        of_names = {id(mask): None if mask is None else mask[self._concepts] for mask in masks}
        found = []
        near = self._sketch.near(mentions, [of_names[id(mask)] for mask in masks])
        for mention, mask, names in zip(mentions, masks, near, strict=True):
            cosines = vectors[names] @ mention
            names, cosines = names[cosines > 0], cosines[cosines > 0]
            concepts = self._best_concepts(names, cosines, top_n)
            # Those names may all be a few concepts'.
            found.append(concepts if len(concepts) == top_n else self._nearest(vectors @ mention, top_n, mask))
        return found

    def _nearest(self, cosines: Floats, top_n: int, mask: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """Return the rows of the nearest concepts, given the cosines of all names."""
        if mask is not None:
            cosines = np.where(mask[self._concepts], cosines, np.float32(-1))
        highest = cosines.max()
        if highest <= 0:
            return np.empty(0, dtype=np.int64)
        # Comparing is much faster than sorting, and mostly enough names reach half of the best.
        for share in (0.6, 0.3, 0.0):
            names = np.flatnonzero(cosines > share * highest)
            concepts = self._best_concepts(names, cosines[names], top_n)
            if len(concepts) == top_n:
                break
        return concepts

    def _best_concepts(self, names: NDArray[np.int64], cosines: Floats, top_n: int) -> NDArray[np.int64]:
        """Return the rows of the best concepts that have some names, which ascend."""
        if not len(names):
            return names
        concepts = self._concepts[names]
        starts = np.flatnonzero(np.diff(concepts, prepend=-1))
        concepts, best = concepts[starts], np.maximum.reduceat(cosines, starts)
        return concepts[np.lexsort((concepts, -best))[:top_n]]

    def _mask(self, types: Types | None) -> NDArray[np.bool_] | None:
        """Return which concepts may have one of the types."""
        if types is None:
            return None
        if types not in self._masks:
            self._masks[types] = np.array([not own or not set(own).isdisjoint(types) for own in self._types])
        return self._masks[types]


def read_vectors(data: bytes, kb: KnowledgeBase, where: Path | str) -> Floats | None:
    """Read what :meth:`DenseIndex.to_bytes` returned; ``where`` names the source in messages.

    Returns:
        The vectors of the knowledge base's names; None where they are those of another one.

    Raises:
        ValueError: The data is damaged, or something else.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(data)
        mine = arrays["kb"].tobytes().decode("ascii") == kb.checksum
        return arrays["vectors"].astype(np.float32) if mine else None
    except (SafetensorError, KeyError, UnicodeDecodeError) as error:
        raise ValueError(Errors.B238.format(path=where, reason=error)) from error
