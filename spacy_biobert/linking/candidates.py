"""Mentions to candidates: every way to look a mention up, and what the ranker is told of each concept found.

A mention is looked up written out, and as it stands; by spelling, and by vectors where there is a :class:`.DenseIndex`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import log1p
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .concepts import Candidate
from .context import ConceptFacts
from .index import SCORE_DECIMALS
from .recent import Recent
from .routing import Types

if TYPE_CHECKING:
    # Importing a knowledge base takes time, and spaCy imports the component for every pipeline.
    from .dense import DenseIndex, Nearness
    from .kb import KnowledgeBase

Floats = NDArray[np.float32]

SHORT_FORM_WEIGHT = 0.95
"""What a concept found by an abbreviation counts, beside those found by what it stands for."""

DEPTH = 20
"""Concepts that each way of looking up adds to what is ranked."""

MAX_RECENT = 5_000
"""Queries whose candidates are kept, in some 30 MB: what a text mentions, others mention, too."""

FEATURES = (
    "similarity",  # of spelling: that of the most similar name
    "exact",  # a name differs in form only
    "similarity_gap",  # by how much the most similar concept is more so
    "exact_canonical",  # the name that differs in form only is the canonical one
    "verbatim",  # a name is the mention letter by letter, case aside
    "short_form",  # similarity of the abbreviation itself
    "cosine",  # of vectors: that of the nearest name
    "cosine_gap",
    "cosine_three",  # the mean of those of the three nearest names
    "cosine_canonical",  # that of the canonical name
    "n_names",  # the logarithm of their number
)
"""What is said of a candidate by itself; :mod:`.ranker` adds what the training data and the document say."""

_SPELLED = ("similarity", "exact", "similarity_gap", "exact_canonical", "verbatim", "short_form", "n_names")
_OF_SPELLING = [FEATURES.index(name) for name in _SPELLED]
"""The columns that hold for every concept, whether there are vectors or not."""

_OF_VECTORS = slice(FEATURES.index("cosine"), FEATURES.index("n_names"))


class Query(NamedTuple):
    """What to look up for a mention.

    Attributes:
        text: The mention, abbreviations written out.
        short: The mention as it stands; None where that is the same.
        types: Semantic types that its concept may have; None for all.
    """

    text: str
    short: str | None
    types: Types | None


class Found(NamedTuple):
    """What was found for a query.

    Attributes:
        candidates: Concepts, those found by spelling first; the score is that similarity.
        features: What `FEATURES` names, of each candidate, (n_candidates, n_features).
    """

    candidates: list[Candidate]
    features: Floats

    @property
    def ids(self) -> list[str]:
        """The candidates' ids."""
        return [candidate.concept_id for candidate in self.candidates]

    @property
    def similarity(self) -> float:
        """Similarity of spelling of the most similar concept, 0 where nothing is."""
        return max((candidate.score for candidate in self.candidates), default=0.0)


