"""What stands around a mention, for the ranker: its label beside a concept's types, its document beside a definition.

Both are counted on the training data, and say nothing where that had no types, or no definitions: a knowledge base
without them costs nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from math import log, log1p
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .normalization import name_words
from .recent import Recent

if TYPE_CHECKING:
    from .kb import KnowledgeBase
    from .mentions import Mention

Floats = NDArray[np.float32]

LabelTypes = Counter[tuple[str, str]]
"""For a label and a type, how many mentions have that label and mean a concept of that type; for a label and "", how
many mean one that has types at all."""

_ALL = ""

_MAX_CONCEPTS = 100_000
"""Concepts of which it is kept what is known."""

_MAX_DEFINITIONS = 100_000
"""Definitions whose words' weights are kept."""


class Surroundings:
    """A document that mentions stand in.

    Args:
        text: Its text.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def words(self) -> frozenset[str]:
        """Its words, normalised; they are looked for when they are first needed."""
        return frozenset(name_words(self.text))


class Facts(NamedTuple):
    """What the ranker is told of a concept.

    Attributes:
        name: Its canonical name.
        n_names: How many names it has.
        types: Its semantic types.
        words: The words of its definition, normalised.
    """

    name: str
    n_names: int
    types: tuple[str, ...]
    words: frozenset[str]


_NOTHING = Facts("", 0, (), frozenset())


class ConceptFacts:
    """Looks up what a knowledge base knows of concepts, and keeps it.

    Args:
        kb: The knowledge base.
    """

    def __init__(self, kb: KnowledgeBase) -> None:
        self.kb = kb
        self._known: Recent[str, Facts] = Recent(_MAX_CONCEPTS)

    @cached_property
    def shares(self) -> dict[str, float]:
        """For each type the share of concepts that have it, above 0."""
        return {name: count / len(self.kb) for name, count in self.kb.count_types().items()}

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The words of all definitions."""
        defined = (concept.definition for concept in self.kb.concepts() if concept.definition)
        return frozenset(word for definition in defined for word in name_words(definition))

    def of(self, identifier: str) -> Facts:
        """Return what is known of a concept; of one that is not there, nothing."""
        return self.each([identifier])[0]

    def each(self, identifiers: Sequence[str]) -> list[Facts]:
        """Return what is known of each of some concepts, looking up all new ones at once."""
        return self._known.look_up_in_order(identifiers, self._look_up)

    def _look_up(self, identifiers: Sequence[str]) -> list[Facts]:
        return [
            _NOTHING
            if outline is None
            else Facts(outline.name, outline.n_names, outline.types, frozenset(name_words(outline.definition)))
            for outline in self.kb.outlines(identifiers)
        ]


class ContextCounts:
    """What the training data says of labels and words.

    Args:
        types: By label and type.
        words: For each word, how many documents have it.
        n_docs: How many documents were looked at for their words: those that mention a concept with a definition.
    """

    def __init__(
        self,
        types: Mapping[tuple[str, str], int] | None = None,
        words: Mapping[str, int] | None = None,
        n_docs: int = 0,
    ) -> None:
        self.types: LabelTypes = Counter(types or {})
        self.words: Counter[str] = Counter(words or {})
        self.n_docs = n_docs
        self._weighed: dict[frozenset[str], tuple[dict[str, float], float]] = {}

    def add(self, mentions: Sequence[tuple[Mention, Iterable[str]]], facts: ConceptFacts) -> None:
        """Count the mentions of one more document, given with the ids of their concepts."""
        self.types += count_types(mentions, facts)
        defined = any(facts.of(identifier).words for _, ids in mentions for identifier in ids)
        if defined and mentions[0][0].surroundings is not None:
            # Other words are never looked at, and a pipeline shall not carry those of the texts it learned from.
            self.words.update(mentions[0][0].surroundings.words & facts.vocabulary)
            self.n_docs += 1
            self._weighed = {}

    def columns(self, mention: Mention, ids: Sequence[str], facts: ConceptFacts, left_out: LabelTypes) -> Floats:
        """Return "type_fit" and "definition" of concepts.

        The first is the logarithm of how much more often a mention with this label means a concept of that type than
        chance would have it, of the type of which that is most; both counted with one mention more that is spread as
        the concepts of the knowledge base are. The second is the share of the definition's words, weighted by their
        inverse document frequency, that the document has.

        Args:
            mention: A mention.
            ids: Of the concepts.
            facts: What the knowledge base knows of them.
            left_out: What the document adds to the counts of types, in training.

        Returns:
            An array of shape (n_ids, 2); zeros for what has no types, or no definition.
        """
        columns = np.zeros((len(ids), 2), np.float32)
        total = self.types[mention.label, _ALL] - left_out[mention.label, _ALL]
        if total > 0:
            types = [known.types for known in facts.each(ids)]
            fits = {some: self._fit(mention.label, some, total, facts, left_out) for some in set(types)}
            columns[:, 0] = [fits[some] for some in types]
        if self.n_docs and mention.surroundings is not None:
            here = mention.surroundings.words
            columns[:, 1] = [self._share(known.words, here) for known in facts.each(ids)]
        return columns

    def _fit(self, label: str, types: Sequence[str], total: int, facts: ConceptFacts, left_out: LabelTypes) -> float:
        # Not below 0: a document that comes again with other annotations was counted with the first ones.
        counts = [max(self.types[label, name] - left_out[label, name], 0) / facts.shares[name] for name in types]
        return log((max(counts) + 1) / (total + 1)) if counts else 0.0

    def _share(self, words: frozenset[str], here: frozenset[str]) -> float:
        weights, total = self._weigh(words)
        return sum(weights[word] for word in words & here) / total if total else 0.0

    def _weigh(self, words: frozenset[str]) -> tuple[dict[str, float], float]:
        """Return the inverse document frequency of each word of a definition, and their sum."""
        known = self._weighed
        if words not in known:
            weights = {word: log1p(self.n_docs) - log1p(self._n_with(word)) for word in sorted(words)}
            if len(known) >= _MAX_DEFINITIONS:
                self._weighed = known = {}
            known[words] = weights, sum(weights.values())
        return known[words]

    def _n_with(self, word: str) -> int:
        """Return how many documents have a word. One of a single document is taken for as rare as one of none."""
        count = self.words[word]
        return count if count > 1 else 0

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain values, without words of a single document, which count nothing."""
        types = [[label, name, count] for (label, name), count in sorted(self.types.items())]
        words = {word: count for word, count in sorted(self.words.items()) if count > 1}
        return {"types": types, "words": words, "n_docs": self.n_docs}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ContextCounts:
        """Make the counts of what :meth:`to_dict` returned."""
        types = {(label, name): count for label, name, count in data["types"]}
        return cls(types, data["words"], data["n_docs"])


def count_types(mentions: Iterable[tuple[Mention, Iterable[str]]], facts: ConceptFacts) -> LabelTypes:
    """Count the types of what mentions mean, given with the ids of their concepts."""
    counts: LabelTypes = Counter()
    for mention, ids in mentions:
        types = {name for identifier in ids for name in facts.of(identifier).types}
        if types:
            counts.update((mention.label, name) for name in (_ALL, *types))
    return counts
