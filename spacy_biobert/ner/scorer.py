"""Exact-match precision, recall and F-score of entities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

from spacy.scorer import PRFScore
from spacy.tokens import Doc, Span
from spacy.training import Example

Scores = dict[str, Any]
Key = tuple[str, int, int]  # label, first character, the character after the last


def make_ner_scorer(spans_key: str | None = None) -> Callable[..., Scores]:
    """Make ``spacy_biobert.ner_scorer.v1``.

    A predicted mention is right if a gold mention has the same label and the same characters. On gold tokens that is
    conlleval's score. On raw text it stays honest where the two tokenizations differ: a mention that no gold token can
    express counts as wrong, where spaCy's ``Scorer.score_spans`` leaves it out. Predictions on tokens whose annotation
    is missing are neither right nor wrong. Docs without annotation are skipped.

    Args:
        spans_key: Score ``doc.spans[spans_key]``, in which mentions may overlap, in place of ``doc.ents``.

    Returns:
        A function of examples that gives ``ents_p``, ``ents_r``, ``ents_f`` (micro-averaged) and ``ents_per_type``, or
        the same with ``spans_KEY_`` in place of ``ents_``. They are None where there is nothing to score.
    """
    prefix = "ents" if spans_key is None else f"spans_{spans_key}"

    def score(examples: Iterable[Example], **_: Any) -> Scores:
        per_type: dict[str, PRFScore] = defaultdict(PRFScore)
        for example in examples:
            _count(example, spans_key, per_type)
        total = sum(per_type.values(), PRFScore())
        if not len(total):
            return {f"{prefix}_{key}": None for key in ("p", "r", "f", "per_type")}
        return {
            f"{prefix}_p": total.precision,
            f"{prefix}_r": total.recall,
            f"{prefix}_f": total.fscore,
            f"{prefix}_per_type": {label: counts.to_dict() for label, counts in sorted(per_type.items())},
        }

    return score


def _count(example: Example, spans_key: str | None, per_type: dict[str, PRFScore]) -> None:
    """Add one doc's hits, false alarms and misses to the counts of each label."""
    predicted, reference = example.predicted, example.reference
    if spans_key is None:
        if not reference.has_annotation("ENT_IOB"):
            return
        predicted_spans, gold_spans = predicted.ents, reference.ents
    else:
        if spans_key not in reference.spans:
            return
        predicted_spans, gold_spans = predicted.spans.get(spans_key, ()), reference.spans[spans_key]
    offsets, gold_offsets = None, None
    if predicted.text != reference.text:
        offsets, gold_offsets = _letters_before(predicted.text), _letters_before(reference.text)
    guesses, gold = _keys(predicted_spans, offsets), _keys(gold_spans, gold_offsets)
    if spans_key is None:
        guesses -= _unjudged(guesses - gold, reference, gold_offsets)
    for label in {key[0] for key in guesses | gold}:
        per_type[label].score_set({key for key in guesses if key[0] == label}, {key for key in gold if key[0] == label})


def _letters_before(text: str) -> list[int]:
    """Number of characters other than whitespace before each offset: what texts that differ in spaces share."""
    return list(accumulate((not char.isspace() for char in text), initial=0))


def _keys(spans: Iterable[Span], offsets: list[int] | None) -> set[Key]:
    if offsets is None:
        return {(span.label_, span.start_char, span.end_char) for span in spans}
    return {(span.label_, offsets[span.start_char], offsets[span.end_char]) for span in spans}


def _unjudged(guesses: set[Key], reference: Doc, offsets: list[int] | None) -> set[Key]:
    """Pick the guesses that touch a token whose annotation is missing (``ent_iob`` 0)."""
    if not guesses or reference.to_array("ENT_IOB").all():
        return set()
    missing = [token for token in reference if token.ent_iob == 0]
    chars = {char for token in missing for char in range(token.idx, token.idx + len(token))}
    if offsets is not None:
        chars = {offsets[char] for char in chars}
    return {guess for guess in guesses if not chars.isdisjoint(range(guess[1], guess[2]))}
