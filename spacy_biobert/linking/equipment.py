"""What a linker links with: a knowledge base, vectors of names, a ranker; and how a pipeline stores them."""

from __future__ import annotations

import hashlib
import shutil
import warnings
from collections.abc import Callable, Container, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import srsly
from spacy import util

from ..errors import Errors, Warnings
from ..json_files import read_json_object
from .reference import KnowledgeBaseReference

if TYPE_CHECKING:  # so that a pipeline without a linker pays nothing for it
    from .dense import DenseIndex
    from .graph import NameGraph
    from .kb import KnowledgeBase
    from .name_encoder import Floats, NameEncoder
    from .ranker import Ranker
    from .resolver import Resolver

KB = "kb"
KB_REFERENCE = "kb_reference.json"
DENSE = "dense.safetensors"
VECTORS = "name_vectors.safetensors"
GRAPH = "name_graph.usearch"
GRAPH_OF = "name_graph.json"
RANKER = "ranker.safetensors"
LEARNED = (DENSE, VECTORS, RANKER)


class Equipment:
    """The parts of a linker that are made, opened or learned, and stored with the pipeline.

    Attributes:
        kb: The knowledge base.
        name_encoder: Makes vectors of names, for the ranker.
        ranker: The ranker.
        by_reference: Whether a stored pipeline says where the knowledge base lies, in place of carrying a copy.
    """

    def __init__(self, name: str) -> None:
        """Create it without any part; `name` is the pipe's, for messages."""
        self._name = name
        # By whether they rank by what was learned.
        self._resolvers: dict[bool, Resolver] = {}
        self._kb: KnowledgeBase | None = None
        self._name_encoder: NameEncoder | None = None
        self._ranker: Ranker | None = None
        # Of the names of `kb`, by `name_encoder`: made when they are first needed.
        self._index: DenseIndex | None = None
        self._name_vectors: Floats | NameGraph | None = None
        self.by_reference = False

    def __getstate__(self) -> dict[str, Any]:
        """Return what a spawned process needs: what can be made of the rest stays behind, except vectors of names."""
        state = {**self.__dict__, "_resolvers": {}, "_index": None}
        if self._index is not None:
            state["_name_vectors"] = self._index.vectors
        return state

    @property
    def kb(self) -> KnowledgeBase | None:
        """The knowledge base."""
        return self._kb

    @kb.setter
    def kb(self, kb: KnowledgeBase | None) -> None:
        self._kb = kb
        self._forget_vectors()

    @property
    def name_encoder(self) -> NameEncoder | None:
        """Makes vectors of names."""
        return self._name_encoder

    @name_encoder.setter
    def name_encoder(self, name_encoder: NameEncoder | None) -> None:
        self._name_encoder = name_encoder
        self._forget_vectors()

    @property
    def ranker(self) -> Ranker | None:
        """The ranker."""
        return self._ranker

    @ranker.setter
    def ranker(self, ranker: Ranker | None) -> None:
        self._ranker, self._resolvers = ranker, {}

    def _forget_vectors(self) -> None:
        self._index = self._name_vectors = None
        self._resolvers = {}

    def with_kb(self, kb: KnowledgeBase) -> Equipment:
        """Return the same with another knowledge base."""
        other = Equipment(self._name)
        other.kb, other.name_encoder, other.ranker = kb, self.name_encoder, self.ranker
        return other

    def require_kb(self) -> KnowledgeBase:
        """Return the knowledge base.

        Raises:
            ValueError: There is none.
        """
        if self.kb is None:
            raise ValueError(Errors.B241.format(name=self._name))
        return self.kb

    def resolver(self, *, ranker: bool) -> Resolver:
        """Return what looks mentions up and ranks what it finds; it is made when it is first needed.

        Args:
            ranker: Whether it ranks by what was learned.

        Raises:
            ValueError: There is no knowledge base, or a ranker is asked for that was never made.
        """
        if ranker not in self._resolvers:
            from .candidates import CandidateFinder
            from .resolver import Resolver

            kb = self.require_kb()
            if ranker and self.ranker is None:
                raise ValueError(Errors.B243.format(name=self._name))
            # Vectors of names are read by the ranker alone.
            finder = CandidateFinder(kb, self._dense_index() if ranker else None)
            self._resolvers[ranker] = Resolver(finder, self.ranker if ranker else None)
        return self._resolvers[ranker]

    def _dense_index(self) -> DenseIndex | None:
        """Return the vectors of the knowledge base's names; None where there is no encoder."""
        if self._index is None and self.name_encoder is not None:
            from .dense import DenseIndex

            self._index = DenseIndex(self.name_encoder, self.require_kb(), vectors=self._name_vectors)
            self._name_vectors = None
        return self._index

    # --- Saving and loading ---

    def parts(self, exclude: Iterable[str] = ()) -> list[str]:
        """Return the names of the parts that are stored, and cannot be had otherwise."""
        left_out = set(exclude)
        held = {
            KB: self.kb is not None and not self.by_reference,
            DENSE: self.name_encoder is not None,
            RANKER: self.ranker is not None,
        }
        return [name for name in held if held[name] and not _is_among(name, left_out)]

    @staticmethod
    def parts_in(folder: Path, exclude: Iterable[str] = ()) -> list[str]:
        """Return the names of those that are in a folder, or are not to be read from it."""
        left_out = set(exclude)
        return [name for name in (KB, DENSE, RANKER) if _is_among(name, left_out) or (folder / name).exists()]

    def to_disk(self, folder: Path, *, exclude: Iterable[str] = ()) -> None:
        """Write all parts into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        left_out = set(exclude)
        if KB not in left_out:
            self._write_kb(folder)
        learned = self._learned()
        for name in LEARNED:
            if _is_among(name, left_out):
                continue
            if name in learned:
                (folder / name).write_bytes(learned[name])
            else:
                (folder / name).unlink(missing_ok=True)
        if not _is_among(GRAPH, left_out):
            self._write_graph(folder)

    def _write_kb(self, folder: Path) -> None:
        """Write the knowledge base, or where it lies; what is there from an earlier time would contradict it."""
        reference, copy = folder / KB_REFERENCE, folder / KB
        if self.kb is not None and not self.by_reference:
            self.kb.copy_to(copy)
            reference.unlink(missing_ok=True)
            return
        if self.kb is None:
            reference.unlink(missing_ok=True)
        else:
            srsly.write_json(reference, KnowledgeBaseReference.make(self.kb).to_dict())
        if copy.exists() and not (self.kb is not None and copy.samefile(self.kb.folder)):
            shutil.rmtree(copy)

    def from_disk(self, folder: Path, *, kb_path: str | None, insists: bool, exclude: Iterable[str] = ()) -> None:
        """Read all parts from a folder.

        Args:
            folder: The folder.
            kb_path: Where a knowledge base lies now that is only referred to.
            insists: Whether that is said now. A path that was stored with the pipeline may hold no longer: then the
                knowledge base may also lie where it lay, or in the folder.
            exclude: Names of parts that are not to be read.
        """
        from .kb import KnowledgeBase

        reference, left_out = folder / KB_REFERENCE, set(exclude)
        if KB not in left_out:
            if reference.exists():
                places = [kb_path] if insists else [kb_path, None, folder / KB]
                self._open_reference(read_json_object(reference), places)
            elif (folder / KB).exists():
                self.kb, self.by_reference = KnowledgeBase.open(folder / KB), False
                if kb_path is not None and insists and Path(kb_path).resolve() != (folder / KB).resolve():
                    warnings.warn(Warnings.W262.format(name=self._name, path=kb_path), stacklevel=2)
        learned = (name for name in LEARNED if not _is_among(name, left_out) and (folder / name).exists())
        self._set_learned({name: (folder / name).read_bytes() for name in learned}, folder, left_out)
        if not _is_among(GRAPH, left_out):
            self._read_graph(folder)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialize all parts, but a graph of names: whoever reads the bytes makes it anew when it is needed.

        Raises:
            ValueError: The knowledge base is too large to travel in memory.
        """
        write: dict[str, Callable[[], Any]] = {}
        if self.kb is not None and KB not in exclude:
            if self.by_reference:
                write[KB_REFERENCE] = KnowledgeBaseReference.make(self.kb).to_dict
            else:
                write[KB] = self.kb.to_bytes
        for name, data in self._learned().items():
            write[name] = partial(bytes, data)
        return util.to_bytes(write, exclude)

    def from_bytes(self, data: bytes, *, kb_path: str | None, insists: bool, exclude: Iterable[str] = ()) -> None:
        """Read what :meth:`to_bytes` returned; see :meth:`from_disk`."""
        from .kb import KnowledgeBase

        def read_kb(stored: bytes) -> None:
            self.kb, self.by_reference = KnowledgeBase.from_bytes(stored), False

        learned: dict[str, bytes] = {}
        read: dict[str, Callable[[Any], Any]] = {name: partial(learned.__setitem__, name) for name in LEARNED}
        read[KB] = read_kb
        read[KB_REFERENCE] = partial(self._open_reference, places=[kb_path] if insists else [kb_path, None])
        left_out = set(exclude)
        util.from_bytes(data, read, left_out)
        self._set_learned(learned, "the bytes of a pipeline", left_out)

    def _open_reference(self, data: dict[str, Any], places: Sequence[str | Path | None]) -> None:
        """Open the knowledge base that is referred to, in the first of some places with it; None is where it lay."""
        reference = KnowledgeBaseReference.from_dict(data)
        errors: list[Exception] = []
        for place in places:
            try:
                self.kb, self.by_reference = reference.open(place, component=self._name), True
                return
            except (FileNotFoundError, ValueError) as error:
                errors.append(error)
        raise errors[0]

    def _learned(self) -> dict[str, bytes]:
        learned = {}
        if self.name_encoder is not None:
            learned[DENSE] = self.name_encoder.to_bytes()
            # Without a ranker nothing asks for them.
            index = self._dense_index() if self.name_encoder.is_costly and self.ranker is not None else None
            if index is not None and index.graph is None:
                learned[VECTORS] = index.to_bytes()
        if self.ranker is not None:
            learned[RANKER] = self.ranker.to_bytes()
        return learned

    def _write_graph(self, folder: Path) -> None:
        """Write the graph of names, which takes long to make, and last of all, what it belongs to."""
        graph = self._graph()
        (folder / GRAPH_OF).unlink(missing_ok=True)
        if graph is None:
            (folder / GRAPH).unlink(missing_ok=True)
        else:
            graph.save(folder / GRAPH)
            srsly.write_json(folder / GRAPH_OF, self._graph_of())

    def _read_graph(self, folder: Path) -> None:
        """Open the graph of names, where it is one of these names by this encoder."""
        if self.kb is None or self.name_encoder is None or not (folder / GRAPH_OF).exists():
            return
        if read_json_object(folder / GRAPH_OF) == self._graph_of():
            from .graph import NameGraph

            self._name_vectors = NameGraph.open(folder / GRAPH, n_names=self.kb.n_names, width=self.name_encoder.width)

    def _graph(self) -> NameGraph | None:
        from .dense import EXACT_NAMES

        # Without a ranker nothing asks for it.
        if self.kb is None or self.ranker is None or self.kb.n_names <= EXACT_NAMES:
            return None
        index = self._dense_index()
        return index.graph if index is not None else None

    def _graph_of(self) -> dict[str, str]:
        """Return the checksums of what a graph of names depends on."""
        encoder = self.name_encoder.to_bytes() if self.name_encoder is not None else b""
        return {"kb": self.require_kb().checksum, "encoder": hashlib.sha256(encoder).hexdigest()}

    def _set_learned(self, learned: dict[str, bytes], where: str | Path, left_out: Container[str]) -> None:
        """Take over what was learned; what is not there, and not excluded, was not learned."""
        if not _is_among(DENSE, left_out):
            from .name_encoder import read_name_encoder

            self.name_encoder = read_name_encoder(learned[DENSE], where) if DENSE in learned else None
        if VECTORS in learned and self.kb is not None:
            from .dense import read_vectors

            self._name_vectors = read_vectors(learned[VECTORS], self.kb, where)
        if RANKER in learned:
            from .ranker import Ranker

            self.ranker = Ranker.from_bytes(learned[RANKER], where)
        elif not _is_among(RANKER, left_out):
            self.ranker = None


def _is_among(name: str, left_out: Container[str]) -> bool:
    """Tell whether a file is left out, by its name or, as spaCy does, by what stands before the dot."""
    return name in left_out or name.partition(".")[0] in left_out
