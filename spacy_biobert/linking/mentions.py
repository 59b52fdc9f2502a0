"""What a doc asks of a linker: its mentions, written out, as one concept's and as several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc, Span

from .abbreviations import Abbreviations, expand
from .candidates import Query
from .composites import composite_readings
from .context import Surroundings
from .routing import Types


@dataclass(frozen=True, slots=True)
class Mention:
    """What to look up for a mention.

    Attributes:
        query: The whole mention.
        readings: Ways to read it as several mentions, a query for each part; none where it is not to be split.
        forced: Whether it is known to name several concepts, so that a reading is taken however well the whole fits.
        label: Its label, "" where it has none.
        surroundings: The document that it stands in; None where that is not known.
        vector: What an encoder makes of it in that document, (width,); None where that is not known, or not asked for.
    """

    query: Query
    readings: tuple[tuple[Query, ...], ...] = ()
    forced: bool = False
    label: str = ""
    surroundings: Surroundings | None = None
    vector: NDArray[np.float32] | None = field(default=None, compare=False)

    @property
    def queries(self) -> Iterator[Query]:
        """All that there is to look up."""
        yield self.query
        for reading in self.readings:
            yield from reading


GoldMention = tuple[Mention, tuple[str, ...]]
"""A mention and its gold ids, with all that mean the same."""


def mentions_of(doc: Doc, spans_key: str | None) -> list[Span]:
    """Return the mentions of a doc: its entities, or the spans of a group."""
    if spans_key is None:
        return list(doc.ents)
    return list(doc.spans[spans_key]) if spans_key in doc.spans else []


def read_mentions(
    doc: Doc,
    spans: Sequence[Span],
    *,
    expand_abbreviations: bool,
    split_composites: bool,
    types: Callable[[str], Types | None],
    n_parts: Sequence[int] | None = None,
    vectors: Sequence[NDArray[np.float32] | None] | None = None,
) -> list[Mention]:
    """Return what to look up for the mentions of a doc.

    Args:
        doc: The doc, whose text defines abbreviations.
        spans: The mentions.
        expand_abbreviations: Whether to write abbreviations out that the text defines. What an abbreviation detector
            has set as ``span._.long_form`` counts in any case.
        split_composites: Whether to read "breast and ovarian cancer" also as two mentions.
        types: Gives the semantic types that concepts of a label may have.
        n_parts: How many concepts each mention names, where that is known: then, and only then, it is split.
        vectors: Their contextual vectors, where they are asked for.
    """
    if not spans:
        return []
    # One pass over the tokens of the doc makes all texts; it costs less than one pass over those of each span, twice.
    whole = doc.text
    abbreviations = Abbreviations(whole) if expand_abbreviations else None
    surroundings = Surroundings(whole)
    detected = Span.has_extension("long_form")
    mentions = []
    for i, span in enumerate(spans):
        text = whole[span.start_char : span.end_char]
        # Set by an abbreviation detector: a span or a text, None where the mention is no abbreviation.
        long_form = span._.long_form if detected else None
        if long_form is not None:
            written_out = str(long_form)
        else:
            written_out = expand(text, abbreviations.at(span.start_char)) if abbreviations else text
        allowed = types(span.label_)
        query = Query(written_out, None if written_out == text else text, allowed)
        parts: tuple[tuple[Query, ...], ...] = ()
        if split_composites or n_parts:
            readings = composite_readings(written_out)
            if n_parts:
                readings = [reading for reading in readings if 1 < n_parts[i] == len(reading)]
            parts = tuple(tuple(Query(part, None, allowed) for part in reading) for reading in readings)
        vector = vectors[i] if vectors is not None else None
        mentions.append(Mention(query, parts, n_parts is not None, span.label_, surroundings, vector))
    return mentions
