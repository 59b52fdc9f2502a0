"""What became of each mention: right, nearly right, missed or made up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from ..ner.matching import Matching, Place


class Outcome(Enum):
    """How a gold mention and a predicted one meet, or that one of them stands alone; in order of merit."""

    RIGHT = "right"
    WRONG_LABEL = "wrong label"
    WRONG_BOUNDARIES = "wrong boundaries"
    WRONG_BOTH = "wrong boundaries and label"
    MISSED = "missed"
    SPURIOUS = "spurious"


@dataclass(frozen=True, slots=True)
class Judged:
    """A gold mention, a predicted one, or both as a pair."""

    outcome: Outcome
    gold: Place | None
    found: Place | None


def judge(matching: Matching) -> list[Judged]:
    """Pair the gold and predicted mentions of a doc.

    These are the categories of MUC-5 (Chinchor and Sundheim 1993, "MUC-5 Evaluation Metrics") as SemEval-2013's task
    9.1 took them up (Segura-Bedmar et al. 2013). No mention is in two pairs: exact pairs are made first, then
    those with equal boundaries, then those that overlap under the same label, then those that merely overlap; within a
    kind, the longer overlap comes first, then what stands further left. What is left over was missed, or is spurious.

    Args:
        matching: The doc's mentions.

    Returns:
        Each mention once, in order of position.
    """
    judged = [Judged(Outcome.RIGHT, place, place) for place in matching.gold.keys() & matching.found.keys()]
    gold = matching.gold.keys() - matching.found.keys()
    found = matching.found.keys() - matching.gold.keys()
    for outcome, left, right in _overlaps(gold, found):
        if left in gold and right in found:
            judged.append(Judged(outcome, left, right))
            gold.discard(left)
            found.discard(right)
    judged += [Judged(Outcome.MISSED, place, None) for place in gold]
    judged += [Judged(Outcome.SPURIOUS, None, place) for place in found]
    return sorted(judged, key=lambda one: min(_order(place) for place in (one.gold, one.found) if place))


def semeval_scores(outcomes: Mapping[Outcome, int]) -> dict[str, float]:
    """Compute the F-scores of SemEval-2013's four degrees of strictness.

    Args:
        outcomes: The number of each outcome.

    Returns:
        ``strict`` asks for boundaries and label, ``exact`` for boundaries alone, ``type`` for the right label on an
        overlapping mention, and ``partial`` counts exact boundaries whole and other overlaps half, whatever the label.
    """
    count = Counter(outcomes)
    overlapping = count[Outcome.WRONG_BOUNDARIES] + count[Outcome.WRONG_BOTH]
    bounded = count[Outcome.RIGHT] + count[Outcome.WRONG_LABEL]
    # A pair counts on both sides, what stands alone on one.
    mentions = 2 * (bounded + overlapping) + count[Outcome.MISSED] + count[Outcome.SPURIOUS]
    credits = {
        "strict": count[Outcome.RIGHT],
        "exact": bounded,
        "type": count[Outcome.RIGHT] + count[Outcome.WRONG_BOUNDARIES],
        "partial": bounded + 0.5 * overlapping,
    }
    return {name: 2 * credit / mentions if mentions else 0.0 for name, credit in credits.items()}


def _overlaps(gold: Iterable[Place], found: Iterable[Place]) -> list[tuple[Outcome, Place, Place]]:
    """List the pairs that overlap, the best first."""
    pairs = []
    founds = sorted(found, key=_order)
    for left in sorted(gold, key=_order):
        for right in founds:
            if right.start >= left.end:
                break
            if right.end > left.start:
                pairs.append((_kind(left, right), left, right))
    merits = list(Outcome)
    return sorted(pairs, key=lambda pair: (merits.index(pair[0]), -_common(*pair[1:]), *map(_order, pair[1:])))


def _kind(gold: Place, found: Place) -> Outcome:
    if (gold.start, gold.end) == (found.start, found.end):
        return Outcome.WRONG_LABEL
    return Outcome.WRONG_BOUNDARIES if gold.label == found.label else Outcome.WRONG_BOTH


def _common(gold: Place, found: Place) -> int:
    """Number of characters that two places share."""
    return min(gold.end, found.end) - max(gold.start, found.start)


def _order(place: Place) -> tuple[int, int, str]:
    return place.start, place.end, place.label
