"""Several knowledge bases made into one."""

from __future__ import annotations

import sqlite3
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import Errors, Warnings
from .builder import CONCEPTS
from .concepts import Concept
from .kb import KnowledgeBase
from .normalization import normalize_name

Node = tuple[int, int]
"""A concept: the number of its knowledge base, and its row there."""

_SAME_IDS = "SELECT a.row, b.row, a.id FROM first.concepts AS a JOIN second.concepts AS b ON b.id = a.id"
_ALTERNATIVES = (
    "SELECT x.concept, b.row, b.id, 0 FROM first.alternative_ids AS x JOIN second.concepts AS b ON b.id = x.id"
    " UNION ALL"
    " SELECT a.row, x.concept, a.id, 1 FROM second.alternative_ids AS x JOIN first.concepts AS a ON a.id = x.id"
)
_SHARED = (
    "SELECT DISTINCT x.concept, y.concept FROM first.alternative_ids AS x"
    " JOIN second.alternative_ids AS y ON y.id = x.id"
)


class _Link(NamedTuple):
    """Two concepts of different knowledge bases that may be one.

    Attributes:
        first: The one in the knowledge base that was named first.
        second: The other.
        owner: Which of them has the other's id as an alternative id; None where they share an alternative id.
        id: That id, or "".
    """

    first: Node
    second: Node
    owner: Node | None
    id: str


