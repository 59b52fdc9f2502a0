"""Docs to word pieces, without a Python loop over tokens.

A word's pieces depend on the word alone (and, for byte-level vocabularies, on whether a space stands before it), so
each distinct word is tokenized once and remembered. A batch is then looked up as a whole: its distinct words in a
dictionary, everything else in numpy.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..arrays import ranges
from ..forking import renew_when_forked
from .tokenization import PieceTokenizer

if TYPE_CHECKING:  # so that what runs the encoder can be used, and measured, without spaCy
    from spacy.tokens import Doc

_MAX_WORDS = 500_000
"""Distinct words remembered before the table starts anew: about 60 MB."""
_AFTER_SPACE = np.uint64(0x9E3779B97F4A7C15)
"""Tells a word after a space from the same word elsewhere. The ids of spaCy's own symbols are small and lie side by
side ("NOUN" is 92, "NUM" is 93), so that a flag in the lowest bit would take one for the other."""


@dataclass(frozen=True)
class Pieces:
    """The word pieces of some docs, one doc after another, without special pieces.

    Attributes:
        ids: Piece ids, of shape (n_pieces,).
        token_lengths: Pieces of each token, 0 for tokens that have none, of shape (n_tokens,).
        doc_lengths: Tokens of each doc, of shape (n_docs,).
        sentence_starts: True for each token that is known to start a sentence, of shape (n_tokens,).
    """

    ids: NDArray[np.int64]
    token_lengths: NDArray[np.int64]
    doc_lengths: NDArray[np.int64]
    sentence_starts: NDArray[np.bool_]


class PieceTable:
    """Remembers the word pieces of every word seen. Several threads may share one."""

    def __init__(self, tokenizer: PieceTokenizer) -> None:
        self._tokenizer = tokenizer
        self._lock = threading.Lock()
        self._clear()
        renew_when_forked(self)

    def renew(self) -> None:
        """In a forked process, forget all words if some are half learned, by a thread that is not there."""
        if self._lock.locked():
            self._lock = threading.Lock()
            self._clear()

    def _clear(self) -> None:
        self._rows: dict[int, int] = {}
        self._words: list[list[int]] = []
        # Grown with the words, so that a batch is gathered by numpy alone: flat ids, and each word's start and length.
        self._ids = np.zeros(0, dtype=np.int64)
        self._starts = np.zeros(0, dtype=np.int64)
        self._lengths = np.zeros(0, dtype=np.int64)

    def __call__(self, docs: Sequence[Doc]) -> Pieces:
        """Look up the pieces of docs; any may be empty of tokens, or of pieces."""
        attributes = [doc.to_array(["ORTH", "SPACY"]) for doc in docs]
        doc_lengths = np.array([len(doc) for doc in docs], dtype=np.int64)
        table = np.concatenate(attributes) if attributes else np.zeros((0, 2), dtype=np.uint64)
        keys = table[:, 0].copy()
        if self._tokenizer.marks_spaces:
            keys[self._after_space(table[:, 1], doc_lengths)] ^= _AFTER_SPACE
        unique, positions = np.unique(keys, return_inverse=True)
        with self._lock:
            rows = np.fromiter((self._rows.get(key, -1) for key in unique.tolist()), np.int64, len(unique))
            if (rows < 0).any():
                words = self._strings(docs, doc_lengths, table, keys, unique, rows)
                rows = self._learn(unique, rows, words)
            starts, lengths, flat = self._starts[rows], self._lengths[rows], self._ids
        token_lengths = lengths[positions]
        return Pieces(
            ids=flat[ranges(starts[positions], token_lengths)],
            token_lengths=token_lengths,
            doc_lengths=doc_lengths,
            sentence_starts=_sentence_starts(docs, len(keys)),
        )

    @staticmethod
    def _after_space(spaces: NDArray[np.uint64], doc_lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
        """True for each token after a space, and for the first of each doc, as pretraining on running text has it."""
        after = np.ones(len(spaces), dtype=bool)
        after[1:] = spaces[:-1] != 0
        starts = np.cumsum(doc_lengths) - doc_lengths
        after[starts[doc_lengths > 0]] = True
        return after

    def _strings(
        self,
        docs: Sequence[Doc],
        doc_lengths: NDArray[np.int64],
        table: NDArray[np.uint64],
        keys: NDArray[np.uint64],
        unique: NDArray[np.uint64],
        rows: NDArray[np.int64],
    ) -> list[tuple[str, bool]]:
        """Return each unknown word with whether it follows a space."""
        first = np.unique(keys, return_index=True)[1][rows < 0]
        # Docs may come from pipelines whose vocabularies do not know each other's words.
        places = np.searchsorted(np.cumsum(doc_lengths), first, side="right")
        orths = table[first, 0]
        return [
            (docs[place].vocab.strings[int(orth)], int(orth) != int(key))
            for place, orth, key in zip(places.tolist(), orths, unique[rows < 0], strict=True)
        ]

    def _learn(
        self, unique: NDArray[np.uint64], rows: NDArray[np.int64], words: list[tuple[str, bool]]
    ) -> NDArray[np.int64]:
        """Tokenize unknown words and return the row of every unique key."""
        learned = [self._tokenizer.pieces(word, after_space=after) for word, after in words]
        if len(self._rows) + len(learned) > _MAX_WORDS and self._rows:
            # Keep what this batch needs, forget the rest.
            kept = [self._ids[s : s + n].tolist() for s, n in zip(self._starts[rows], self._lengths[rows], strict=True)]
            for i, pieces in zip(np.flatnonzero(rows < 0), learned, strict=True):
                kept[i] = pieces
            self._clear()
            rows, learned = np.full(len(unique), -1, dtype=np.int64), kept
        unknown = np.flatnonzero(rows < 0)
        lengths = np.array([len(pieces) for pieces in learned], dtype=np.int64)
        starts = len(self._ids) + np.cumsum(lengths) - lengths
        new_rows = len(self._lengths) + np.arange(len(learned))
        flat = np.array([piece for pieces in learned for piece in pieces], dtype=np.int64)
        self._ids = np.concatenate([self._ids, flat])
        self._starts = np.concatenate([self._starts, starts])
        self._lengths = np.concatenate([self._lengths, lengths])
        self._rows.update(zip(unique[unknown].tolist(), new_rows.tolist(), strict=True))
        rows = rows.copy()
        rows[unknown] = new_rows
        return rows


def _sentence_starts(docs: Sequence[Doc], n_tokens: int) -> NDArray[np.bool_]:
    """Mark the tokens that start a sentence, in docs where sentences have been set."""
    starts = np.zeros(n_tokens, dtype=bool)
    offset = 0
    for doc in docs:
        if doc.has_annotation("SENT_START"):
            starts[offset : offset + len(doc)] = doc.to_array("SENT_START") == 1
        offset += len(doc)
    return starts
