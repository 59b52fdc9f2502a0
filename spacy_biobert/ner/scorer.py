"""Exact-match precision, recall and F-score of entities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from spacy.scorer import PRFScore
from spacy.training import Example

from .matching import Matching, match

Scores = dict[str, Any]


def make_ner_scorer(spans_key: str | None = None) -> Callable[..., Scores]:
    """Make ``spacy_biobert.ner_scorer.v1``.

    A predicted mention is right if a gold mention has the same label and the same characters. On gold tokens that is
    conlleval's score. On raw text it stays honest where the two tokenizations differ: a mention that no gold token can
    express counts as wrong, where spaCy's ``Scorer.score_spans`` leaves it out. Predictions on tokens whose annotation
    is missing are neither right nor wrong, and so is everything with a label that a doc's annotators did not look for
    (:mod:`spacy_biobert.corpora.annotated_labels`). Docs without annotation are skipped.

    Args:
        spans_key: Score ``doc.spans[spans_key]``, in which mentions may overlap, in place of ``doc.ents``.

    Returns:
        A function of examples that gives ``ents_p``, ``ents_r``, ``ents_f`` (micro-averaged) and ``ents_per_type``, or
        the same with ``spans_KEY_`` in place of ``ents_``. They are None where there is nothing to score.
    """
    # No closure: a pipeline is pickled for worker processes that are not forked.
    return partial(_score, spans_key)


def _score(key: str | None, examples: Iterable[Example], **_: Any) -> Scores:
    prefix = "ents" if key is None else f"spans_{key}"
    per_type: dict[str, PRFScore] = defaultdict(PRFScore)
    for example in examples:
        matching = match(example, spans_key=key)
        if matching is not None:
            _count(matching, per_type)
    total = sum(per_type.values(), PRFScore())
    if not len(total):
        return {f"{prefix}_{name}": None for name in ("p", "r", "f", "per_type")}
    return {
        f"{prefix}_p": total.precision,
        f"{prefix}_r": total.recall,
        f"{prefix}_f": total.fscore,
        f"{prefix}_per_type": {label: counts.to_dict() for label, counts in sorted(per_type.items())},
    }


def _count(matching: Matching, per_type: dict[str, PRFScore]) -> None:
    """Add one doc's hits, false alarms and misses to the counts of each label."""
    for label in {place.label for place in matching.found.keys() | matching.gold.keys()}:
        sides = (matching.found, matching.gold)
        found, gold = ({place for place in side if place.label == label} for side in sides)
        per_type[label].score_set(found, gold)
