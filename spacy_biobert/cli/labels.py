"""Whether a pipeline and a corpus that it is judged by speak of the same labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from spacy.scorer import Scorer
from spacy.tokens import Span
from spacy.training import Example
from wasabi import msg

from ..corpora.annotated_labels import get_annotated_labels
from ..errors import Warnings


def compare_labels(path: Path, examples: Sequence[Example]) -> None:
    """Warn where what was found cannot be right, for its labels are called otherwise in the corpus, or not at all.

    Args:
        path: The corpus.
        examples: Its docs, annotated.
    """
    gold = {ent.label_ for example in examples for ent in example.reference.ents}
    found = {ent.label_ for example in examples for ent in _judged(example)}
    if gold and found and gold.isdisjoint(found):
        msg.warn(Warnings.W522.format(path=path, gold=", ".join(sorted(gold)), found=", ".join(sorted(found))))
    elif gold and (extra := found - gold):
        msg.warn(Warnings.W524.format(path=path, extra=", ".join(sorted(extra)), gold=",".join(sorted(gold))))


def _judged(example: Example) -> list[Span]:
    """Return the entities that were found and count: those with a label that the annotators looked for."""
    looked_for = get_annotated_labels(example.reference)
    return [ent for ent in example.predicted.ents if looked_for is None or ent.label_ in looked_for]


class KeepingScorer(Scorer):
    """Keeps the annotated examples, of which `nlp.evaluate` makes copies."""

    examples: Sequence[Example] = ()

    def score(self, examples: Iterable[Example], *, per_component: bool = False) -> dict[str, Any]:
        """Score as any scorer does."""
        self.examples = list(examples)
        return super().score(self.examples, per_component=per_component)
