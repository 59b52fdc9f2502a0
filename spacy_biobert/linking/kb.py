"""A knowledge base: concepts, their names, and the index that finds them, in a folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import weakref
from collections.abc import Collection, Iterable, Iterator, Sequence
from multiprocessing.context import get_spawning_popen
from pathlib import Path
from typing import Any

import numpy as np
import srsly

from ..errors import Errors
from .builder import CONCEPT_TYPE_SETS, CONCEPTS, FILES, NAME_CONCEPTS, NAME_PRIORITIES, Source, write_knowledge_base
from .concepts import Candidate, Concept
from .folder import MANIFEST, file_names, read_manifest, replace_folder, verify_files
from .index import NameIndex
from .lookup import NameLookup
from .sparse import load_array
from .storage import ConceptStore, Outline

MAX_BYTES = 1 << 30
"""The largest knowledge base that `to_bytes` puts into memory."""


class KnowledgeBase:
    """Concepts and the look-up of their names. Use :meth:`build` to make one and :meth:`open` to read one.

    A knowledge base is a folder: ``meta.json``, the concepts in SQLite, opened read-only, and memory-mapped arrays.
    It can be used from several threads, after a fork, and in a spawned process (where it is opened again: a pickled
    knowledge base is its path).

    Attributes:
        folder: Where it lies.
        meta: The content of ``meta.json``.
        types: All semantic types.
        lookup: Looks names up.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.meta = read_manifest(folder)
        missing = FILES - {MANIFEST, *self.meta["files"]}
        if missing:
            raise ValueError(Errors.B203.format(path=folder, reason=f"{MANIFEST} does not list {', '.join(missing)}"))
        self.types = frozenset(name for types in self.meta["type_sets"] for name in types)
        self._store = ConceptStore(folder / CONCEPTS)
        self._concept_type_sets = load_array(folder / CONCEPT_TYPE_SETS)
        self.lookup = NameLookup(
            NameIndex(folder, self.n_names),
            self._store,
            concepts=load_array(folder / NAME_CONCEPTS),
            priorities=load_array(folder / NAME_PRIORITIES),
            type_sets=self.meta["type_sets"],
            concept_type_sets=self._concept_type_sets,
        )
        self._is_temporary = False

    def __reduce__(self) -> tuple[object, tuple[Any, ...]]:
        """Refer to the folder; one that ends with this process is sent along, but to processes that it spawns."""
        if self._is_temporary and get_spawning_popen() is None:
            return KnowledgeBase.from_bytes, (self.to_bytes(),)
        return _open_again, (self.folder, self.checksum)

    # --- Making and opening ---

    @classmethod
    def build(
        cls,
        concepts: Iterable[Concept],
        out: str | Path,
        *,
        source: Source | None = None,
        overwrite: bool = False,
        progress: bool = False,
    ) -> KnowledgeBase:
        """Write a knowledge base and open it.

        Args:
            concepts: What it shall hold; read once.
            out: The folder to make. It appears when it is complete, or not at all.
            source: Where the concepts come from, kept in ``meta.json``: name, version, files with checksums; or what
                returns that when all concepts were read.
            overwrite: Whether a knowledge base that is there may be replaced.
            progress: Whether to show progress bars.

        Raises:
            FileExistsError: Something is at ``out`` and may not be replaced.
            ValueError: A concept has no name, one that is much too long, or an id that cannot be; two have the same
                id, or each other's as alternative ids; there is not one name.
        """
        out = Path(out)
        with replace_folder(out, overwrite=overwrite) as folder:
            write_knowledge_base(concepts, folder, source=source, progress=progress)
        return cls.open(out)

    @classmethod
    def open(cls, folder: str | Path) -> KnowledgeBase:
        """Open a knowledge base.

        Args:
            folder: What :meth:`build` or ``spacy biobert kb build`` made.

        Raises:
            FileNotFoundError: There is no knowledge base.
            ValueError: It was made by another version, or its files are incomplete.
        """
        return cls(Path(folder).absolute())

    def copy_to(self, out: str | Path) -> None:
        """Copy the folder, replacing a knowledge base that is there; nothing happens where it is this one.

        Raises:
            ValueError: The folder has been replaced by another since it was opened.
        """
        out = Path(out)
        if out.exists() and out.samefile(self.folder):
            return
        self._require_unchanged()
        with replace_folder(out, overwrite=True) as folder:
            for name in file_names(self.meta):
                shutil.copyfile(self.folder / name, folder / name)

    def to_bytes(self) -> bytes:
        """Return the files of the folder as MessagePack.

        Raises:
            ValueError: The knowledge base is too large to travel in memory, or it has changed on disk.
        """
        size = sum(file["size"] for file in self.meta["files"].values())
        if size > MAX_BYTES:
            raise ValueError(Errors.B206.format(path=self.folder, size=size, limit=MAX_BYTES))
        self._require_unchanged()
        return srsly.msgpack_dumps({name: (self.folder / name).read_bytes() for name in file_names(self.meta)})

    @classmethod
    def from_bytes(cls, data: bytes) -> KnowledgeBase:
        """Read what :meth:`to_bytes` returned. The files lie in a temporary folder as long as the object lives.

        Raises:
            ValueError: The bytes are no knowledge base.
        """
        try:
            files = srsly.msgpack_loads(data)
        except Exception as error:  # msgpack raises exceptions of many kinds
            raise ValueError(Errors.B207) from error
        if not isinstance(files, dict) or not files.keys() >= FILES or not all(map(_is_file_name, files)):
            raise ValueError(Errors.B207)
        folder = Path(tempfile.mkdtemp(prefix="spacy-biobert-kb-"))
        try:
            for name, content in files.items():
                (folder / name).write_bytes(content)
            kb = cls(folder)
            kb.verify()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        kb._is_temporary = True
        weakref.finalize(kb, _remove_in_process, folder, os.getpid())
        return kb

    def verify(self) -> None:
        """Compare all files with their checksums.

        Raises:
            ValueError: A file is not what was written.
        """
        verify_files(self.folder, self.meta)

    def _require_unchanged(self) -> None:
        if read_manifest(self.folder) != self.meta:
            raise ValueError(Errors.B208.format(path=self.folder))

    # --- What it holds ---

    @property
    def name(self) -> str:
        """What it is called: as its builder said, or by the file it was made from."""
        return str(self.meta["source"].get("name") or self.meta["source"].get("file") or self.folder.name)

    @property
    def version(self) -> str:
        """The version of what it was made from, as its builder or the source said; "" where nobody did."""
        return str(self.meta["source"].get("version") or "")

    @property
    def n_names(self) -> int:
        """Number of names."""
        return self.meta["n_names"]

    @property
    def checksum(self) -> str:
        """SHA-256 over the checksums of all files: equal for knowledge bases with equal content."""
        return hashlib.sha256(json.dumps(self.meta["files"], sort_keys=True).encode("utf8")).hexdigest()

    def __len__(self) -> int:
        return self.meta["n_concepts"]

    def __contains__(self, concept_id: str) -> bool:
        return concept_id in self._store

    def __iter__(self) -> Iterator[str]:
        return self._store.concept_ids()

    def concepts(self) -> Iterator[Concept]:
        """Yield all concepts in the order in which they were built; few of them are in memory at a time."""
        return self._store.concepts()

    def get(self, concept_id: str) -> Concept | None:
        """Return the concept with an id; None where there is none. Alternative ids are not looked at."""
        return self._store.concept(concept_id)

    def outlines(self, concept_ids: Sequence[str]) -> list[Outline | None]:
        """Return name, number of names, types and definition of each of some concepts; None where there is none."""
        return self._store.outlines(concept_ids)

    def count_types(self) -> dict[str, int]:
        """Return how many concepts have each semantic type."""
        counts = dict.fromkeys(sorted(self.types), 0)
        of_sets = np.bincount(self._concept_type_sets, minlength=len(self.meta["type_sets"])).tolist()
        for types, count in zip(self.meta["type_sets"], of_sets, strict=True):
            for name in types:
                counts[name] += count
        return counts

    def concept_in_row(self, row: int) -> Concept | None:
        """Return the concept in a row, counted from 0 in the order in which they were built; None if there is none."""
        return self._store.concept_in_row(row)

    def equivalent_ids(self, identifier: str) -> frozenset[str]:
        """Return the ids that mean the same as one.

        These are itself, the alternative ids of its concept, and the concepts that it is an alternative id of.
        """
        return self._store.equivalent_ids(identifier)

    # --- Look-up ---

    def candidates(
        self,
        mentions: Sequence[str],
        top_n: int = 10,
        *,
        types: Sequence[Collection[str] | None] | None = None,
    ) -> list[list[Candidate]]:
        """Find the concepts that each mention may mean.

        Concepts with a name that differs from the mention in form only (see :mod:`.normalization`; the order of the
        words counts as form) come first, with a score of 1; then the others by the cosine of their most similar name.
        Where several are equally similar, the order is: one that bears the mention letter by letter (case aside), one
        whose canonical name it is, one that has more names (the better known), one that comes first in the source.

        Args:
            mentions: Texts of mentions, best all of a batch at once.
            top_n: How many concepts for each, at most.
            types: For each mention the semantic types that its concept may have (one of them; concepts without types
                may always be), or None for any.

        Returns:
            For each mention its candidates, the best first, each concept once. What a mention gets does not depend on
            the others.

        Raises:
            TypeError: ``mentions`` is one text, whose letters would be looked up one by one.
            ValueError: ``top_n`` is less than 1.
        """
        if isinstance(mentions, str):
            raise TypeError(Errors.B223.format(mention=mentions))
        if top_n < 1:
            raise ValueError(Errors.B221.format(option="top_n", value=top_n, expected="at least 1"))
        if not mentions:
            return []
        return self.lookup.candidates(mentions, top_n, types=types)


def _is_file_name(name: object) -> bool:
    return isinstance(name, str) and Path(name).name == name


def _open_again(folder: Path, checksum: str) -> KnowledgeBase:
    """Open, in another process, the knowledge base that was pickled, and no other that took its place."""
    kb = KnowledgeBase.open(folder)
    if kb.checksum != checksum:
        raise ValueError(Errors.B208.format(path=folder))
    return kb


def _remove_in_process(folder: Path, pid: int) -> None:
    """Remove a folder, but not from a forked child: the parent still reads it."""
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)
