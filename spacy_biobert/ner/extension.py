"""``span._.score``: a getter on the scores that are kept in span groups."""

from __future__ import annotations

import warnings
from bisect import bisect_left, bisect_right

from spacy.tokens import Span, SpanGroup

from ..errors import Warnings

EXTENSION = "score"
# Keys of the attrs of a span group that this room has written. Its spans are sorted by their start and end.
SCORES = "scores"
ANNOTATOR = "annotator"
STARTS, ENDS, LABELS = "starts", "ends", "labels"
"""Where the spans begin and end in the text, in characters, and the hashes of their labels. Merging tokens leaves
these as they are; the spans of a group do not notice it, and then lie elsewhere."""


def get_score(span: Span) -> float | None:
    """Look up the score under which a span was predicted.

    Each look-up is a binary search in the doc's scored groups, so nothing is cached that could go stale. Places are
    compared in characters: tokens may have been merged or split since.

    Args:
        span: An entity or any other span.

    Returns:
        The score of the mention with the same text and label in one of the doc's groups of scored mentions, or None
        if there is none, as for an entity that a rule has set.
    """
    start, end, label = span.start_char, span.end_char, span.label
    for group in span.doc.spans.values():
        if ANNOTATOR not in group.attrs:
            continue
        starts, ends, labels = _places(group)
        scores = group.attrs.get(SCORES, ())
        for index in range(bisect_left(starts, start), min(bisect_right(starts, start), len(scores))):
            if ends[index] == end and labels[index] == label:
                return float(scores[index])
    return None


def _places(group: SpanGroup) -> tuple[list[int], list[int], list[int]]:
    """Return where the spans of a group begin and end, in characters, and the hashes of their labels."""
    attrs = group.attrs
    if STARTS in attrs:
        return attrs[STARTS], attrs[ENDS], attrs[LABELS]
    # A doc that an earlier version has annotated and stored.
    return [s.start_char for s in group], [s.end_char for s in group], [s.label for s in group]


def install_extension() -> None:
    """Register ``span._.score``, once. If another package has taken that name, warn and leave it alone."""
    if not Span.has_extension(EXTENSION):
        Span.set_extension(EXTENSION, getter=get_score)
    elif Span.get_extension(EXTENSION)[2] is not get_score:
        warnings.warn(Warnings.W101.format(extension=EXTENSION), stacklevel=3)
