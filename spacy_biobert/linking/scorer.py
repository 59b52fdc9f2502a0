"""Scores of a linker: how many mentions got the right concept, on gold or on predicted mentions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Any

from spacy.tokens import Doc, Span
from spacy.training import Example

from ..corpora.annotated_labels import get_annotated_labels
from ..corpora.concept_ids import split_concept_ids
from ..identifiers import NIL
from .mentions import mentions_of

EquivalentIds = Callable[[str], Collection[str]]
Scorer = Callable[..., dict[str, Any]]


def make_linker_scorer() -> Scorer:
    """Return the scorer of the linker, registered as ``spacy_biobert.linker_scorer.v1``."""
    return score_links


class Judge:
    """Compares ids, looking up once which mean the same.

    Args:
        equivalent_ids: :meth:`.KnowledgeBase.equivalent_ids`; None where ids must be equal.
    """

    def __init__(self, equivalent_ids: EquivalentIds | None) -> None:
        self._equivalent_ids = equivalent_ids
        self._known: dict[str, frozenset[str]] = {}

    def equivalents(self, identifier: str) -> frozenset[str]:
        """Return an id and those that mean the same."""
        if identifier not in self._known:
            others = self._equivalent_ids(identifier) if self._equivalent_ids else ()
            self._known[identifier] = frozenset([identifier, *others])
        return self._known[identifier]

    def overlap(self, ids: Iterable[str], gold: Collection[str]) -> bool:
        """Tell whether two sets of ids have a concept in common."""
        return any(not self.equivalents(identifier).isdisjoint(gold) for identifier in ids)

    def same(self, ids: Collection[str], gold: Collection[str]) -> bool:
        """Tell whether two sets of ids name the same concepts."""
        known = [self.equivalents(identifier) for identifier in ids]
        return all(not others.isdisjoint(gold) for others in known) and set(gold) <= frozenset().union(*known)

    def distinct(self, ids: Iterable[str]) -> set[str]:
        """Return ids without those that mean the same as one before."""
        kept: set[str] = set()
        for identifier in ids:
            if self.equivalents(identifier).isdisjoint(kept):
                kept.add(identifier)
        return kept


def score_links(
    examples: Iterable[Example],
    *,
    spans_key: str | None = None,
    equivalent_ids: EquivalentIds | None = None,
    **_: Any,
) -> dict[str, float | None]:
    """Compare concept ids of predicted mentions with those of the reference.

    Mentions correspond when they have the same characters; labels are not compared, and several on the same
    characters count as one with the ids of all. In ``kb_id_`` several ids are joined by "|": the concepts of a
    composite mention ("breast and ovarian cancer"). Mentions of the reference without any id are left out, as not
    annotated; "NIL" is an annotation. Left out is, too, what is predicted elsewhere with a label that a reference's
    annotators did not look for (:mod:`spacy_biobert.corpora.annotated_labels`), and in a reference without any
    mention, with a label that none of the examples links.

    Args:
        examples: Predicted docs and their references.
        spans_key: Where the mentions are: a key of ``doc.spans``, or None for ``doc.ents``.
        equivalent_ids: Gives all ids that mean the same as one, :meth:`.KnowledgeBase.equivalent_ids`. Without it ids
            must be equal.

    Returns:
        Shares from 0 to 1, None where nothing was annotated or predicted:

        - ``link_acc``: of the annotated mentions that were found, those with one of their ids (NIL is one, too).
        - ``link_acc_set``: the same, where the predicted ids must be all of the mention's ids and no other.
        - ``link_acc_gold``: of all annotated mentions, found or not, those with one of their ids.
        - ``link_micro_p``, ``link_micro_r``, ``link_micro_f``: precision, recall and F1 of pairs of mention and
          concept, end to end; a pair is right when ``link_acc`` counts it, NIL on either side is no pair.
    """
    judge = Judge(equivalent_ids)
    n_gold = n_found = n_right = n_sets = 0
    n_linked_gold = n_linked_predicted = n_linked_right = 0
    linked_labels: set[str] = set()
    false_alarms: Counter[str] = Counter()
    for example in examples:
        reference = example.reference
        mentions = mentions_of(reference, spans_key)
        annotated = {_extent(span) for span in mentions}
        looked_for = get_annotated_labels(reference)
        found = [
            span
            for span in mentions_of(example.predicted, spans_key)
            if looked_for is None or span.label_ in looked_for or _extent(span) in annotated
        ]
        if not mentions and _is_annotated(reference, spans_key):
            false_alarms.update(span.label_ for span in found if _ids(span) - {NIL})
        predicted = _ids_by_extent(found)
        gold = {extent: ids for extent, ids in _ids_by_extent(mentions).items() if ids}
        if not gold:
            continue
        linked_labels.update(span.label_ for span in mentions if span.kb_id)
        n_gold += len(gold)
        n_linked_gold += sum(ids != {NIL} for ids in gold.values())
        unannotated = annotated - set(gold)
        n_linked_predicted += sum(bool(ids - {NIL}) for extent, ids in predicted.items() if extent not in unannotated)
        for extent, gold_ids in gold.items():
            if extent not in predicted:
                continue
            ids = predicted[extent] or {NIL}
            n_found += 1
            right = judge.overlap(ids, gold_ids)
            n_right += right
            n_sets += judge.same(ids, gold_ids)
            n_linked_right += right and gold_ids != {NIL}
    n_linked_predicted += sum(n for label, n in false_alarms.items() if label in linked_labels)
    precision = _share(n_linked_right, n_linked_predicted)
    recall = _share(n_linked_right, n_linked_gold)
    return {
        "link_acc": _share(n_right, n_found),
        "link_acc_set": _share(n_sets, n_found),
        "link_acc_gold": _share(n_right, n_gold),
        "link_micro_p": precision,
        "link_micro_r": recall,
        "link_micro_f": _share(2 * n_linked_right, n_linked_predicted + n_linked_gold),
    }


def _is_annotated(reference: Doc, spans_key: str | None) -> bool:
    """Tell whether a reference that has no mentions says so."""
    return reference.has_annotation("ENT_IOB") if spans_key is None else spans_key in reference.spans


def _extent(span: Span) -> tuple[int, int]:
    return span.start_char, span.end_char


def _ids_by_extent(spans: Iterable[Span]) -> dict[tuple[int, int], set[str]]:
    """Gather the ids of each mention: of a gene and a disease on the same characters, those of both."""
    ids: dict[tuple[int, int], set[str]] = {}
    for span in spans:
        ids.setdefault(_extent(span), set()).update(_ids(span))
    return {extent: some - {NIL} or some for extent, some in ids.items()}


def _ids(span: Span) -> set[str]:
    return set(split_concept_ids(span.kb_id_))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
