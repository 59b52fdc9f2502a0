"""Which labels a document's annotators looked for.

Corpora differ in what they annotate: one that marks diseases says nothing about genes, and a token outside its entities
is no proof that there is no gene. A doc can carry the labels that were looked for; what it leaves out is then missing
annotation, in training and in scoring alike. The list is stored with the doc's user data, so it lives through
``DocBin(store_user_data=True)`` and ``Doc.to_bytes``.
"""

from __future__ import annotations

from collections.abc import Iterable

from spacy.tokens import Doc

_KEY = "spacy_biobert.annotated_labels"


def set_annotated_labels(doc: Doc, labels: Iterable[str] | None) -> None:
    """Say which labels the doc's annotators looked for; None for all there are."""
    if labels is None:
        doc.user_data.pop(_KEY, None)
    else:
        doc.user_data[_KEY] = sorted(labels)


def get_annotated_labels(doc: Doc) -> frozenset[str] | None:
    """Return the labels that the doc's annotators looked for; None for all there are."""
    labels = doc.user_data.get(_KEY)
    return None if labels is None else frozenset(labels)
