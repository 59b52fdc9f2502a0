"""Writes the files of a knowledge base."""

from __future__ import annotations

import warnings
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from .. import __version__
from ..errors import Errors, Warnings
from .concepts import Concept
from .folder import MANIFEST, write_manifest
from .index_builder import ARRAY_FILES, build_index
from .normalization import name_words
from .sparse import Words
from .storage import ConceptStore, ConceptWriter

CONCEPTS = "concepts.sqlite"
NAME_CONCEPTS = "name_concepts.npy"
NAME_PRIORITIES = "name_priorities.npy"
CONCEPT_TYPE_SETS = "concept_type_sets.npy"
FILES = frozenset((MANIFEST, CONCEPTS, NAME_CONCEPTS, NAME_PRIORITIES, CONCEPT_TYPE_SETS, *ARRAY_FILES.values()))
"""The files of a knowledge base: all of them, and no other."""


Source = Mapping[str, Any] | Callable[[], Mapping[str, Any]]
"""The record of where concepts come from, or what returns it when all concepts were read."""


def write_knowledge_base(
    concepts: Iterable[Concept], folder: Path, *, source: Source | None = None, progress: bool = False
) -> None:
    """Write a knowledge base into an empty folder; :meth:`.KnowledgeBase.build` tells of arguments and errors."""
    # Arrays, not lists: there may be millions.
    name_counts = array("i")
    # Most concepts have one of a few combinations of types: a number stands for each.
    type_sets: dict[tuple[str, ...], int] = {}
    concept_type_sets = array("i")
    with ConceptWriter(folder / CONCEPTS) as writer:
        for concept in tqdm(concepts, desc="concepts", unit="", disable=not progress):
            name_counts.append(len(writer.add(concept)))
            types = tuple(sorted(set(concept.types)))
            concept_type_sets.append(type_sets.setdefault(types, len(type_sets)))
    if not name_counts:
        raise ValueError(Errors.B215)
    _write_name_tables(folder, np.frombuffer(name_counts, dtype=np.intc).astype(np.int64))
    np.save(
        folder / CONCEPT_TYPE_SETS, np.frombuffer(concept_type_sets, dtype=np.intc).astype(np.int32), allow_pickle=False
    )
    store = ConceptStore(folder / CONCEPTS)
    _check_alternatives(store.inner_alternatives())

    def name_blocks() -> Iterator[list[Words]]:
        with tqdm(total=writer.n_names, desc="names", unit="", disable=not progress) as bar:
            for block in store.names():
                yield [name_words(name) for name in block]
                bar.update(len(block))

    build_index(folder, name_blocks())
    meta = {
        "package_version": __version__,
        "source": dict((source() if callable(source) else source) or {}),
        "n_concepts": writer.n_concepts,
        "n_names": writer.n_names,
        "type_sets": [list(types) for types in type_sets],
    }
    write_manifest(folder, meta)


def _check_alternatives(links: Mapping[str, Sequence[str]]) -> None:
    """Check the alternative ids that are ids of other concepts of the same knowledge base.

    Args:
        links: For each concept that has such alternative ids, these.

    Raises:
        ValueError: They lead from a concept back to itself.
    """
    if not links:
        return
    done: set[str] = set()
    for start in links:
        # Depth first, without recursion: a chain may be long. `path` is where we are, `open_ids` what is on it.
        path: list[str] = [start] if start not in done else []
        pending = [iter(links[start])] if path else []
        open_ids = set(path)
        while path:
            following = next(pending[-1], None)
            if following is None:
                done.add(path[-1])
                open_ids.discard(path.pop())
                pending.pop()
            elif following in open_ids:
                cycle = [*path[path.index(following) :], following]
                raise ValueError(Errors.B264.format(cycle=" → ".join(cycle)))
            elif following not in done:
                path.append(following)
                open_ids.add(following)
                pending.append(iter(links.get(following, ())))
    first, (other, *_) = next(iter(links.items()))
    warnings.warn(Warnings.W260.format(count=len(links), first=first, other=other), stacklevel=2)


def _write_name_tables(folder: Path, name_counts: NDArray[np.int64]) -> None:
    """Write, for each name, the row of its concept and its priority among names that are equally similar.

    Args:
        folder: Where to write.
        name_counts: How many names each concept has, the canonical one first, shape (n_concepts,).
    """
    name_concepts = np.repeat(np.arange(len(name_counts)), name_counts)
    is_synonym = np.ones(len(name_concepts), dtype=bool)
    is_synonym[np.cumsum(name_counts) - name_counts] = False
    # The last key counts most: canonical names first, then names of concepts that have many, then the source's order.
    order = np.lexsort((np.arange(len(name_concepts)), -name_counts[name_concepts], is_synonym))
    priorities = np.empty(len(order), dtype=np.int32)
    priorities[order] = np.arange(len(order))
    np.save(folder / NAME_CONCEPTS, name_concepts.astype(np.int32), allow_pickle=False)
    np.save(folder / NAME_PRIORITIES, priorities, allow_pickle=False)
