"""Where the spans of a group lie in the text, kept in the group's attributes.

The spans of a group do not notice when tokens are merged or split, and lie elsewhere then. Characters stay what they
are, and attributes live through `Doc.to_bytes`, `DocBin` and `nlp.pipe(n_process=…)`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from spacy.tokens import Span, SpanGroup

SPANS_KEY = "ner"
"""Where mentions stand in `doc.spans` if nothing else is said: those of gold data, and those that are predicted."""

STARTS, ENDS, LABELS = "starts", "ends", "labels"


class Places(NamedTuple):
    """Where spans begin and end in the text, in characters, and the hashes of their labels; sorted by place."""

    starts: list[int]
    ends: list[int]
    labels: list[int]

    @classmethod
    def of(cls, spans: Sequence[Span]) -> Places:
        """Look where spans lie now; they are sorted."""
        return cls([s.start_char for s in spans], [s.end_char for s in spans], [s.label for s in spans])

    @classmethod
    def in_group(cls, group: SpanGroup) -> Places:
        """Read where the spans of a group lay when it was written; its attributes have what `to_attrs` returned."""
        return cls(group.attrs[STARTS], group.attrs[ENDS], group.attrs[LABELS])

    def to_attrs(self) -> dict[str, Any]:
        """Return what a group keeps among its attributes."""
        return {STARTS: self.starts, ENDS: self.ends, LABELS: self.labels}

    def find(self, span: Span) -> Iterator[int]:
        """Yield the numbers of the spans that lie where another does, by binary search."""
        start, end = span.start_char, span.end_char
        for index in range(bisect_left(self.starts, start), bisect_right(self.starts, start)):
            if self.ends[index] == end:
                yield index
