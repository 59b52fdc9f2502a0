"""How well a pipeline finds the entities of a corpus, as plain records: the ground of the JSON file and of the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.tokens import Span
from spacy.training import Example

from ..ner.matching import Matching, match
from ..ner.reliability import N_BINS, Reliability, reliability
from .common_errors import CommonError, common_errors
from .curves import Curve, precision_recall
from .outcomes import Outcome, judge, semeval_scores
from .scores import Scores, score_matchings

_CURVE_POINTS = 300


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether scores mean what they say.

    Attributes:
        bins: 15 bins of equal width, for a plot; their error is the expected calibration error.
        ece_equal_mass: The error over 15 bins of equal mass.
        noise: The error that perfect scores would have to expect over the bins of equal width, by chance alone.
    """

    bins: Reliability
    ece_equal_mass: float
    noise: float

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "entities": int(self.bins.counts.sum()),
            "bins": N_BINS,
            "ece": self.bins.error,
            "ece_equal_mass": self.ece_equal_mass,
            "ece_by_chance": self.noise,
            "reliability": {
                "count": self.bins.counts.tolist(),
                "score": self.bins.scores.tolist(),
                "share_right": self.bins.shares.tolist(),
            },
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The entities of one corpus, scored.

    Attributes:
        name: The corpus.
        docs: Number of its docs with entity annotation.
        words: Number of tokens of their references.
        gold_tokens: Whether the pipeline was given the corpus's tokens, and not raw text.
        scores: Precision, recall and F.
        outcomes: The number of each outcome, by label: of the gold mention, or of the predicted one where it is alone.
        curves: Precision and recall at every threshold, by label; "" is all. Empty where entities have no scores.
        calibration: How far scores can be taken for probabilities, or None where entities have none.
        errors: The most common errors.
    """

    name: str
    docs: int
    words: int
    gold_tokens: bool
    scores: Scores
    outcomes: dict[str, Counter[Outcome]]
    curves: dict[str, Curve]
    calibration: Calibration | None
    errors: list[CommonError]

    @property
    def total_outcomes(self) -> Counter[Outcome]:
        """The number of each outcome over all labels."""
        return sum(self.outcomes.values(), Counter())

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "docs": self.docs,
            "words": self.words,
            "gold_tokens": self.gold_tokens,
            "micro": self.scores.micro.to_dict(),
            "macro": self.scores.macro.to_dict(),
            "per_label": {label: score.to_dict() for label, score in self.scores.labels.items()},
            "outcomes": _named(self.total_outcomes),
            "outcomes_per_label": {label: _named(counts) for label, counts in self.outcomes.items()},
            "semeval": semeval_scores(self.total_outcomes),
            "calibration": self.calibration.to_dict() if self.calibration else None,
            "precision_recall": {
                label or "all": {
                    "threshold": curve.thresholds.tolist(),
                    "precision": curve.precision.tolist(),
                    "recall": curve.recall.tolist(),
                }
                for label, curve in self.curves.items()
            },
            "common_errors": [error.to_dict() for error in self.errors],
        }


def evaluate_entities(name: str, examples: Iterable[Example]) -> Evaluation | None:
    """Score the entities of annotated docs.

    Args:
        name: What the corpus is called.
        examples: Annotated docs and their references.

    Returns:
        The scores, or None where there is neither a gold entity nor a predicted one that can be judged.
    """
    matched = [(example, matching) for example in examples if (matching := match(example)) is not None]
    matchings = [matching for _, matching in matched]
    if not any(matching.gold or matching.found for matching in matchings):
        return None
    judged = [(matching, judge(matching)) for matching in matchings]
    outcomes: dict[str, Counter[Outcome]] = {}
    for _, mentions in judged:
        for one in mentions:
            place = one.gold or one.found
            if place is not None:
                outcomes.setdefault(place.label, Counter())[one.outcome] += 1
    scores = score_matchings(matchings)
    curves, calibration = _trust(matchings, scores)
    return Evaluation(
        name=name,
        docs=len(matched),
        words=sum(len(example.reference) for example, _ in matched),
        gold_tokens=all(example.reference.has_unknown_spaces for example, _ in matched),
        scores=scores,
        outcomes=dict(sorted(outcomes.items())),
        curves=curves,
        calibration=calibration,
        errors=common_errors(judged),
    )


def _trust(matchings: list[Matching], scores: Scores) -> tuple[dict[str, Curve], Calibration | None]:
    """Compare entities' scores with what is right. Entities without a score, which a rule has set, are left out."""
    scored = [
        (score, place.label, place in matching.gold)
        for matching in matchings
        for place, span in matching.found.items()
        if (score := _score(span)) is not None
    ]
    if not scored:
        return {}, None
    values = np.array([score for score, _, _ in scored], dtype=np.float64)
    names = np.array([label for _, label, _ in scored], dtype=object)
    is_right = np.array([right for _, _, right in scored], dtype=bool)
    curves = {"": precision_recall(values, is_right, scores.micro.gold).thinned(_CURVE_POINTS)}
    if len(scores.labels) > 1:
        for label, counts in scores.labels.items():
            own = names == label
            if own.any() and counts.gold:
                curves[label] = precision_recall(values[own], is_right[own], counts.gold).thinned(_CURVE_POINTS)
    bins = reliability(values, is_right)
    ece_equal_mass = reliability(values, is_right, equal_mass=True).error
    return curves, Calibration(bins, ece_equal_mass, _noise(bins))


def _noise(bins: Reliability) -> float:
    """Expect the calibration error of perfect scores: the mean size of a normal error in each bin."""
    deviations = np.sqrt(bins.counts * bins.scores * (1 - bins.scores))
    return float(np.sqrt(2 / np.pi) * deviations.sum() / bins.counts.sum())


def _score(span: Span) -> float | None:
    score = span._.score if Span.has_extension("score") else None
    return float(score) if isinstance(score, (int, float)) else None


def _named(outcomes: Counter[Outcome]) -> dict[str, int]:
    return {outcome.value: outcomes[outcome] for outcome in Outcome}
