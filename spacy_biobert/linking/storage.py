"""Concepts and names on disk: one SQLite file, written once, then only read."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import Errors
from .concepts import Concept, can_be_id
from .recent import Recent

_SCHEMA = """
CREATE TABLE concepts (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, types TEXT NOT NULL, definition TEXT,
    related_ids TEXT
);
CREATE TABLE names (row INTEGER PRIMARY KEY, concept INTEGER NOT NULL, name TEXT NOT NULL);
CREATE TABLE alternative_ids (
    id TEXT NOT NULL, concept INTEGER NOT NULL, PRIMARY KEY (id, concept)
) WITHOUT ROWID;
"""
_INDEXES = """
CREATE INDEX names_of_concept ON names (concept);
CREATE INDEX alternative_ids_of_concept ON alternative_ids (concept);
"""


_CONCEPT_BLOCK = 10_000
_NAME_BLOCK = 100_000
_MAX_DESCRIBED = 100_000
"""How many names are kept in memory once they were read, in up to 30 MB: those that are found are found again."""

MAX_NAME_LENGTH = 10_000
"""Characters of the longest name. The longest of UMLS and ChEBI have a few thousand; beyond, a line end is missing."""


class ConceptWriter:
    """Writes a concept file, in a ``with`` block; it is complete when the block ends without an error.

    Concepts and names are numbered from 0 in the order in which they come.

    Args:
        path: The file to make.
    """

    def __init__(self, path: Path) -> None:
        self.n_concepts = 0
        self.n_names = 0
        self._connection = sqlite3.connect(path)
        # Nothing is lost without a journal: a file that is not finished is thrown away.
        # The cache, here 256 MB at most, is for ids that come in no order.
        self._connection.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144;" + _SCHEMA
        )

    def add(self, concept: Concept) -> tuple[str, ...]:
        """Write a concept.

        Returns:
            The names that were written, the canonical one first.

        Raises:
            ValueError: The concept has no name or one that is too long, an id that cannot be, or one that another
                concept has already.
        """
        if not can_be_id(concept.id):
            raise ValueError(Errors.B211.format(id=concept.id, name=concept.name))
        names = concept.names
        if not names:
            raise ValueError(Errors.B212.format(id=concept.id))
        for name in names:
            if len(name) > MAX_NAME_LENGTH:
                message = Errors.B263.format(id=concept.id, length=len(name), limit=MAX_NAME_LENGTH, start=name[:60])
                raise ValueError(message)
        row = self.n_concepts
        try:
            self._connection.execute(
                "INSERT INTO concepts VALUES (?, ?, ?, ?, ?, ?)",
                (
                    row,
                    concept.id,
                    names[0],
                    json.dumps(concept.types),
                    concept.definition,
                    json.dumps(concept.related_ids) if concept.related_ids else None,
                ),
            )
            self._connection.executemany(
                "INSERT INTO names VALUES (?, ?, ?)",
                [(self.n_names + offset, row, name) for offset, name in enumerate(names)],
            )
            self._connection.executemany(
                "INSERT OR IGNORE INTO alternative_ids VALUES (?, ?)",
                [(alternative, row) for alternative in concept.alternative_ids if alternative != concept.id],
            )
        except sqlite3.IntegrityError as error:
            other = self._connection.execute("SELECT name FROM concepts WHERE id = ?", (concept.id,)).fetchone()
            raise ValueError(Errors.B213.format(id=concept.id, first=other[0], second=names[0])) from error
        except UnicodeEncodeError as error:
            raise ValueError(Errors.B214.format(id=concept.id, reason=error.reason)) from error
        self.n_concepts += 1
        self.n_names += len(names)
        return names

    def __enter__(self) -> ConceptWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            self._connection.executescript(_INDEXES)
            self._connection.commit()
        self._connection.close()


class Outline(NamedTuple):
    """What is known of a concept besides its synonyms and other ids.

    Attributes:
        name: Its canonical name.
        n_names: How many names it has.
        types: Its semantic types.
        definition: Its definition, "" where it has none.
    """

    name: str
    n_names: int
    types: tuple[str, ...]
    definition: str


class ConceptStore:
    """Reads a concept file, from any thread and in any process.

    The file is opened read-only and as immutable, so that no locks are taken and folders may be read-only. A connection
    must not be used on both sides of a fork: a child process opens its own when it first reads. A pickled store is its
    path.

    Args:
        path: What a :class:`ConceptWriter` made.

    Raises:
        ValueError: The file cannot be opened; or, when a child process reads, it is another by now.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = _Connection(path)
        self._described: Recent[int, tuple[str, str]] = Recent(_MAX_DESCRIBED)

    def __reduce__(self) -> tuple[type[ConceptStore], tuple[Path]]:
        return type(self), (self.path,)

    def concept(self, concept_id: str) -> Concept | None:
        """Return the concept with an id; None where there is none. Alternative ids are not looked at."""
        rows = self._fetch("SELECT row FROM concepts WHERE id = ?", (concept_id,))
        return next(self._concepts(rows[0][0], rows[0][0] + 1), None) if rows else None

    def outlines(self, concept_ids: Sequence[str]) -> list[Outline | None]:
        """Return what is known of each of some concepts but for its names, None where there is none, by one query."""
        found = self._fetch(
            "SELECT c.id, c.name, (SELECT count(*) FROM names WHERE concept = c.row), c.types, c.definition"
            " FROM json_each(?) AS wanted JOIN concepts AS c ON c.id = wanted.value",
            (json.dumps(concept_ids),),
        )
        outlines = {
            identifier: Outline(name, n_names, tuple(json.loads(types)), definition or "")
            for identifier, name, n_names, types, definition in found
        }
        return list(map(outlines.get, concept_ids))

    def __contains__(self, concept_id: str) -> bool:
        return bool(self._fetch("SELECT 1 FROM concepts WHERE id = ?", (concept_id,)))

    def concept_in_row(self, row: int) -> Concept | None:
        """Return the concept in a row, by the order in which they were written; None where there is none."""
        return next(self._concepts(row, row + 1), None)

    def concepts(self) -> Iterator[Concept]:
        """Yield all concepts, in the order in which they were written, reading them in blocks."""
        for start, stop in self._blocks("concepts", _CONCEPT_BLOCK):
            yield from self._concepts(start, stop)

    def _concepts(self, start: int, stop: int) -> Iterator[Concept]:
        """Yield the concepts of some rows."""
        rows = self._fetch(
            "SELECT row, id, name, types, definition, related_ids FROM concepts"
            " WHERE row >= ? AND row < ? ORDER BY row",
            (start, stop),
        )
        names = self._texts("SELECT concept, name FROM names WHERE concept >= ? AND concept < ?", "row", start, stop)
        alternatives = self._texts(
            "SELECT concept, id FROM alternative_ids WHERE concept >= ? AND concept < ?", "id", start, stop
        )
        for row, identifier, name, types, definition, related_ids in rows:
            yield Concept(
                id=identifier,
                name=name,
                synonyms=tuple(names.get(row, ())[1:]),
                types=tuple(json.loads(types)),
                definition=definition,
                alternative_ids=tuple(alternatives.get(row, ())),
                related_ids=tuple(json.loads(related_ids)) if related_ids else (),
            )

    def _texts(self, query: str, order: str, start: int, stop: int) -> dict[int, list[str]]:
        """Return the texts of the concepts of some rows, by row."""
        found: dict[int, list[str]] = {}
        for row, text in self._fetch(f"{query} ORDER BY concept, {order}", (start, stop)):
            found.setdefault(row, []).append(text)
        return found

    def inner_alternatives(self) -> dict[str, list[str]]:
        """Return, for each concept with alternative ids that are themselves ids of concepts here, these."""
        links: dict[str, list[str]] = {}
        for identifier, other in self._fetch(
            "SELECT a.id, b.id FROM alternative_ids AS x JOIN concepts AS b ON b.id = x.id"
            " JOIN concepts AS a ON a.row = x.concept WHERE a.id != b.id ORDER BY a.row, b.row",
            (),
        ):
            links.setdefault(identifier, []).append(other)
        return links

    def concept_ids(self) -> Iterator[str]:
        """Yield the ids of all concepts, in the order in which they were written."""
        for start, stop in self._blocks("concepts", _NAME_BLOCK):
            rows = self._fetch("SELECT id FROM concepts WHERE row >= ? AND row < ? ORDER BY row", (start, stop))
            yield from (identifier for (identifier,) in rows)

    def names(self) -> Iterator[list[str]]:
        """Yield all names in blocks, in the order in which they were written."""
        for start, stop in self._blocks("names", _NAME_BLOCK):
            rows = self._fetch("SELECT name FROM names WHERE row >= ? AND row < ? ORDER BY row", (start, stop))
            yield [name for (name,) in rows]

    def describe_names(self, rows: Sequence[int]) -> list[tuple[str, str]]:
        """Return, for each of some rows of names, the id of the concept that bears the name, and the name."""
        return self._described.look_up_in_order(rows, self._describe)

    def _describe(self, rows: Sequence[int]) -> list[tuple[str, str]]:
        found = self._fetch(
            "SELECT names.row, concepts.id, names.name FROM json_each(?) AS wanted"
            " JOIN names ON names.row = wanted.value JOIN concepts ON concepts.row = names.concept",
            (json.dumps(rows),),
        )
        described = {row: (concept_id, name) for row, concept_id, name in found}
        return [described[row] for row in rows]

    def equivalent_ids(self, identifier: str) -> frozenset[str]:
        """Return an id, the alternative ids of its concept, and the concepts that it is an alternative id of."""
        found = self._fetch(
            "SELECT a.id FROM concepts AS c JOIN alternative_ids AS a ON a.concept = c.row WHERE c.id = :id"
            " UNION SELECT c.id FROM alternative_ids AS a JOIN concepts AS c ON a.concept = c.row WHERE a.id = :id",
            {"id": identifier},
        )
        return frozenset([identifier, *(other for (other,) in found)])

    def _blocks(self, table: str, size: int) -> Iterator[tuple[int, int]]:
        """Yield the first row and the row after the last of each block of a table."""
        ((count,),) = self._fetch(f"SELECT count(*) FROM {table}", ())
        for start in range(0, count, size):
            yield start, start + size

    def _fetch(self, query: str, parameters: Sequence[Any] | dict[str, Any]) -> list[tuple[Any, ...]]:
        connection = self._connection
        if connection.pid != os.getpid():
            # Two threads of the child may both come here; one of the connections is then used once and dropped.
            inherited, connection = connection, _Connection(self.path)
            if connection.file != inherited.file:
                raise ValueError(Errors.B208.format(path=self.path.parent))
            self._connection = connection
        return connection.fetch(query, parameters)


class _Connection:
    """One process's connection to a file, which file that is, and the lock that the threads share."""

    def __init__(self, path: Path) -> None:
        self.pid = os.getpid()
        self._path = path
        self._lock = threading.Lock()
        uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        try:
            self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
            status = path.stat()
            self.file = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        except (sqlite3.Error, OSError) as error:
            raise ValueError(Errors.B203.format(path=path.parent, reason=f"{path.name}: {error}")) from error

    def fetch(self, query: str, parameters: Sequence[Any] | dict[str, Any]) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._connection.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            reason = f"{self._path.name}: {error}"
            raise ValueError(Errors.B203.format(path=self._path.parent, reason=reason)) from error
