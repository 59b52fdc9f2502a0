"""`span._.kb_ents`: the ranked concepts of a span, in the form that scispaCy's linker made known.

They are kept in the attributes of a span group of the doc, because those live through `Doc.to_bytes`, `DocBin` and
`nlp.pipe(n_process=…)`; the extension only reads them. And they are kept in three flat lists: a list for each concept
of each mention would set off Python's garbage collection again and again, which took longer than the linking.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from spacy.tokens import Doc, Span, SpanGroup

from ..corpora.concept_ids import split_concept_ids
from ..errors import Warnings
from ..span_places import Places

CANDIDATES_ATTR = "candidates"
"""The attribute of the span group: `IDS` and `SCORES` of all its spans' concepts, and where those of each span end.

Those of a span stand together, the best first; the spans follow one another in the order of the group.
"""

IDS, SCORES, ENDS = "ids", "scores", "ends"

RankedIds = list[tuple[str, float]]
RankedColumns = tuple[Sequence[str], Sequence[float]]
"""The ids of ranked concepts and their scores, the best first."""


class RankedConceptsGetter:
    """What `span._.kb_ents` calls: looks for the span in the groups that linkers have written.

    Args:
        keys: The span groups, in the order in which they are looked at.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.keys = keys

    def __call__(self, span: Span) -> RankedIds:
        """Return the ranked concepts of a span, from the group that its id is from, or else from the first with any.

        Where several linkers have linked it, one of them has set its id, and which has is theirs to say.
        """
        every = [ranked for key in self.keys if (ranked := get_candidates(span, key))]
        ids = set(split_concept_ids(span.kb_id_)) if len(every) > 1 else ()
        return next((ranked for ranked in every if any(one in ids for one, _ in ranked)), every[0] if every else [])


def get_candidates(span: Span, key: str) -> RankedIds:
    """Return the ranked concepts of a span.

    Args:
        span: An entity, or another span of its extent; where several spans of that extent were linked, the one with the
            same label counts.
        key: The span group, named after the linker unless its ``candidates_key`` says otherwise.

    Returns:
        Pairs of concept id and score, the best first; empty where the span was not linked or nothing is like it.
    """
    if key not in span.doc.spans:
        return []
    group = span.doc.spans[key]
    candidates = group.attrs.get(CANDIDATES_ATTR)
    if candidates is None:  # of others, or in a copy of a doc that drops attributes
        return []
    places = Places.in_group(group)
    found: RankedIds = []
    for index in places.find(span):
        if not found or places.labels[index] == span.label:
            found = _ranked_ids(candidates, index)
    return found


def set_candidates(doc: Doc, key: str, spans: Sequence[Span], ranked: Sequence[RankedColumns]) -> None:
    """Keep the ranked concepts of spans in a span group of their doc, replacing the group. The spans are sorted."""
    ids: list[str] = []
    scores: list[float] = []
    ends: list[int] = []
    ordered: list[Span] = []
    for span, (its_ids, its_scores) in sorted(zip(spans, ranked, strict=True), key=lambda pair: _bounds(pair[0])):
        ordered.append(span)
        ids += its_ids
        scores += its_scores
        ends.append(len(ids))
    attrs = {CANDIDATES_ATTR: {IDS: ids, SCORES: scores, ENDS: ends}, **Places.of(ordered).to_attrs()}
    doc.spans[key] = SpanGroup(doc, name=key, spans=ordered, attrs=attrs)


def register_extension(name: str, key: str) -> None:
    """Make `span._.<name>` read a span group, besides those that it reads already.

    Where another package has claimed the name it keeps it, and a warning says so: scispaCy's linker writes to
    `kb_ents` and would be met by an error.
    """
    if not Span.has_extension(name):
        Span.set_extension(name, getter=RankedConceptsGetter((key,)))
        return
    _, _, getter, _ = Span.get_extension(name)
    if not isinstance(getter, RankedConceptsGetter):
        warnings.warn(Warnings.W201.format(name=name, key=key), stacklevel=2)
    elif key not in getter.keys:
        Span.set_extension(name, getter=RankedConceptsGetter((*getter.keys, key)), force=True)


def _ranked_ids(candidates: dict[str, Any], index: int) -> RankedIds:
    """Return the ranked concepts of the span in one place of a group; empty where the group has none for it."""
    ends = candidates[ENDS]
    if index >= len(ends):
        return []
    here = slice(ends[index - 1] if index else 0, ends[index])
    return list(zip(candidates[IDS][here], candidates[SCORES][here], strict=True))


def _bounds(span: Span) -> tuple[int, int]:
    return span.start, span.end
