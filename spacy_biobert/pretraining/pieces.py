"""Text as word pieces on disk: written once, memory-mapped afterwards, however much there is.

Training may pass over a text many times, in any order, and be interrupted in between; tokenizing it once is enough. The
pieces are written to a folder as they come, with memory for some hundred documents at a time, and with them the windows
that training draws:

    ids.bin       the id of each piece, int32
    starts.bin    1 for each piece that begins a word, uint8
    ends.bin      one past the last piece of each window, int64; a window begins where the one before it ends
    pieces.json   what the folder was made from
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..arrays import ranges
from ..encoder.pieces import Pieces
from ..encoder.tokenization import PieceTokenizer
from ..encoder.windows import make_windows
from ..files import file_digest
from .text import read_documents

_DOCS_AT_A_TIME = 256
_DESCRIPTION = "pieces.json"


@dataclass(frozen=True)
class Description:
    """What a folder of pieces was made from; another text, vocabulary or window needs another folder.

    Attributes:
        files: Name and SHA-256 of each file, in order.
        tokenizer: SHA-256 of the tokenizer.
        window: Longest window, its two special pieces included.
    """

    files: list[list[str]]
    tokenizer: str
    window: int

    @classmethod
    def make(cls, files: Sequence[Path], tokenizer: PieceTokenizer, window: int) -> Description:
        """Describe what would be made from these files."""
        digest = hashlib.sha256(tokenizer.to_json().encode()).hexdigest()
        return cls([[file.name, file_digest(file, "sha256")] for file in files], digest, window)


@dataclass(frozen=True)
class PieceFolder:
    """The pieces of a text, memory-mapped.

    Attributes:
        ids: Piece ids, (n_pieces,).
        starts: 1 for each piece that begins a word, (n_pieces,).
        ends: One past the last piece of each window, (n_windows,).
    """

    ids: NDArray[np.int32]
    starts: NDArray[np.uint8]
    ends: NDArray[np.int64]

    @classmethod
    def prepare(
        cls,
        files: Sequence[Path],
        tokenizer: PieceTokenizer,
        folder: Path,
        *,
        window: int,
        progress: Callable[[Iterable[str]], Iterable[str]] = iter,
    ) -> PieceFolder:
        """Open a folder of pieces; make it first where there is none, or one of something else.

        Args:
            files: The text, see `text.text_files`.
            tokenizer: Spells it.
            folder: Where the pieces lie.
            window: Longest window, its two special pieces included.
            progress: What the documents pass through while they are read, such as a progress bar.
        """
        description = Description.make(files, tokenizer, window)
        stored = folder / _DESCRIPTION
        if not stored.exists() or json.loads(stored.read_text(encoding="utf8")) != asdict(description):
            stored.unlink(missing_ok=True)
            _write(progress(read_documents(files)), tokenizer, folder, window)
            # Last, so that a folder with a description is whole.
            stored.write_text(json.dumps(asdict(description), indent=2) + "\n", encoding="utf8")
        ids, starts, ends = folder / "ids.bin", folder / "starts.bin", folder / "ends.bin"
        return cls(_map(ids, np.int32), _map(starts, np.uint8), _map(ends, np.int64))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Pieces of each window, special pieces left out, (n_windows,)."""
        return np.diff(self.ends, prepend=0)

    def gather(self, windows: NDArray[np.int64]) -> Pieces:
        """Return the pieces of some windows, one after another, each as if it were a doc."""
        lengths = self.lengths[windows]
        rows = ranges(self.ends[windows] - lengths, lengths)
        first = np.flatnonzero(self.starts[rows])
        word_lengths = np.diff(first, append=len(rows))
        doc_lengths = np.diff(np.searchsorted(first, np.append(0, np.cumsum(lengths))))
        sentence_starts = np.zeros(len(first), dtype=bool)
        return Pieces(self.ids[rows].astype(np.int64), word_lengths, doc_lengths, sentence_starts)


def _map(path: Path, dtype: type[np.generic]) -> NDArray:
    return np.memmap(path, dtype=dtype, mode="r") if path.stat().st_size else np.zeros(0, dtype=dtype)


def _write(documents: Iterable[str], tokenizer: PieceTokenizer, folder: Path, window: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    n_pieces = 0
    with (
        (folder / "ids.bin").open("wb") as ids,
        (folder / "starts.bin").open("wb") as starts,
        (folder / "ends.bin").open("wb") as ends,
    ):
        for some in _groups(documents):
            pieces = _tokenize(some, tokenizer)
            if not len(pieces.ids):
                continue
            first = np.zeros(len(pieces.ids), dtype=np.uint8)
            first[np.cumsum(pieces.token_lengths) - pieces.token_lengths] = 1
            windows = make_windows(pieces, window=window, overlap=0)
            # A word longer than a window begins anew in each.
            first[windows.starts] = 1
            pieces.ids.astype(np.int32).tofile(ids)
            first.tofile(starts)
            (windows.ends + n_pieces).tofile(ends)
            n_pieces += len(pieces.ids)


def _groups(documents: Iterable[str]) -> Iterator[list[str]]:
    documents = iter(documents)
    while some := list(islice(documents, _DOCS_AT_A_TIME)):
        yield some


def _tokenize(texts: list[str], tokenizer: PieceTokenizer) -> Pieces:
    """Spell whole texts; a token is what the checkpoint's own tokenizer takes for a word."""
    encodings = tokenizer.tokenizer.encode_batch(texts, add_special_tokens=False)
    words = [np.array(encoding.word_ids, dtype=np.int64) for encoding in encodings]
    starts = [np.flatnonzero(np.diff(each, prepend=-1)) for each in words]
    lengths = [np.diff(first, append=len(each)) for first, each in zip(starts, words, strict=True)]
    token_lengths = np.concatenate(lengths)
    return Pieces(
        ids=np.array([piece for encoding in encodings for piece in encoding.ids], dtype=np.int64),
        token_lengths=token_lengths,
        doc_lengths=np.array([len(each) for each in lengths], dtype=np.int64),
        sentence_starts=np.zeros(len(token_lengths), dtype=bool),
    )
