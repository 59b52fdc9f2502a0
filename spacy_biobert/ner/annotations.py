"""Mentions -> annotations of a doc."""

from __future__ import annotations

import warnings

import numpy as np
from spacy.tokens import Doc, Span, SpanGroup

from ..errors import Warnings
from ..span_places import Places
from .clashes import best_subset
from .extension import ANNOTATOR, RANK, SCORES, scored_groups
from .mentions import Mentions


def annotate(
    doc: Doc,
    mentions: Mentions,
    label_hashes: list[int],
    *,
    spans_key: str,
    annotator: str,
    overwrite: bool,
    clash: str,
) -> None:
    """Write a doc's mentions into its span group, with their scores, and into ``doc.ents``.

    Args:
        doc: The doc to change.
        mentions: Its mentions, sorted. Where they overlap, ``doc.ents`` gets the best ones.
        label_hashes: The hash of each label, by its index.
        spans_key: The span group to replace.
        annotator: The component's name. What it has annotated before is replaced.
        overwrite: Whether to replace entities and blocked tokens that others have set in ``doc.ents``, or to keep them
            and leave out the mentions that overlap them.
        clash: Which of the mentions that overlap are the best, see :func:`best_subset`.
    """
    before = doc.spans.get(spans_key)
    other = before.attrs.get(ANNOTATOR, annotator) if before is not None else annotator
    if other != annotator:
        warnings.warn(Warnings.W102.format(name=annotator, spans_key=spans_key, other=other), stacklevel=3)
    bounds = zip(mentions.starts.tolist(), mentions.ends.tolist(), mentions.labels.tolist(), strict=True)
    spans = [Span(doc, start, end, label=label_hashes[label]) for start, end, label in bounds]
    kept: list[Span] = []
    blocked: list[Span] = []
    if not overwrite and doc.has_annotation("ENT_IOB"):
        kept, blocked = _others(doc, before, annotator)
    taken = np.zeros(len(doc) + 1, dtype=np.int64)
    for span in kept + blocked:
        taken[span.start + 1 : span.end + 1] = 1
    n_taken = taken.cumsum()
    free = np.flatnonzero(n_taken[mentions.ends] == n_taken[mentions.starts])
    chosen = free[best_subset(mentions.select(free), clash)]
    doc.set_ents(kept + [spans[i] for i in chosen.tolist()], blocked=blocked)
    ranks = [other.attrs.get(RANK, 0) for other in scored_groups(doc) if other.name != spans_key]
    attrs = {
        SCORES: mentions.scores.tolist(),
        ANNOTATOR: annotator,
        RANK: (ranks[0] - 1 if overwrite else ranks[-1] + 1) if ranks else 0,
        **Places.of(spans).to_attrs(),
    }
    doc.spans[spans_key] = SpanGroup(doc, name=spans_key, attrs=attrs, spans=spans)


def _others(doc: Doc, group: SpanGroup | None, annotator: str) -> tuple[list[Span], list[Span]]:
    """Tell the entities and blocked tokens that others have set from what the annotator itself has set before."""
    own = set()
    if group is not None and group.attrs.get(ANNOTATOR) == annotator:
        own = set(zip(*Places.in_group(group), strict=True))
    kept = [ent for ent in doc.ents if (ent.start_char, ent.end_char, ent.label) not in own]
    codes, types = doc.to_array(["ENT_IOB", "ENT_TYPE"]).T
    blocked = np.flatnonzero((codes == 3) & (types == 0))
    return kept, [doc[i : i + 1] for i in blocked.tolist()]