class CandidateFinder:
    """Finds candidates in a knowledge base.

    Args:
        kb: The knowledge base.
        dense: Vectors of its names, or None.
    """

    def __init__(self, kb: KnowledgeBase, dense: DenseIndex | None = None) -> None:
        self.kb = kb
        self.dense = dense
        self.facts = ConceptFacts(kb)
        self._spelled: dict[int, Recent[Query, list[Candidate]]] = {}
        self._found: Recent[Query, Found] = Recent(MAX_RECENT)

    def by_spelling(self, queries: Collection[Query], top_n: int) -> dict[Query, list[Candidate]]:
        """Return the concepts with the most similar names, at most ``top_n`` for each query.

        Those found by a short form count `SHORT_FORM_WEIGHT` of their similarity.
        """

        def look_up(new: Sequence[Query]) -> list[list[Candidate]]:
            return [_merge(full, short, top_n) if short else full for full, short in self._look_up(new, top_n)]

        return self._spelled.setdefault(top_n, Recent(MAX_RECENT)).look_up(queries, look_up)

    def find(self, queries: Collection[Query]) -> dict[Query, Found]:
        """Return the candidates of each query, with their features. What one gets does not depend on the others."""
        return self._found.look_up(queries, self._find)

    def _find(self, queries: Sequence[Query]) -> list[Found]:
        looked_up = self._look_up(queries, DEPTH)
        if self.dense is None:
            return [self._describe(query, *found, (), None) for query, found in zip(queries, looked_up, strict=True)]
        vectors = self.dense.encode([query.text for query in queries])
        # Where a name differs in form only, spelling has found what there is to be found.
        unsure = [i for i, (full, _) in enumerate(looked_up) if not full or full[0].score < 1]
        types = [queries[i].types for i in unsure]
        near = dict(zip(unsure, self.dense.search(vectors[unsure], DEPTH, types=types), strict=True))
        return [
            self._describe(query, *found, near[i].tolist() if i in near else (), vectors[i])
            for i, (query, found) in enumerate(zip(queries, looked_up, strict=True))
        ]

    def _look_up(self, queries: Sequence[Query], top_n: int) -> list[tuple[list[Candidate], list[Candidate]]]:
        """Look up both forms of each query by spelling, all in one batch."""
        if not queries:
            return []
        shorts = [query for query in queries if query.short is not None]
        forms = [query.text for query in queries] + [query.short or "" for query in shorts]
        types = [query.types for query in (*queries, *shorts)]
        found = self.kb.candidates(forms, top_n=top_n, types=types)
        of_shorts = iter(found[len(queries) :])
        return [
            (full, next(of_shorts) if query.short is not None else [])
            for query, full in zip(queries, found, strict=False)
        ]

    def _describe(
        self,
        query: Query,
        full: list[Candidate],
        short: list[Candidate],
        near: Sequence[int],
        vector: Floats | None,
    ) -> Found:
        candidates = _merge(full, short, len(full) + len(short))
        nearness: Nearness | None = None
        if self.dense is not None and vector is not None:
            known = [self.dense.rows[candidate.concept_id] for candidate in candidates]
            is_known = set(known)
            new = [row for row in near if row not in is_known]
            if known or new:
                nearness = self.dense.describe(vector, [*known, *new])
                candidates += [
                    Candidate(self.dense.concept_ids[row], 0.0, name)
                    for row, name in zip(new, nearness.names[len(known) :], strict=True)
                ]
        if not candidates:
            return Found([], np.zeros((0, len(FEATURES)), np.float32))
        by_full = {candidate.concept_id: candidate for candidate in full}
        by_short = {candidate.concept_id: candidate.score for candidate in short}
        most_similar = full[0].score if full else 0.0
        text = query.text.casefold()
        of_spelling = []
        canonical = self._canonical([identifier for identifier, _, _ in candidates])
        for (identifier, _, name), (name_of_concept, n_names) in zip(candidates, canonical, strict=True):
            similarity = by_full[identifier].score if identifier in by_full else 0.0
            exact = similarity == 1.0
            of_spelling.append(
                (  # in the order of `_SPELLED`
                    similarity,
                    exact,
                    similarity - most_similar,
                    exact and name == name_of_concept,
                    name.casefold() == text,
                    by_short.get(identifier, similarity if query.short is None else 0.0),
                    log1p(n_names),
                )
            )
        features = np.zeros((len(candidates), len(FEATURES)), np.float32)
        features[:, _OF_SPELLING] = of_spelling
        if nearness is not None:
            best, of_three, of_canonical, _ = nearness
            features[:, _OF_VECTORS] = np.stack([best, best - best.max(), of_three, of_canonical], axis=1)
        return Found(candidates, features)

    def _canonical(self, identifiers: Sequence[str]) -> list[tuple[str, int]]:
        """Return the canonical name of each concept, and how many names it has."""
        if self.dense is not None:
            return [self.dense.canonical(self.dense.rows[identifier]) for identifier in identifiers]
        return [(known.name, known.n_names) for known in self.facts.each(identifiers)]


def _merge(full: Sequence[Candidate], short: Sequence[Candidate], top_n: int) -> list[Candidate]:
    """Merge the concepts found by a mention's full form and by its short form."""
    merged = {candidate.concept_id: candidate for candidate in full}
    for identifier, score, name in short:
        weighted = round(SHORT_FORM_WEIGHT * score, SCORE_DECIMALS)
        if identifier not in merged or merged[identifier].score < weighted:
            merged[identifier] = Candidate(identifier, weighted, name)
    return sorted(merged.values(), key=lambda candidate: -candidate.score)[:top_n]
