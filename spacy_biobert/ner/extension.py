"""``span._.score``: a getter on the scores that are kept in span groups."""

from __future__ import annotations

import warnings

from spacy.tokens import Doc, Span, SpanGroup

from ..errors import Warnings
from ..span_places import Places

EXTENSION = "score"
# Keys of the attrs of a span group that this component has written. Its spans are sorted by their start and end.
SCORES = "scores"
ANNOTATOR = "annotator"
RANK = "rank"
"""Which group's score counts where several have a mention: that of the lowest rank. Whoever replaces entities that were
there comes before all, whoever leaves them alone after all."""


def get_score(span: Span) -> float | None:
    """Look up the score under which a span was predicted.

    Each look-up is a binary search in the doc's scored groups, so nothing is cached that could go stale. Places are
    compared in characters: tokens may have been merged or split since. A copy that drops the attributes of groups, as
    spaCy's ``Doc.from_docs`` and ``Span.as_doc`` do, has no scores.

    Args:
        span: An entity or any other span.

    Returns:
        The score of the mention with the same text and label in one of the doc's groups of scored mentions, or None
        if there is none, as for an entity that a rule has set.
    """
    for group in scored_groups(span.doc):
        places = Places.in_group(group)
        scores = group.attrs.get(SCORES, ())
        for index in places.find(span):
            if places.labels[index] == span.label and index < len(scores):
                return float(scores[index])
    return None


def scored_groups(doc: Doc) -> list[SpanGroup]:
    """Return the groups of scored mentions of a doc, the first whose score counts first."""
    groups = [group for group in doc.spans.values() if ANNOTATOR in group.attrs]
    return sorted(groups, key=lambda group: group.attrs.get(RANK, 0))


def install_extension() -> None:
    """Register ``span._.score``, once. If another package has taken that name, warn and leave it alone."""
    if not Span.has_extension(EXTENSION):
        Span.set_extension(EXTENSION, getter=get_score)
    elif Span.get_extension(EXTENSION)[2] is not get_score:
        warnings.warn(Warnings.W101.format(extension=EXTENSION), stacklevel=3)
