"""Rankings -> annotations of docs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spacy.tokens import Doc, Span

from ..corpora.concept_ids import join_concept_ids
from ..identifiers import NIL
from .extension import RankedColumns, refuse_group_of_others, set_candidates
from .routing import is_routed

if TYPE_CHECKING:
    from .resolver import Ranking


def annotate(
    docs: Sequence[Doc],
    mentions: Sequence[Sequence[Span]],
    rankings: Sequence[Sequence[Ranking]],
    *,
    annotator: str,
    candidates_key: str,
    settings: Mapping[str, Any],
) -> None:
    """Write ids and ranked concepts into docs.

    Args:
        docs: The docs to change.
        mentions: Of each doc the mentions that are linked, see :meth:`.MentionReader.mentions`.
        rankings: What each of them may mean. Mentions that come again may share one.
        annotator: The component's name.
        candidates_key: The span group that keeps the ranked concepts.
        settings: The component's, see :class:`.LinkerSettings`.

    Raises:
        ValueError: Another component keeps something in that group, which would be lost.
    """
    top_n, threshold = settings["top_n"], settings["threshold"]
    # By identity: what is made of a ranking that several mentions share is made once.
    known: dict[int, tuple[str, RankedColumns]] = {}
    for doc, spans, of_doc in zip(docs, mentions, rankings, strict=True):
        refuse_group_of_others(doc, candidates_key, annotator)
        ranked = []
        for span, ranking in zip(spans, of_doc, strict=True):
            if id(ranking) not in known:
                ids = join_concept_ids(best_ids(ranking, threshold))
                known[id(ranking)] = ids, _ranked_columns(ranking, top_n)
            ids, columns = known[id(ranking)]
            ranked.append(columns)
            if settings["overwrite"] or span.kb_id_ in ("", NIL):
                # The doc's strings: a linker that was sourced from another pipeline has others.
                span.kb_id = doc.vocab.strings.add(ids)
        _write_ids(doc, spans, spans_key=settings["spans_key"], labels=settings["labels"])
        set_candidates(doc, candidates_key, spans, ranked)


def best_ids(ranking: Ranking, threshold: float) -> list[str]:
    """Return the ids that a mention gets: the best of each of its parts, each once; "NIL" where nothing fits.

    Args:
        ranking: What it may mean.
        threshold: How sure it has to be that a concept fits.
    """
    parts = zip(ranking.parts, ranking.fits, strict=True)
    best = [part[0].concept_id for part, fit in parts if part and fit >= threshold]
    return list(dict.fromkeys(best)) or [NIL]


def _write_ids(doc: Doc, spans: Sequence[Span], *, spans_key: str | None, labels: Sequence[str] | None) -> None:
    """Write the ids of mentions to where these came from."""
    if spans_key is None:
        # Through the tokens: setting `doc.ents` anew would touch tokens whose annotation is missing.
        for span in spans:
            for token in span:
                token.ent_kb_id = span.kb_id
    elif spans_key in doc.spans:
        group = doc.spans[spans_key]
        places = [i for i, span in enumerate(group) if is_routed(span.label_, labels)]
        for place, span in zip(places, spans, strict=True):
            group[place] = span


def _ranked_columns(ranking: Ranking, top_n: int) -> RankedColumns:
    """Return ids and scores: the best concept of each part, in their order, then the others by score."""
    if len(ranking.parts) == 1:
        # Ranked already, and each concept is there once.
        (part,) = ranking.parts
        return [candidate.concept_id for candidate in part], [candidate.score for candidate in part]
    first = [part[0] for part in ranking.parts if part]
    others = sorted((candidate for part in ranking.parts for candidate in part[1:]), key=lambda one: -one.score)
    scores: dict[str, float] = {}
    for candidate in (*first, *others):
        scores.setdefault(candidate.concept_id, candidate.score)
    return list(scores)[:top_n], list(scores.values())[:top_n]
