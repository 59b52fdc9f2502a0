"""The ranker: a network, and what training data has told of concepts, labels, words and contexts.

It ranks the candidates of a mention, and says how sure it is that any of them fits.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import Errors
from .candidates import Found
from .context import ConceptFacts, ContextCounts, count_types
from .context_vectors import ContextVectors
from .ranker_model import COLUMNS, Floats, RankerModel, build_ranker

if TYPE_CHECKING:
    from .mentions import GoldMention, Mention

_FREQUENCY, _COHERENCE, _TYPE_FIT, _SURROUNDINGS, _NIL, _NIL_SIMILARITY, _NIL_COSINE = map(
    COLUMNS.index, ("frequency", "coherence", "type_fit", "surroundings", "nil", "nil_similarity", "nil_cosine")
)

_TEXTS = ("counts", "context", "columns", "context_vectors")
"""What a stored ranker holds besides arrays, as JSON."""

_DOCUMENTS = "documents"
"""The array of what stands for the documents that were counted."""


class Ranker:
    """Turns candidates into rows of numbers, and these into scores.

    Args:
        model: The network.
        counts: How often the training data links to each concept.
        context: What it says of labels and words.
        context_vectors: What stands around the mentions of each concept.
        documents: What stands for each document that was counted, see :func:`document_key`.
    """

    def __init__(
        self,
        model: RankerModel | None = None,
        counts: ConceptCounts | None = None,
        context: ContextCounts | None = None,
        context_vectors: ContextVectors | None = None,
        documents: Iterable[int] = (),
    ) -> None:
        self.model = model or build_ranker()
        self.counts = counts or ConceptCounts()
        self.context = context or ContextCounts()
        self.context_vectors = context_vectors if context_vectors is not None else ContextVectors()
        self._documents = set(documents)

    def count(self, docs: Iterable[Sequence[GoldMention]], facts: ConceptFacts) -> None:
        """Count what the mentions of the training data link to; `facts` tells of these concepts.

        A document that comes again, as a corpus does that is repeated to have its share, counts once: what it says
        could not be left out otherwise when it is learned from.
        """
        for mentions in docs:
            key = document_key(mentions)
            if key is not None:
                if key in self._documents:
                    continue
                self._documents.add(key)
            self.counts.add(count_ids(mentions))
            self.context.add(mentions, facts)
            self.context_vectors.put(mentions, facts.kb)

    def rows(
        self,
        mentions: Sequence[tuple[Mention, Found]],
        facts: ConceptFacts,
        *,
        counted: Sequence[GoldMention] = (),
    ) -> list[Floats]:
        """Return what the network reads of the mentions of a doc.

        Args:
            mentions: All mentions of the doc, with what was found for each: they are one another's context.
            facts: What the knowledge base knows of concepts.
            counted: In training, the gold mentions of this doc. If :meth:`count` was given them, they are left out of
                all counts: of a doc to come the ranker will not know the answers.

        Returns:
            For each mention a row for each candidate, and one for NIL: (n_candidates + 1, n_columns).
        """
        if not self._has_counted(counted):
            counted = ()
        ids_left_out = count_ids(counted)
        types_left_out = count_types(counted, facts)
        vectors_left_out = self.context_vectors.share_of(counted)
        spelled = [{one.concept_id for one in found.candidates if one.score == 1.0} for _, found in mentions]
        n_spelled = Counter(chain.from_iterable(spelled))
        rows = []
        for (mention, found), own in zip(mentions, spelled, strict=True):
            ids = found.ids
            n_found, n_features = found.features.shape
            some = np.zeros((n_found + 1, len(COLUMNS)), np.float32)
            some[:-1, :n_features] = found.features
            some[:-1, _FREQUENCY : _FREQUENCY + 2] = self.counts.columns(ids, ids_left_out)
            if n_spelled:
                some[:-1, _COHERENCE] = np.log1p([n_spelled.get(one, 0) - (one in own) for one in ids])
            some[:-1, _TYPE_FIT : _TYPE_FIT + 2] = self.context.columns(mention, ids, facts, types_left_out)
            surroundings = self.context_vectors.column(mention, ids, vectors_left_out)
            if surroundings is not None:
                some[:-1, _SURROUNDINGS] = surroundings
            some[-1, _NIL] = 1.0
            if n_found:
                some[-1, _NIL_SIMILARITY] = found.features[:, COLUMNS.index("similarity")].max()
                some[-1, _NIL_COSINE] = found.features[:, COLUMNS.index("cosine")].max()
            rows.append(some)
        return rows

    def _has_counted(self, mentions: Sequence[GoldMention]) -> bool:
        key = document_key(mentions)
        return key is None or key in self._documents

    def to_bytes(self) -> bytes:
        """Return network, counts and vectors as safetensors, with the names of the network's columns."""
        from safetensors.numpy import save

        arrays = {name: np.ascontiguousarray(self.model.get_param(name)) for name in self.model.param_names}
        arrays[_DOCUMENTS] = np.array(sorted(self._documents), np.uint64)
        texts: dict[str, Any] = {
            "counts": self.counts.counts,
            "context": self.context.to_dict(),
            "columns": COLUMNS,
        }
        more, values = self.context_vectors.to_arrays()
        if more:
            arrays |= more
            texts["context_vectors"] = values
        for name, value in texts.items():
            arrays[name] = np.frombuffer(json.dumps(value, sort_keys=True).encode("utf8"), dtype=np.uint8)
        return bytes(save(arrays))

    @classmethod
    def from_bytes(cls, data: bytes, where: Path | str) -> Ranker:
        """Read what :meth:`to_bytes` returned; ``where`` names the source in messages.

        Raises:
            ValueError: The data is damaged, or of a version with other columns.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            arrays: dict[str, Any] = load(data)
            texts = {name: json.loads(arrays[name].tobytes()) for name in _TEXTS if name in arrays}
            if (columns := texts["columns"]) != list(COLUMNS):
                reason = f"it has the columns {', '.join(columns)}; expected {', '.join(COLUMNS)}"
                raise ValueError(Errors.B238.format(path=where, reason=reason))
            model = build_ranker(len(arrays["outer"]))
            for name in model.param_names:
                expected = model.get_param(name).shape
                if arrays[name].shape != expected:
                    reason = f"{name} has the shape {arrays[name].shape}, expected {expected}"
                    raise ValueError(Errors.B238.format(path=where, reason=reason))
                model.set_param(name, arrays[name])
            vectors = ContextVectors.from_arrays(arrays, texts.get("context_vectors", {}), where)
            context, documents = ContextCounts.from_dict(texts["context"]), arrays[_DOCUMENTS].tolist()
            return cls(model, ConceptCounts(texts["counts"]), context, vectors, documents)
        except (SafetensorError, KeyError) as error:
            raise ValueError(Errors.B238.format(path=where, reason=error)) from error


class ConceptCounts:
    """How often the mentions of the training data link to each concept.

    Args:
        counts: By id.
    """

    def __init__(self, counts: Mapping[str, int] | None = None) -> None:
        self.counts: Counter[str] = Counter(counts or {})

    def add(self, ids: Iterable[str]) -> None:
        """Count concepts once more."""
        self.counts.update(ids)

    def columns(self, ids: Sequence[str], left_out: Mapping[str, int]) -> Floats:
        """Return "frequency" and "seen" of concepts, without the counts of the document that is being learned from.

        Args:
            ids: Of the concepts.
            left_out: What the document adds to the counts.

        Returns:
            An array of shape (n_ids, 2).
        """
        counts = np.array([self.counts.get(identifier, 0) for identifier in ids], np.float32)
        if left_out:
            counts -= [left_out.get(identifier, 0) for identifier in ids]
        return np.stack([np.log1p(counts.clip(min=0)), counts > 0], axis=1)


def count_ids(mentions: Iterable[GoldMention]) -> Counter[str]:
    """Count the ids of gold mentions."""
    return Counter(identifier for _, ids in mentions for identifier in ids)


def document_key(mentions: Sequence[GoldMention]) -> int | None:
    """Return what stands for a document and the labels annotated in it; None where its text is not known.

    Case does not count, for spaCy's augmenters change it each time that a corpus is read.
    """
    surroundings = mentions[0][0].surroundings if mentions else None
    if surroundings is None:
        return None
    labels = sorted({mention.label for mention, _ in mentions})
    digest = hashlib.blake2b("\0".join([surroundings.text.casefold(), *labels]).encode("utf8"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
