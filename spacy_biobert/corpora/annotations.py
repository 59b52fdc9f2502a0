"""What corpora with offsets say of a document: its passages, mentions and relations, whatever the format.

Nothing here knows of spaCy or of a file's syntax: `pubtator`, `brat` and `bioc` read files into these, and `documents`
makes a `Doc` of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a document.

    Attributes:
        kind: ``t`` the title, ``a`` the abstract, or what else the file calls it.
        text: The text.
        offset: Where the file says that it begins, as BioC does; None where nothing is said. Not part of its identity.
    """

    kind: str
    text: str
    offset: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Mention:
    """A mention, as the file says it.

    Attributes:
        start: Offset of its first character in the document's text.
        end: Offset after its last character.
        text: What stands there.
        label: The file's type: ``Disease``, ``SpecificDisease``, ``T047``.
        ids: Its concept ids as they are written, several of them separated; None where nothing is said of concepts.
        extra: PubTator's further columns. BC5CDR writes out the parts of a composite mention in one.
        id: What relations call it, where the format names mentions: ``T1``.
        fragments: (start, end) of each piece of a mention that is not in one, in the order of the file; `start` and
            `end` are then those of the stretch that covers all. Empty for a mention in one piece.
    """

    start: int
    end: int
    text: str
    label: str
    ids: str | None = None
    extra: tuple[str, ...] = ()
    id: str = ""
    fragments: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation of the document: its type and its arguments, concept ids or the ids of mentions."""

    label: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnnotatedDocument:
    """A document with its annotations, in the order of the file.

    Attributes:
        id: The document's number or name.
        passages: Title and abstract, or what else it consists of.
        mentions: All mentions, also nested, overlapping and repeated ones.
        relations: All relations.
        line: The line it starts at, from 1, where it is known; not part of the document's identity.
    """

    id: str
    passages: tuple[Passage, ...]
    mentions: tuple[Mention, ...] = ()
    relations: tuple[Relation, ...] = ()
    line: int = field(default=0, compare=False)

    @property
    def text(self) -> str:
        """The passages joined by one space each: the text that offsets count in, also where the abstract is empty."""
        return " ".join(passage.text for passage in self.passages)


def same_words(written: str, found: str) -> bool:
    """Whether a mention says what stands in the text: white space may differ, as formats write a line break as one."""
    return written.split() == found.split()
