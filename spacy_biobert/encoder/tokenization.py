"""A checkpoint's word piece tokenizer, with its casing made certain.

Several BioBERT and clinical checkpoints come without tokenizer settings. Whoever then assumes BERT's default
lower-cases text for a cased vocabulary, turns "BRCA" into "br", "##ca", and loses several points of F1 without a
message. Here the vocabulary decides: one that has capital letters is cased, and settings that say otherwise are an
error.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from ..errors import Errors
from ..json_files import read_json_object

Casing = Literal["auto", "keep", "lower"]

_SPECIAL_NAMES = {
    "cls": ("[CLS]", "<s>"),
    "sep": ("[SEP]", "</s>"),
    "pad": ("[PAD]", "<pad>"),
    "unk": ("[UNK]", "<unk>"),
}
_ALL_SPECIAL_NAMES = [name for names in _SPECIAL_NAMES.values() for name in names] + ["[MASK]", "<mask>"]
_ABSURD_LENGTH = 1_000_000
"""Checkpoints without a limit write 1e30; none that has one writes a million."""


@dataclass(frozen=True)
class PieceTokenizer:
    """Splits one word at a time into word pieces.

    Attributes:
        tokenizer: The tokenizer of the checkpoint.
        cls: Id of the piece that opens a window.
        sep: Id of the piece that closes it.
        pad: Id that fills a batch.
        unk: Id of a word that the vocabulary cannot spell.
        marks_spaces: The pieces of a word differ after a space (byte-level BPE, as in RoBERTa).
        max_length: Longest input that the checkpoint's settings allow, or None where they do not say.
    """

    tokenizer: Tokenizer
    cls: int
    sep: int
    pad: int
    unk: int
    marks_spaces: bool
    max_length: int | None = None

    @classmethod
    def from_tokenizer(cls, tokenizer: Tokenizer, where: str, max_length: int | None = None) -> PieceTokenizer:
        """Wrap a tokenizer; raises ValueError where it lacks one of the special pieces."""
        ids = {}
        for role, names in _SPECIAL_NAMES.items():
            found = [piece for name in names if (piece := tokenizer.token_to_id(name)) is not None]
            if not found:
                raise ValueError(Errors.B008.format(path=where, names=" or ".join(names)))
            ids[role] = found[0]
        tokenizer.no_padding()
        tokenizer.no_truncation()
        marks_spaces = isinstance(tokenizer.model, models.BPE)
        return cls(tokenizer, marks_spaces=marks_spaces, max_length=max_length, **ids)

    def pieces(self, word: str, *, after_space: bool) -> list[int]:
        """Return the piece ids of one word; none for a word of spaces or control characters alone.

        SentencePiece's mark of a space (XLM-RoBERTa) stands before each word, as in Hugging Face's token classifiers.
        """
        if self.marks_spaces and after_space and not word[0].isspace():
            word = " " + word
        return self.tokenizer.encode(word, add_special_tokens=False).ids

    def to_json(self) -> str:
        """Return the tokenizer in the form of ``tokenizer.json``."""
        return self.tokenizer.to_str()

    def settings(self, max_length: int) -> dict[str, Any]:
        """Return what ``tokenizer_config.json`` must say: other tools lower-case wherever it is silent."""
        return {"model_max_length": max_length, "do_lower_case": _normalizer_lowers(self.tokenizer)}


def load_tokenizer(folder: Path, casing: Casing = "auto", *, settled: bool = False) -> PieceTokenizer:
    """Load the tokenizer of a checkpoint folder.

    Args:
        folder: Holds ``tokenizer.json``, or ``vocab.txt``, or ``vocab.json`` and ``merges.txt``.
        casing: ``"auto"`` follows the vocabulary and refuses settings that contradict it; ``"keep"`` and ``"lower"``
            overrule both, knowingly.
        settled: The folder is one that we saved, and its casing was settled when it was made.

    Raises:
        FileNotFoundError: The folder has no vocabulary.
        ValueError: The casing of settings and vocabulary contradict each other, or a file cannot be read.
    """
    if casing not in ("auto", "keep", "lower"):
        raise ValueError(Errors.B009.format(casing=casing))
    stored = folder / "tokenizer_config.json"
    settings = read_json_object(stored) if stored.exists() else {}
    tokenizer = _read_tokenizer(folder, settings)
    if isinstance(tokenizer.model, models.WordPiece) and not settled:
        _settle_casing(tokenizer, settings, casing, folder)
    limit = settings.get("model_max_length")
    max_length = int(limit) if isinstance(limit, int | float) and 0 < limit < _ABSURD_LENGTH else None
    return PieceTokenizer.from_tokenizer(tokenizer, str(folder), max_length)


def _read_tokenizer(folder: Path, settings: dict[str, Any]) -> Tokenizer:
    whole, words, merges = folder / "tokenizer.json", folder / "vocab.txt", folder / "merges.txt"
    try:
        if whole.exists():
            return Tokenizer.from_file(str(whole))
        if words.exists():
            return _word_piece(words, settings)
        if merges.exists() and (folder / "vocab.json").exists():
            return _byte_level_bpe(folder / "vocab.json", merges)
    except Exception as error:  # the tokenizers library raises bare Exception for every malformed file
        path = next(path for path in (whole, words, merges) if path.exists())
        raise ValueError(Errors.B002.format(path=path, reason=error)) from None
    raise FileNotFoundError(Errors.B007.format(path=folder))


def _word_piece(path: Path, settings: dict[str, Any]) -> Tokenizer:
    """Make BERT's tokenizer from its list of pieces; the casing is settled afterwards."""
    # Not splitlines(): it also splits at separators that are pieces of their own in some vocabularies.
    lines = path.read_text(encoding="utf8").removesuffix("\n").split("\n")
    vocab = {piece: i for i, piece in enumerate(lines)}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(
        handle_chinese_chars=settings.get("tokenize_chinese_chars", True),
        strip_accents=settings.get("strip_accents"),
        lowercase=False,
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.add_special_tokens([name for name in _ALL_SPECIAL_NAMES if name in vocab])
    return tokenizer


def _byte_level_bpe(vocab: Path, merges: Path) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE.from_file(str(vocab), str(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    known = tokenizer.get_vocab()
    tokenizer.add_special_tokens([name for name in _ALL_SPECIAL_NAMES if name in known])
    return tokenizer


def _settle_casing(tokenizer: Tokenizer, settings: dict[str, Any], casing: Casing, folder: Path) -> None:
    """Make the tokenizer lower-case or keep letters as vocabulary, settings and option say."""
    # Added tokens aside: one of them, "@GENE$", says nothing of the text that the vocabulary was made of.
    vocabulary = tokenizer.get_vocab(with_added_tokens=False)
    words = [piece for piece in vocabulary if not (piece.startswith("[") and piece.endswith("]"))]
    cased = any(piece != piece.lower() for piece in words)
    lowers = _lowers(tokenizer, settings, folder)
    if casing != "auto":
        lowers = casing == "lower"
    elif lowers is None:
        lowers = not cased
    elif lowers and cased:
        raise ValueError(Errors.B012.format(path=folder))
    elif not lowers and not cased and any(piece.isalpha() for piece in words):
        raise ValueError(Errors.B013.format(path=folder))
    if isinstance(tokenizer.normalizer, normalizers.BertNormalizer):
        tokenizer.normalizer.lowercase = lowers
    elif lowers:
        before = [tokenizer.normalizer] if tokenizer.normalizer is not None else []
        tokenizer.normalizer = normalizers.Sequence([*before, normalizers.Lowercase()])
    elif _normalizer_lowers(tokenizer):
        raise ValueError(Errors.B019.format(path=folder))


def _lowers(tokenizer: Tokenizer, settings: dict[str, Any], folder: Path) -> bool | None:
    """Say whether the settings ask for lower-casing; None where they do not say."""
    if (folder / "tokenizer.json").exists():
        # What the tokenizer does counts, not what a second file says of it.
        return _normalizer_lowers(tokenizer)
    said = settings.get("do_lower_case")
    return None if said is None else bool(said)


def _normalizer_lowers(tokenizer: Tokenizer) -> bool:
    return tokenizer.normalizer is not None and tokenizer.normalizer.normalize_str("A") == "a"
