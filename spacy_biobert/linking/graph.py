"""The vectors of very many names, as a graph of neighbours on disk: an approximate search, by usearch (extra ``ann``).

Y. A. Malkov and D. A. Yashunin, *Efficient and robust approximate nearest neighbor search using hierarchical navigable
small world graphs*, IEEE TPAMI 42 (2020), https://arxiv.org/abs/1603.09320. The file is usearch's own, read through the
page cache: opening takes no time, and processes share its memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ..errors import Errors
from ..files import replacing
from .name_encoder import Floats, NameEncoder

# Chosen on 230,000 names of diseases, MeSH's headings and human genes, see benchmarks/README.md.
_CONNECTIVITY = 16
_EXPANSION_ADD = 128
_EXPANSION_SEARCH = 512

_AT_ONCE = 65_536
"""Names that are encoded before they join the graph; all vectors are never in memory at once."""


class _File(NamedTuple):
    """A file as it was when it was written or opened: another that takes its place has another state."""

    path: Path
    state: tuple[int, int, int]

    @classmethod
    def of(cls, path: Path) -> _File:
        status = path.stat()
        return cls(path.absolute(), (status.st_ino, status.st_size, status.st_mtime_ns))

    def is_there(self) -> bool:
        return self.path.is_file() and _File.of(self.path) == self


class NameGraph:
    """The vectors of names, in half precision, each linked to some that are near.

    A copy, in this process or in one that it spawns, opens the same file; it takes the bytes along where there is none.

    Args:
        index: A ``usearch.index.Index`` of inner products, its keys the rows of names.
        file: The file that has it; None where there is none.
    """

    def __init__(self, index: Any, file: _File | None = None) -> None:
        self._index = index
        self._file = file

    def __reduce__(self) -> tuple[Callable[..., NameGraph], tuple[Any, ...]]:
        if self._file is not None and self._file.is_there():
            return _open_again, (self._file.path, len(self), self._index.ndim)
        return _read, (bytes(self._index.save()),)

    @staticmethod
    def require_package() -> None:
        """Raise where no graph can be made.

        Raises:
            ImportError: usearch is not installed.
        """
        _usearch()

    @classmethod
    def build(cls, names: Sequence[str], encoder: NameEncoder) -> NameGraph:
        """Encode names and link them.

        Raises:
            ImportError: usearch is not installed.
        """
        index = _usearch().Index(
            ndim=encoder.width, metric="ip", dtype="f16", connectivity=_CONNECTIVITY, expansion_add=_EXPANSION_ADD
        )
        for first in tqdm(range(0, len(names), _AT_ONCE), desc="graph of names", unit="block", disable=None):
            block = names[first : first + _AT_ONCE]
            index.add(np.arange(first, first + len(block), dtype=np.uint64), encoder(block))
        return cls(index)

    @classmethod
    def open(cls, path: Path, *, n_names: int, width: int) -> NameGraph:
        """Open a file that :meth:`save` wrote.

        Args:
            path: The file.
            n_names: How many names it has.
            width: Size of their vectors.

        Raises:
            ImportError: usearch is not installed.
            ValueError: The file is damaged, or another.
        """
        try:
            index = _usearch().Index.restore(path, view=True)
        except (RuntimeError, ValueError) as error:
            raise ValueError(Errors.B238.format(path=path, reason=error)) from error
        if index is None or (len(index), index.ndim) != (n_names, width):
            found = "nothing" if index is None else f"{len(index):,} vectors of {index.ndim}"
            raise ValueError(Errors.B238.format(path=path, reason=f"{found}, expected {n_names:,} vectors of {width}"))
        return cls(index, _File.of(path))

    def save(self, path: Path) -> None:
        """Write the file all at once: it may be the very one that is open."""
        with replacing(path) as part:
            self._index.save(part)
        self._file = _File.of(path)

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, rows: NDArray[np.int64]) -> Floats:
        """Return the vectors of names, (n, width)."""
        found = self._index.get(rows.astype(np.uint64), dtype="f32")
        return np.stack(found).astype(np.float32, copy=False)

    def search(self, mentions: Floats, n: int) -> list[tuple[NDArray[np.int64], Floats]]:
        """Find the names nearest to mentions; about three in a hundred are missed.

        Args:
            mentions: Their vectors, (n_mentions, width).
            n: How many names for each.

        Returns:
            For each mention the rows of names, the nearest first, and their cosines.
        """
        self._index.expansion_search = max(_EXPANSION_SEARCH, n)
        found = []
        for mention in mentions:
            matches = self._index.search(mention, n)
            cosines = (1 - np.asarray(matches.distances)).astype(np.float32)
            found.append((np.asarray(matches.keys).astype(np.int64), cosines))
        return found


def _open_again(path: Path, n_names: int, width: int) -> NameGraph:
    return NameGraph.open(path, n_names=n_names, width=width)


def _read(data: bytes) -> NameGraph:
    return NameGraph(_usearch().Index.restore(data))


def _usearch() -> Any:
    try:
        from usearch import index
    except ImportError as error:
        raise ImportError(Errors.B247) from error
    return index
