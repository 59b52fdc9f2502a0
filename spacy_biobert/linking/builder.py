"""Writes the files of a knowledge base."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from .. import __version__
from ..errors import Errors
from .concepts import Concept
from .folder import MANIFEST, write_manifest
from .index import ARRAY_FILES, Words, build_index
from .normalization import name_words
from .storage import ConceptStore, ConceptWriter

CONCEPTS = "concepts.sqlite"
NAME_CONCEPTS = "name_concepts.npy"
NAME_PRIORITIES = "name_priorities.npy"
CONCEPT_TYPE_SETS = "concept_type_sets.npy"
FILES = frozenset((MANIFEST, CONCEPTS, NAME_CONCEPTS, NAME_PRIORITIES, CONCEPT_TYPE_SETS, *ARRAY_FILES.values()))
"""The files of a knowledge base: all of them, and no other."""


def write_knowledge_base(
    concepts: Iterable[Concept], folder: Path, *, source: Mapping[str, str] | None = None, progress: bool = False
) -> None:
    """Write a knowledge base into an empty folder; :meth:`.KnowledgeBase.build` tells of arguments and errors."""
    name_counts: list[int] = []
    # Most concepts have one of a few combinations of types: a number stands for each.
    type_sets: dict[tuple[str, ...], int] = {}
    concept_type_sets: list[int] = []
    with ConceptWriter(folder / CONCEPTS) as writer:
        for concept in tqdm(concepts, desc="concepts", unit="", disable=not progress):
            name_counts.append(len(writer.add(concept)))
            types = tuple(sorted(set(concept.types)))
            concept_type_sets.append(type_sets.setdefault(types, len(type_sets)))
    if not name_counts:
        raise ValueError(Errors.B215)
    _write_name_tables(folder, np.asarray(name_counts, dtype=np.int64))
    np.save(folder / CONCEPT_TYPE_SETS, np.asarray(concept_type_sets, dtype=np.int32), allow_pickle=False)
    store = ConceptStore(folder / CONCEPTS)

    def name_blocks(step: str) -> Iterator[list[Words]]:
        with tqdm(total=writer.n_names, desc=step, unit=" names", disable=not progress) as bar:
            for block in store.names():
                yield [name_words(name) for name in block]
                bar.update(len(block))

    build_index(folder, name_blocks("features"), name_blocks("postings"))
    meta = {
        "package_version": __version__,
        "source": dict(source or {}),
        "n_concepts": writer.n_concepts,
        "n_names": writer.n_names,
        "type_sets": [list(types) for types in type_sets],
    }
    write_manifest(folder, meta)


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
