"""What a pipeline found in texts, as plain records: the ground of the table, the JSON lines and the page.

Nothing here asks which components made the annotations. Scores are shown where entities have them, concepts where they
are linked, and names of concepts where a component can tell them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span

from ..corpora.concept_ids import split_concept_ids
from ..identifiers import NIL, concept_url
from ..linking.extension import RankedConceptsGetter, RankedIds

ConceptNames = Callable[[str], "str | None"]
"""From a concept's id to its name, or None where it is not known."""

RankedConcepts = Callable[[Span], RankedIds]
"""From an entity to pairs of a concept's id and its score."""


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity of a text.

    Attributes:
        start: Offset of its first character.
        end: Offset after its last character.
        text: What stands there.
        label: Its type.
        score: How sure the pipeline is that it is one, 0 to 1, or None where it does not say.
        concept: The id of its concept, several joined by "|", or "" where it is linked to none.
        name: The name of the concept, or "" where it is not known.
        link_score: How similar it is to its concept, 0 to 1, or None where the pipeline does not say. Of several
            concepts, the least similar counts.
    """

    start: int
    end: int
    text: str
    label: str
    score: float | None = None
    concept: str = ""
    name: str = ""
    link_score: float | None = None

    @property
    def url(self) -> str | None:
        """The page of its (first) concept."""
        return concept_url(self.concept.split("|")[0])

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "start": self.start,
            "end": self.end,
            "text": self.text,
            "label": self.label,
            "score": _rounded(self.score),
            "link_score": _rounded(self.link_score),
            "concept": self.concept or None,
            "name": self.name or None,
        }


@dataclass(frozen=True, slots=True)
class AnnotatedText:
    """A text with its entities, in order.

    Attributes:
        title: What it is called on a page and in a table: the number of a line, or the id of a document.
        text: The text.
        entities: Its entities.
    """

    title: str
    text: str
    entities: tuple[Entity, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"title": self.title, "text": self.text, "entities": [entity.to_dict() for entity in self.entities]}


def kb_ents(ent: Span) -> RankedIds:
    """Return what ``ent._.kb_ents`` says, in whatever way it was set."""
    return (ent._.kb_ents or []) if Span.has_extension("kb_ents") else []


def annotated_text(
    doc: Doc, title: str, names: ConceptNames, ranked_concepts: RankedConcepts = kb_ents
) -> AnnotatedText:
    """Take from a doc what a report shows.

    Args:
        doc: An annotated doc.
        title: What it is called.
        names: Where names of concepts come from.
        ranked_concepts: Where the scores of concepts come from.
    """
    return AnnotatedText(title, doc.text, tuple(_entity(ent, names, ranked_concepts) for ent in doc.ents))


def concept_names(nlp: Language) -> ConceptNames:
    """Return the names that the knowledge bases of a pipeline's linkers give their concepts.

    Args:
        nlp: A pipeline, with or without linkers.

    Returns:
        A function from id to name; without a linker it knows no name.
    """
    bases: list[Any] = [kb for _, pipe in nlp.pipeline if hasattr(kb := getattr(pipe, "kb", None), "get")]

    def name(concept_id: str) -> str | None:
        return next((concept.name for kb in bases if (concept := kb.get(concept_id))), None)

    return name


def ranked_concepts(nlp: Language) -> RankedConcepts:
    """Return what reads the concepts that a pipeline's linkers have ranked, whatever they call their extension."""
    keys = tuple(pipe.candidates_key for _, pipe in nlp.pipeline if hasattr(pipe, "candidates_key"))
    return RankedConceptsGetter(keys) if keys else kb_ents


def _entity(ent: Span, names: ConceptNames, ranked_concepts: RankedConcepts) -> Entity:
    """Take from an entity what a report shows."""
    concept = "" if ent.kb_id_ == NIL else ent.kb_id_
    score = ent._.score if Span.has_extension("score") else None
    name = "; ".join(filter(None, map(names, concept.split("|")))) if concept else ""
    return Entity(
        start=ent.start_char,
        end=ent.end_char,
        text=ent.text,
        label=ent.label_,
        score=float(score) if isinstance(score, (int, float)) else None,
        link_score=_link_score(ent, ranked_concepts) if concept else None,
        concept=concept,
        name=name,
    )


def _link_score(ent: Span, ranked_concepts: RankedConcepts) -> float | None:
    """Return the least score of an entity's concepts among its ranked ones; None where one is not among them."""
    scores = dict(ranked_concepts(ent))
    own = [scores.get(concept) for concept in split_concept_ids(ent.kb_id_)]
    known = [float(score) for score in own if score is not None]
    return min(known) if known and len(known) == len(own) else None


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 4)
