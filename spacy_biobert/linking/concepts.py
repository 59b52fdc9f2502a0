"""What a knowledge base holds and what a look-up returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..identifiers import NIL


@dataclass(frozen=True)
class Concept:
    """A concept of a knowledge base.

    Attributes:
        id: A CURIE, ``MESH:D006527``. It holds neither white space nor "|", which joins ids in ``ent.kb_id_``, and
            is not "NIL".
        name: The canonical name.
        synonyms: Other names.
        types: Semantic types; none means that the concept fits every label.
        definition: What the concept is, in a sentence or two, or None.
        alternative_ids: Ids of the same concept in this vocabulary or others, ``OMIM:277900``.
        related_ids: Ids of concepts that are near but not the same, such as the heading that MeSH maps a supplementary
            record to. They never count as equal.
    """

    id: str
    name: str
    synonyms: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    definition: str | None = None
    alternative_ids: tuple[str, ...] = ()
    related_ids: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All names, the canonical one first, none blank and none twice."""
        return tuple(dict.fromkeys(name for name in (self.name, *self.synonyms) if name.strip()))


def can_be_id(identifier: str) -> bool:
    """Tell whether a concept of a knowledge base may have an id: a variant, ``p|SUB|V|600|E``, and "NIL" may not."""
    if identifier in ("", NIL):
        return False
    return "|" not in identifier and not any(character.isspace() for character in identifier)


class Candidate(NamedTuple):
    """A concept that a mention may mean.

    Attributes:
        concept_id: The concept's id.
        score: Similarity of the mention and the name, 0 to 1; 1 where they differ in form only.
        name: The name of the concept that is most like the mention.
    """

    concept_id: str
    score: float
    name: str