class KnowledgeBaseMerge:
    """The concepts of several knowledge bases, united where they are the same. Iterate once, then :meth:`describe`.

    Concepts are the same if they have the same id, or if one's alternative id is the other's id. No two concepts of
    one knowledge base are ever united, so an alternative id that several concepts share says too little: among those,
    only concepts with the same canonical name are united. Where concepts stay apart, the id that linked them becomes a
    related id, which does not count as equal.

    A united concept has the id, the canonical name and the definition of the knowledge base named first (or the first
    that has a definition); the names of all in their order; all types; and all other ids as alternative ids.

    Args:
        kbs: The knowledge bases, the most trusted first.
        unite_alternatives: Whether alternative ids unite concepts, or the same ids only.
        unite_shared: Whether concepts are also the same if they share an alternative id.

    Raises:
        ValueError: There are not two knowledge bases or more, or two have the same id without a prefix.
    """

    def __init__(
        self, kbs: Sequence[KnowledgeBase], *, unite_alternatives: bool = True, unite_shared: bool = False
    ) -> None:
        if len(kbs) < 2 or len({kb.folder.resolve() for kb in kbs}) < len(kbs):
            raise ValueError(Errors.B266.format(given=", ".join(str(kb.folder) for kb in kbs) or "none"))
        self._kbs = list(kbs)
        self._options = {"unite_alternatives": unite_alternatives, "unite_shared": unite_shared}
        self._groups: dict[Node, list[Node]] = {}
        self._apart: defaultdict[Node, set[str]] = defaultdict(set)
        self._unlike: list[tuple[str, str, str]] = []
        self.counts: Counter[str] = Counter(concepts=sum(len(kb) for kb in kbs))
        links: list[_Link] = []
        shared: list[_Link] = []
        for pair in combinations(range(len(kbs)), 2):
            self._unite_same_ids(pair)
            links.extend(self._alternative_links(pair))
            if unite_shared:
                shared.extend(self._shared_links(pair))
        self._unite_links(links if unite_alternatives else [], "united by an alternative id")
        self._unite_links(shared, "united by a shared alternative id")
        for link in links:
            if link.owner and not self._together(link):
                self._apart[link.owner].add(link.id)
                self.counts["kept apart in spite of an alternative id"] += 1

    def __iter__(self) -> Iterator[Concept]:
        for number, kb in enumerate(self._kbs):
            for row, concept in enumerate(kb.concepts()):
                group = self._groups.get((number, row), [(number, row)])
                if group[0] == (number, row):
                    yield self._joined(concept, group)
        if self._unlike:
            identifier, first, second = self._unlike[0]
            message = Warnings.W261.format(count=len(self._unlike), id=identifier, first=first, second=second)
            warnings.warn(message, stacklevel=2)

    def describe(self) -> dict[str, Any]:
        """Return the record of the source, for ``meta.json``: what was merged and what came of it."""
        return {
            "name": " + ".join(kb.name for kb in self._kbs),
            "format": "merge",
            "version": " + ".join(kb.version or "?" for kb in self._kbs) if any(kb.version for kb in self._kbs) else "",
            "options": self._options,
            "merged": dict(self.counts),
            "parts": [{"checksum": kb.checksum, "source": kb.meta["source"]} for kb in self._kbs],
        }

    # --- Which concepts are the same ---

    def _unite_same_ids(self, pair: tuple[int, int]) -> None:
        for first, second, identifier in self._join(pair, _SAME_IDS):
            if ":" not in identifier:
                one, other = (self._kbs[number].folder for number in pair)
                raise ValueError(Errors.B265.format(first=one, second=other, id=identifier))
            self._unite((pair[0], first), (pair[1], second))
            self.counts["united by their id"] += 1

    def _alternative_links(self, pair: tuple[int, int]) -> Iterator[_Link]:
        for first, second, identifier, owner in self._join(pair, _ALTERNATIVES):
            nodes = (pair[0], first), (pair[1], second)
            yield _Link(*nodes, nodes[owner], identifier)

    def _shared_links(self, pair: tuple[int, int]) -> Iterator[_Link]:
        for first, second in self._join(pair, _SHARED):
            yield _Link((pair[0], first), (pair[1], second), None, "")

    def _join(self, pair: tuple[int, int], query: str) -> Iterable[tuple[Any, ...]]:
        """Yield the rows of a query over the files of two knowledge bases."""
        with closing(sqlite3.connect("file::memory:", uri=True)) as connection:
            for name, number in zip(("first", "second"), pair, strict=True):
                path: Path = self._kbs[number].folder / CONCEPTS
                uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
                connection.execute(f"ATTACH DATABASE ? AS {name}", (uri,))
            yield from connection.execute(query)

    def _unite_links(self, links: Sequence[_Link], what: str) -> None:
        """Unite the concepts that are linked one to one, and of others those that have the same name."""
        partners: defaultdict[tuple[Node, int], set[Node]] = defaultdict(set)
        for link in links:
            partners[link.first, link.second[0]].add(link.second)
            partners[link.second, link.first[0]].add(link.first)
        certain, doubtful = [], []
        for link in links:
            n_partners = max(len(partners[link.first, link.second[0]]), len(partners[link.second, link.first[0]]))
            if n_partners == 1:
                certain.append(link)
            elif self._name(link.first) == self._name(link.second):
                doubtful.append(link)
        # Names first: they are the better evidence where both would join a third concept.
        for link in [*doubtful, *certain]:
            if not self._together(link) and self._unite(link.first, link.second):
                self.counts[what] += 1

    def _unite(self, first: Node, second: Node) -> bool:
        """Unite the groups of two concepts, unless that would join two concepts of one knowledge base."""
        group, other = self._groups.get(first, [first]), self._groups.get(second, [second])
        if group is not other:
            if {number for number, _ in group} & {number for number, _ in other}:
                return False
            united = sorted([*group, *other])
            self._groups.update(dict.fromkeys(united, united))
        return True

    def _together(self, link: _Link) -> bool:
        return link.second in self._groups.get(link.first, ())

    def _name(self, node: Node) -> str:
        concept = self._kbs[node[0]].concept_in_row(node[1])
        return normalize_name(concept.name) if concept else ""

    # --- What becomes of them ---

    def _joined(self, concept: Concept, group: Sequence[Node]) -> Concept:
        members = [concept]
        for number, row in group[1:]:
            other = self._kbs[number].concept_in_row(row)
            if other is not None:
                members.append(other)
                self._compare_names(concept, other)
        apart = {identifier for node in group for identifier in self._apart.get(node, ())}
        ids = dict.fromkeys(each for member in members for each in (member.id, *member.alternative_ids))
        related = dict.fromkeys(each for member in members for each in member.related_ids)
        related |= dict.fromkeys(sorted(apart))
        return replace(
            concept,
            synonyms=tuple(dict.fromkeys(name for member in members for name in member.names if name != concept.name)),
            types=tuple(dict.fromkeys(each for member in members for each in member.types)),
            definition=next((member.definition for member in members if member.definition), None),
            alternative_ids=tuple(each for each in ids if each != concept.id and each not in apart),
            related_ids=tuple(each for each in related if each != concept.id and (each in apart or each not in ids)),
        )

    def _compare_names(self, concept: Concept, other: Concept) -> None:
        """Note two concepts with the same id that share no name."""
        if concept.id == other.id and not set(map(normalize_name, concept.names)) & set(
            map(normalize_name, other.names)
        ):
            self._unlike.append((concept.id, concept.name, other.name))
