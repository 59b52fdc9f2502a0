"""The errors that a pipeline makes most often, each with a sentence that shows it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..corpora.sentences import sentence_starts
from ..ner.matching import Matching, Place
from .outcomes import Judged, Outcome

N_ERRORS = 20
_REACH = 110  # characters of context on either side, at most


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a sentence, and whether it is part of the gold mention or of the predicted one."""

    text: str
    in_gold: bool = False
    in_found: bool = False


@dataclass(frozen=True, slots=True)
class CommonError:
    """Errors of one kind on one mention text.

    Attributes:
        outcome: What kind of error it is.
        gold_label: The label of the gold mention, or "" where there is none.
        gold_text: Its text where it was first met, or "".
        found_label: The label of the predicted mention, or "".
        found_text: Its text, or "".
        count: How often it was made.
        context: The sentence where it was first met, in pieces.
    """

    outcome: Outcome
    gold_label: str
    gold_text: str
    found_label: str
    found_text: str
    count: int
    context: tuple[Piece, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "kind": self.outcome.value,
            "count": self.count,
            "gold": {"label": self.gold_label, "text": self.gold_text} if self.gold_label else None,
            "found": {"label": self.found_label, "text": self.found_text} if self.found_label else None,
            "context": "".join(piece.text for piece in self.context),
        }


def common_errors(judged: Iterable[tuple[Matching, list[Judged]]], *, n: int = N_ERRORS) -> list[CommonError]:
    """Group errors by their kind, labels and texts, upper and lower case aside.

    Args:
        judged: The docs, with what became of their mentions.
        n: How many groups to return.

    Returns:
        The most common ones, in descending order; those equally common in the order in which they were first met.
    """
    groups: dict[tuple[Any, ...], list[tuple[Matching, Judged]]] = {}
    for matching, errors in judged:
        for error in errors:
            if error.outcome is not Outcome.RIGHT:
                sides = [(place.label, _text(matching, place).casefold()) if place else None for place in _sides(error)]
                groups.setdefault((error.outcome, *sides), []).append((matching, error))
    common = sorted(groups.values(), key=len, reverse=True)[:n]
    return [_describe(*group[0], count=len(group)) for group in common]


def _describe(matching: Matching, error: Judged, *, count: int) -> CommonError:
    gold, found = ((place.label, _text(matching, place)) if place else ("", "") for place in _sides(error))
    return CommonError(error.outcome, *gold, *found, count, _context(matching, error))


def _sides(error: Judged) -> tuple[Place | None, Place | None]:
    return error.gold, error.found


def _text(matching: Matching, place: Place) -> str:
    start, end = matching.characters(place)
    return " ".join(matching.text[start:end].split())


def _context(matching: Matching, error: Judged) -> tuple[Piece, ...]:
    """Cut out the sentence around an error, or what fits of it, and cut it up at the boundaries of its mentions."""
    text = matching.text
    bounds = [matching.characters(place) if place else (len(text), 0) for place in _sides(error)]
    start, end = min(first for first, _ in bounds), max(last for _, last in bounds)
    sentence = _sentence(text, start, end)
    left = start - _REACH if start - sentence[0] > _REACH else sentence[0]
    right = end + _REACH if sentence[1] - end > _REACH else sentence[1]
    # No word is cut, if one ends there at all.
    left = left if left == sentence[0] else text.find(" ", left, start) + 1 or left
    right = right if right == sentence[1] else max(text.rfind(" ", end, right), end)
    cuts = sorted({left, right, *(cut for pair in bounds if pair[0] < pair[1] for cut in pair)})
    pieces = [Piece("… ")] if left > sentence[0] else []
    for first, last in pairwise(cuts):
        in_gold, in_found = (begin <= first and last <= finish for begin, finish in bounds)
        pieces.append(Piece(text[first:last], in_gold, in_found))
    return (*pieces, Piece(" …")) if right < sentence[1] else tuple(pieces)


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """Find where the sentence around a stretch of text begins and ends."""
    starts = sentence_starts(text)
    first = bisect_right(starts, start)
    after = next((other for other in starts[first:] if other >= end), len(text))
    return starts[first - 1] if first else 0, after
