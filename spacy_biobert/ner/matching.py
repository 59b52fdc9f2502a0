"""Predicted and gold mentions of an example, where they can be compared.

Pipelines tokenize raw text as they do, and corpora as they did: mentions are compared by characters, never by tokens.
Where the two texts differ in spaces, characters other than whitespace are counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from spacy.tokens import Doc, Span
from spacy.training import Example

from ..corpora.annotated_labels import get_annotated_labels


class Place(NamedTuple):
    """A mention's label, first character and the character after its last, in an example's shared coordinates."""

    label: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Matching:
    """What was to be found in a doc, and what was.

    Attributes:
        gold: The gold mentions. Equal mentions count once.
        found: The predicted ones that can be judged.
        text: The reference's text.
    """

    gold: dict[Place, Span]
    found: dict[Place, Span]
    text: str
    letters: tuple[int, ...] | None = None
    """Where each character other than whitespace stands in the text, if these are what places count."""

    def characters(self, place: Place) -> tuple[int, int]:
        """Give the offsets in :attr:`text` of a place's first character and of the one after its last."""
        if self.letters is None:
            return place.start, place.end
        return self.letters[place.start], self.letters[place.end - 1] + 1


def match(example: Example, *, spans_key: str | None = None) -> Matching | None:
    """Put an example's gold mentions and the predicted ones side by side.

    A prediction is right if it is one of the gold mentions: same label, same characters. On gold tokens this is
    conlleval's rule. Left out of account are predictions, other than right ones, on tokens whose annotation is missing,
    and all mentions with a label that the reference's annotators have not looked for.

    Args:
        example: The predicted doc and the reference.
        spans_key: Take the mentions of ``doc.spans[spans_key]``, which may overlap, in place of ``doc.ents``. The
            reference's group is complete: none of its annotation is missing.

    Returns:
        The mentions, or None where the reference has no such annotation.
    """
    predicted, reference = example.predicted, example.reference
    if spans_key is None:
        if not reference.has_annotation("ENT_IOB"):
            return None
        predicted_spans, gold_spans = predicted.ents, reference.ents
    else:
        if spans_key not in reference.spans:
            return None
        predicted_spans, gold_spans = predicted.spans.get(spans_key, ()), reference.spans[spans_key]
    offsets, gold_offsets, letters = None, None, None
    if predicted.text != reference.text:
        offsets, gold_offsets = _letters_before(predicted.text), _letters_before(reference.text)
        letters = tuple(i for i, char in enumerate(reference.text) if not char.isspace())
    looked_for = get_annotated_labels(reference)
    gold = _places(gold_spans, gold_offsets, looked_for)
    found = _places(predicted_spans, offsets, looked_for)
    if spans_key is None:
        for place in _unjudged(found.keys() - gold.keys(), reference, gold_offsets):
            del found[place]
    return Matching(gold, found, reference.text, letters)


def _letters_before(text: str) -> list[int]:
    """Number of characters other than whitespace before each offset."""
    return list(accumulate((not char.isspace() for char in text), initial=0))


def _places(spans: Iterable[Span], offsets: list[int] | None, labels: frozenset[str] | None) -> dict[Place, Span]:
    places = {}
    for span in spans:
        start, end = span.start_char, span.end_char
        if offsets is not None:
            start, end = offsets[start], offsets[end]
        if end > start and (labels is None or span.label_ in labels):
            places[Place(span.label_, start, end)] = span
    return places


def _unjudged(places: Iterable[Place], reference: Doc, offsets: list[int] | None) -> list[Place]:
    """Pick the places that touch a token whose annotation is missing (``ent_iob`` 0)."""
    if reference.to_array("ENT_IOB").all():
        return []
    missing = {char for token in reference if token.ent_iob == 0 for char in range(token.idx, token.idx + len(token))}
    if offsets is not None:
        missing = {offsets[char] for char in missing if not reference.text[char].isspace()}
    return [place for place in places if not missing.isdisjoint(range(place.start, place.end))]
