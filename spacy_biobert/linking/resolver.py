"""From mentions to ranked concepts: looks mentions up, ranks, and decides how composite ones are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .candidates import CandidateFinder, Found, Query
from .concepts import Candidate
from .index import SCORE_DECIMALS
from .mentions import Mention
from .ranker import Ranker
from .ranker_model import probabilities

SPLIT_MARGIN = 0.05
"""How much more similar to names the parts of a composite mention have to be, each of them, than the whole."""


class Ranking(NamedTuple):
    """What a mention may mean.

    Attributes:
        parts: The ranked candidates of each of its parts; most mentions are one part.
        fits: For each part how sure it is that any candidate fits, 0 to 1.
    """

    parts: list[list[Candidate]]
    fits: list[float]


class Resolver:
    """Ranks concepts for mentions.

    Args:
        finder: Looks mentions up.
        ranker: Ranks what was found; None ranks by similarity of spelling.
    """

    def __init__(self, finder: CandidateFinder, ranker: Ranker | None) -> None:
        self.finder = finder
        self.ranker = ranker

    def rank(self, docs: Sequence[Sequence[Mention]], top_n: int) -> list[list[Ranking]]:
        """Rank the concepts of the mentions of docs, at most ``top_n`` for each part of each.

        A mention that comes again in the batch is looked up once.
        """
        queries = dict.fromkeys(mention.query for mentions in docs for mention in mentions)
        for mentions in docs:
            for mention in mentions:
                if mention.readings:
                    queries.update(dict.fromkeys(mention.queries))
        if not queries:
            return [[] for _ in docs]
        if self.ranker is None:
            by_spelling = self.finder.by_spelling(queries, top_n)
            similar = {query: found[0].score if found else 0.0 for query, found in by_spelling.items()}
            # Mentions that come again share one, for most do: what is made anew for each keeps the collector busy.
            whole = {query: _ranking([found]) for query, found in by_spelling.items()}
            return [
                [
                    _ranking([by_spelling[query] for query in chosen_parts(mention, similar)])
                    if mention.readings
                    else whole[mention.query]
                    for mention in mentions
                ]
                for mentions in docs
            ]
        found = self.finder.find(queries)
        similar = {query: some.similarity for query, some in found.items()}
        parts = [[(mention, chosen_parts(mention, similar)) for mention in mentions] for mentions in docs]
        return self._rank_by_model(self.ranker, parts, found, top_n)

    def _rank_by_model(
        self,
        ranker: Ranker,
        docs: list[list[tuple[Mention, tuple[Query, ...]]]],
        found: Mapping[Query, Found],
        top_n: int,
    ) -> list[list[Ranking]]:
        rows = []
        for mentions in docs:
            flat = [(mention, found[query]) for mention, parts in mentions for query in parts]
            rows += ranker.rows(flat, self.finder.facts)
        scores = iter(ranker.model.predict(rows) if rows else [])
        rankings: list[list[Ranking]] = []
        for mentions in docs:
            rankings.append([])
            for _, parts in mentions:
                ranked: list[list[Candidate]] = []
                fits: list[float] = []
                for query in parts:
                    shares = probabilities(next(scores))
                    candidates = found[query].candidates
                    best = np.argsort(-shares[:-1], kind="stable")[:top_n]
                    rounded = shares[best].round(SCORE_DECIMALS).tolist()
                    ranked.append(
                        [
                            Candidate(candidates[i].concept_id, share, candidates[i].name)
                            for i, share in zip(best.tolist(), rounded, strict=True)
                        ]
                    )
                    fits.append(1.0 - float(shares[-1]))
                rankings[-1].append(Ranking(ranked, fits))
        return rankings


def chosen_parts(mention: Mention, similar: Mapping[Query, float]) -> tuple[Query, ...]:
    """Choose how to read a mention: whole, or the way in which its least known part is known best.

    Args:
        mention: The mention.
        similar: The similarity of the most similar name, for each query.
    """
    if not mention.readings:
        return (mention.query,)
    best = max(mention.readings, key=lambda reading: min(similar[part] for part in reading))
    reached = min(similar[part] for part in best)
    return best if mention.forced or reached >= similar[mention.query] + SPLIT_MARGIN else (mention.query,)


def _ranking(parts: list[list[Candidate]]) -> Ranking:
    return Ranking(parts, [part[0].score if part else 0.0 for part in parts])
