"""Reads docs for a linker: which of their mentions it links, what to look up for them, which ids annotators gave."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from spacy.tokens import Doc, Span
from spacy.training import Example

from ..corpora.concept_ids import split_concept_ids
from ..errors import Warnings
from .context_vectors import mention_vectors
from .equipment import Equipment
from .mentions import GoldMention, Mention, mentions_of, read_mentions
from .routing import Types, allowed_types, is_routed


class MentionReader:
    """Reads docs by a linker's settings as they are now.

    Args:
        name: The linker's name, for messages.
        settings: Its settings, see :class:`.LinkerSettings`.
        equipment: Has the knowledge base, which is asked for what mentions may mean, and not for what they are.
        left_alone: Labels that are not linked, and that were met before. Those that are met are added.
    """

    def __init__(self, name: str, settings: Mapping[str, Any], equipment: Equipment, left_alone: set[str]) -> None:
        self._name = name
        self._settings = settings
        self._equipment = equipment
        self._left_alone = left_alone
        self._types: dict[str, Types | None] = {}

    def mentions(self, doc: Doc) -> list[Span]:
        """Return the mentions of a doc that the linker links."""
        spans, labels = mentions_of(doc, self._settings["spans_key"]), self._settings["labels"]
        if labels is None:
            return spans
        if new := {span.label_ for span in spans if not is_routed(span.label_, labels)} - self._left_alone:
            self._left_alone |= new
            self._warn_of_case(new, labels)
        return [span for span in spans if is_routed(span.label_, labels)]

    def read(self, doc: Doc, *, n_parts: Sequence[int] | None = None, encoded: Doc | None = None) -> list[Mention]:
        """Return what to look up for these mentions.

        Args:
            doc: The doc.
            n_parts: How many concepts each of them names, where that is known.
            encoded: The doc of the same text that has token vectors, if it is another.

        Raises:
            ValueError: There is no knowledge base.
        """
        spans = self.mentions(doc)
        seen = self._settings["ranker"] and self._settings["context_vectors"]
        return read_mentions(
            doc,
            spans,
            expand_abbreviations=self._settings["expand_abbreviations"],
            split_composites=self._settings["split_composites"],
            types=self._allowed_types,
            n_parts=n_parts,
            vectors=mention_vectors(doc if encoded is None else encoded, spans) if seen else None,
        )

    def gold(self, reference: Doc, *, encoded: Doc | None = None) -> list[GoldMention]:
        """Return the annotated mentions of a reference with the ids that mean the same as theirs.

        Args:
            reference: The reference.
            encoded: The doc of the same text that has token vectors, if it is not the reference itself.
        """
        ids = [split_concept_ids(span.kb_id_) for span in self.mentions(reference)]
        return [(mention, some) for mention, some in self._with_ids(reference, ids, encoded) if some]

    def found(self, example: Example) -> list[GoldMention]:
        """Return the predicted mentions of an example: those that a gold mention is the same as, with its ids."""
        gold = {_place(span): split_concept_ids(span.kb_id_) for span in self.mentions(example.reference)}
        predicted = example.predicted
        return self._with_ids(predicted, [gold.get(_place(span), ()) for span in self.mentions(predicted)])

    def _with_ids(self, doc: Doc, ids: Sequence[tuple[str, ...]], encoded: Doc | None = None) -> list[GoldMention]:
        """Return the mentions of a doc, each with all ids that mean the same as one of its own."""
        equivalent_ids = self._equipment.require_kb().equivalent_ids
        read = self.read(doc, n_parts=[len(some) for some in ids], encoded=encoded)
        return [
            (mention, tuple(dict.fromkeys(chain.from_iterable(map(equivalent_ids, some)))))
            for mention, some in zip(read, ids, strict=True)
        ]

    def _allowed_types(self, label: str) -> Types | None:
        if label not in self._types:
            known = self._equipment.require_kb().types
            self._types[label] = allowed_types(label, self._settings["label_types"], known)
        return self._types[label]

    def _warn_of_case(self, found: set[str], labels: Sequence[str]) -> None:
        """Say which labels are left alone that differ by case alone from those to be linked."""
        meant = {label.casefold() for label in labels}
        if alike := sorted(label for label in found if label.casefold() in meant):
            message = Warnings.W263.format(name=self._name, found=", ".join(alike), labels=", ".join(labels))
            warnings.warn(message, stacklevel=2)


def _place(span: Span) -> tuple[int, int, str]:
    """Return what two mentions share that are the same, whatever the tokens of their docs."""
    return span.start_char, span.end_char, span.label_
