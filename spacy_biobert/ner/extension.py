"""``span._.score``: a getter on the scores that are kept in span groups."""

from __future__ import annotations

import warnings
from bisect import bisect_left

from spacy.tokens import Span

from ..errors import Warnings

EXTENSION = "score"
# Keys of the attrs of a span group that this room has written. Its spans are sorted by their start and end.
SCORES = "scores"
ANNOTATOR = "annotator"


def get_score(span: Span) -> float | None:
    """Look up the score under which a span was predicted.

    Each look-up is a binary search in the doc's scored groups, so nothing is cached that could go stale.

    Args:
        span: An entity or any other span.

    Returns:
        The score of the mention with the same tokens and label in one of the doc's groups of scored mentions, or None
        if there is none, as for an entity that a rule has set.
    """
    bounds = (span.start, span.end)
    for group in span.doc.spans.values():
        if ANNOTATOR not in group.attrs:
            continue
        scores = group.attrs.get(SCORES, ())
        for index in range(bisect_left(group, bounds, key=_bounds), min(len(group), len(scores))):
            mention = group[index]
            if _bounds(mention) != bounds:
                break
            if mention.label == span.label:
                return float(scores[index])
    return None


def install_extension() -> None:
    """Register ``span._.score``, once. If another package has taken that name, warn and leave it alone."""
    if not Span.has_extension(EXTENSION):
        Span.set_extension(EXTENSION, getter=get_score)
    elif Span.get_extension(EXTENSION)[2] is not get_score:
        warnings.warn(Warnings.W101.format(extension=EXTENSION), stacklevel=3)


def _bounds(span: Span) -> tuple[int, int]:
    return span.start, span.end
