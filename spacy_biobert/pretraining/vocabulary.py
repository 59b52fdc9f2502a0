"""Fit an encoder's vocabulary to the text of a field: leave out what it never uses, add what it uses all the time.

Half of a small encoder is its embedding table, and most of a general vocabulary never occurs in biomedical text. Pieces
are dropped by how seldom they occur; words that used them are spelled with the pieces that stay, so nothing becomes
unknown as long as the single characters are kept, and they always are.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from ..encoder.bert import Bert
from ..encoder.checkpoints import Checkpoint
from ..encoder.tokenization import PieceTokenizer
from ..errors import Errors


def count_words(texts: Iterable[str], tokenizer: Tokenizer) -> Counter[str]:
    """Count the words of texts as the tokenizer's own rules normalise and split them."""
    counts: Counter[str] = Counter()
    for text in texts:
        if tokenizer.normalizer is not None:
            text = tokenizer.normalizer.normalize_str(text)
        counts.update(word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text))
    return counts


def count_pieces(words: Counter[str], tokenizer: Tokenizer) -> Counter[int]:
    """Count the pieces that spell counted words."""
    counts: Counter[int] = Counter()
    for word, count in words.items():
        for piece in tokenizer.model.tokenize(word):
            counts[piece.id] += count
    return counts


def trim_vocabulary(checkpoint: Checkpoint, words: Counter[str], size: int) -> Checkpoint:
    """Return an encoder that knows only the most frequent pieces.

    Args:
        checkpoint: An encoder with a WordPiece vocabulary; it is left as it is.
        words: Counted words of the field's text, see `count_words`.
        size: Pieces to keep, special pieces and single characters included.

    Raises:
        ValueError: The vocabulary is not WordPiece, or `size` is too small for what must be kept.
    """
    tokenizer = checkpoint.tokenizer.tokenizer
    description = _word_piece(tokenizer)
    vocab: dict[str, int] = description["model"]["vocab"]
    special = {token["content"] for token in description["added_tokens"] if token["special"]}
    special -= {piece for piece in special if piece.startswith("[unused")}
    must = {piece for piece in vocab if piece in special or len(piece.removeprefix("##")) == 1}
    if len(must) > size:
        raise ValueError(Errors.B411.format(size=size, needed=len(must)))
    counts = count_pieces(words, tokenizer)
    others = sorted(vocab.keys() - must, key=lambda piece: (-counts[vocab[piece]], vocab[piece]))
    kept = sorted(must | set(others[: size - len(must)]), key=vocab.__getitem__)

    description["model"]["vocab"] = {piece: i for i, piece in enumerate(kept)}
    rows = {piece: i for i, piece in enumerate(kept)}
    description["added_tokens"] = [
        {**token, "id": rows[token["content"]]} for token in description["added_tokens"] if token["content"] in rows
    ]
    _renumber(description.get("post_processor"), rows)
    trimmed = Tokenizer.from_str(json.dumps(description, ensure_ascii=False))

    table = checkpoint.bert.embeddings.word.weight.detach()
    rows_kept = torch.tensor([vocab[piece] for piece in kept])
    return _with_table(checkpoint, trimmed, table[rows_kept].clone(), rows["[PAD]"])


def _word_piece(tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the description of a WordPiece tokenizer, as ``tokenizer.json`` has it."""
    description = json.loads(tokenizer.to_str())
    if description["model"]["type"] != "WordPiece":
        raise ValueError(Errors.B410.format(kind=description["model"]["type"]))
    return description


def _with_table(checkpoint: Checkpoint, tokenizer: Tokenizer, table: Tensor, pad_id: int) -> Checkpoint:
    """Return the encoder with another vocabulary and its embedding table."""
    state = {name: weights.detach().clone() for name, weights in checkpoint.bert.state_dict().items()}
    state["embeddings.word.weight"] = table
    bert = Bert(dataclasses.replace(checkpoint.bert.config, vocab_size=len(table), pad_id=pad_id))
    bert.load_state_dict(state)
    settings = {**checkpoint.settings, "vocab_size": len(table), "pad_token_id": pad_id}
    settings.pop("_name_or_path", None)
    pieces = PieceTokenizer.from_tokenizer(tokenizer, "the new vocabulary", checkpoint.max_pieces)
    return Checkpoint(settings, pieces, bert)


def _renumber(post_processor: dict | None, rows: dict[str, int]) -> None:
    """Give a tokenizer's closing step the new ids of the special pieces it puts around a text."""
    if post_processor is None:
        return
    for name, token in post_processor.get("special_tokens", {}).items():
        token["ids"] = [rows[name]]
    for side in ("sep", "cls"):
        if side in post_processor:
            piece, _ = post_processor[side]
            post_processor[side] = [piece, rows[piece]]


def extend_vocabulary(checkpoint: Checkpoint, words: Counter[str], size: int) -> Checkpoint:
    """Return an encoder that has pieces of their own for the words that cost it most.

    A new piece is a whole word that was spelled with several; what it saves is its frequency times the pieces less one.
    Its vector begins as the mean of those that spelled it.

    Args:
        checkpoint: An encoder with a WordPiece vocabulary; it is left as it is.
        words: Counted words of the field's text, see `count_words`.
        size: Pieces in all; fewer where the text has no more words.

    Raises:
        ValueError: The vocabulary is not WordPiece.
    """
    tokenizer = checkpoint.tokenizer.tokenizer
    description = _word_piece(tokenizer)
    vocab: dict[str, int] = description["model"]["vocab"]
    table = checkpoint.bert.embeddings.word.weight.detach()
    spelled = {word: [piece.id for piece in tokenizer.model.tokenize(word)] for word in words if word not in vocab}
    savings = {
        word: words[word] * (len(pieces) - 1)
        for word, pieces in spelled.items()
        if len(pieces) > 1 and checkpoint.tokenizer.unk not in pieces
    }
    new = sorted(savings, key=lambda word: (-savings[word], word))[: max(0, size - len(table))]
    for row, word in enumerate(new, start=len(table)):
        vocab[word] = row
    extended = Tokenizer.from_str(json.dumps(description, ensure_ascii=False))
    vectors = [table[spelled[word]].mean(dim=0) for word in new]
    return _with_table(checkpoint, extended, torch.stack([*table, *vectors]), checkpoint.bert.config.pad_id)
