"""From a hub name or a folder to a checked encoder, and back to a folder.

A checkpoint is what Hugging Face's tools write: ``config.json``, weights and a tokenizer. Everything is checked before
it is used: a half-written folder, a missing tensor or a contradiction gives an error that names the file. A pipeline
stores its encoder as such a folder too, so one reader serves both, and other tools can open what we save in float32 or
float16.
"""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor

from ..errors import Errors
from ..files import replacing
from ..json_files import read_json_object
from .bert import Bert, BertConfig
from .families import FAMILIES, family_of, read_config, tensor_names
from .storage import SaveDtype, pack, unpack
from .tokenization import Casing, PieceTokenizer, load_tokenizer

_HUB_FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "*.safetensors",
    "*.safetensors.index.json",
    "pytorch_model.bin",
)
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")


@dataclass
class Checkpoint:
    """An encoder with what is needed to use and to store it.

    Attributes:
        settings: The checkpoint's ``config.json``.
        tokenizer: Splits words into pieces.
        bert: The network, in float32; on the CPU until a runtime moves it to where it runs.
    """

    settings: dict[str, Any]
    tokenizer: PieceTokenizer
    bert: Bert

    @classmethod
    def from_parts(
        cls,
        settings: dict[str, Any],
        tokenizer: str,
        stored: Mapping[str, Tensor],
        where: str,
        *,
        max_pieces: int | None = None,
    ) -> Checkpoint:
        """Put a checkpoint together again.

        Args:
            settings: Its `settings`.
            tokenizer: What `PieceTokenizer.to_json` returned.
            stored: What `tensors` returned.
            where: Names their source in messages.
            max_pieces: Its `max_pieces`, where the tokenizer set them.

        Raises:
            ValueError: A tensor is missing or has another shape than the settings say.
        """
        pieces = PieceTokenizer.from_tokenizer(Tokenizer.from_str(tokenizer), where, max_pieces)
        bert = build_bert(read_config(settings, where), family_of(settings, where), stored, where)
        return cls(settings, pieces, bert)

    @property
    def family(self) -> str:
        """Name of the family that wrote the checkpoint."""
        return family_of(self.settings, "the pipeline")

    @property
    def max_pieces(self) -> int:
        """Longest window, special pieces included: the position table, or less where the tokenizer says so."""
        limit = self.bert.config.max_pieces
        return min(limit, self.tokenizer.max_length or limit)

    def tensors(self, dtype: SaveDtype = "float32") -> dict[str, Tensor]:
        """Return the weights as stored, under the names of the checkpoint's family."""
        return pack(_their_tensors(self.bert, self.family), dtype)

    def save(self, folder: Path, dtype: SaveDtype = "float32") -> None:
        """Write the checkpoint into a folder, which is made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(self.settings, indent=2) + "\n", encoding="utf8")
        (folder / "tokenizer.json").write_text(self.tokenizer.to_json(), encoding="utf8")
        settings = json.dumps(self.tokenizer.settings(self.max_pieces), indent=2)
        (folder / "tokenizer_config.json").write_text(settings + "\n", encoding="utf8")
        # Weights may still be mapped from the very file that is written here, and a reader must never see half of one.
        with replacing(folder / "model.safetensors") as part:
            save_file(self.tensors(dtype), part, metadata={"format": "pt"})


def load_checkpoint(
    name: str | Path, *, revision: str | None = None, casing: Casing = "auto", settled: bool = False
) -> Checkpoint:
    """Load an encoder by the name of a folder or of a repository on the hub.

    Args:
        name: A folder, or a hub name such as ``dmis-lab/biobert-base-cased-v1.2``.
        revision: Branch, tag or commit of the hub repository.
        casing: Whether text is lower-cased, see `load_tokenizer`.
        settled: The folder is one that `Checkpoint.save` wrote: its casing needs no second look.

    Raises:
        FileNotFoundError: There is no such folder or repository, or a file of it is missing.
        ValueError: A file is damaged or contradicts another.
    """
    folder = locate_checkpoint(name, revision=revision)
    settings = _read_json(folder / "config.json")
    config = read_config(settings, str(folder / "config.json"))
    tokenizer = load_tokenizer(folder, casing, settled=settled)
    _check_vocabulary(tokenizer, config, folder)
    bert = _read_weights(folder, family_of(settings, str(folder)), config)
    return Checkpoint(settings, tokenizer, bert)


def locate_checkpoint(name: str | Path, *, revision: str | None = None) -> Path:
    """Return the folder of a checkpoint, downloaded if need be; raises FileNotFoundError where there is none."""
    return Path(name) if Path(name).is_dir() else _download(str(name), revision)


def build_bert(config: BertConfig, family: str, stored: Mapping[str, Tensor], where: str) -> Bert:
    """Make the network from tensors under the names of its family.

    Tensors that the encoder does not use (poolers, heads) are ignored.

    Raises:
        ValueError: A tensor is missing or has another shape than the settings say.
    """
    with torch.device("meta"):
        bert = Bert(config)
    shapes = {name: tensor.shape for name, tensor in bert.named_parameters()}
    stored = RenamedTensors(stored, FAMILIES[family].prefix)
    state = {}
    for ours, theirs in tensor_names(family, config):
        try:
            parts = [unpack(stored, name) for name in theirs]
        except KeyError as error:
            raise ValueError(Errors.B006.format(path=where, tensor=error.args[0])) from None
        expected = (shapes[ours][0] // len(parts), *shapes[ours][1:])
        for name, part in zip(theirs, parts, strict=True):
            if part.shape != expected:
                shape = tuple(part.shape)
                raise ValueError(Errors.B010.format(path=where, tensor=name, shape=shape, expected=expected))
        state[ours] = torch.cat(parts) if len(parts) > 1 else parts[0]
    bert.load_state_dict(state, assign=True)
    return bert.requires_grad_(True).eval()


def _their_tensors(bert: Bert, family: str) -> Iterator[tuple[str, Tensor]]:
    state = bert.state_dict()
    for ours, theirs in tensor_names(family, bert.config):
        yield from zip(theirs, state[ours].chunk(len(theirs)), strict=True)


class RenamedTensors(Mapping[str, Tensor]):
    """A checkpoint's tensors without the prefix of a task model, and with LayerNorm's old names understood."""

    def __init__(self, stored: Mapping[str, Tensor], prefix: str) -> None:
        self._stored = stored
        self._names: dict[str, str] = {}
        for name in stored:
            plain = name.removeprefix(prefix)
            for old, new in (("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias")):
                plain = plain.replace(old, new)
            self._names[plain] = name

    def __getitem__(self, name: str) -> Tensor:
        return self._stored[self._names[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class _Shards(Mapping[str, Tensor]):
    """The tensors of one or more safetensors files, read from disk when they are asked for."""

    def __init__(self, paths: list[Path]) -> None:
        self._files: dict[str, Any] = {}
        for path in paths:
            try:
                file = safe_open(path, framework="pt")
            except (SafetensorError, OSError) as error:
                raise ValueError(Errors.B002.format(path=path, reason=error)) from None
            self._files.update(dict.fromkeys(file.keys(), file))

    def __getitem__(self, name: str) -> Tensor:
        return self._files[name].get_tensor(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def open_tensors(folder: Path) -> Mapping[str, Tensor]:
    """Open all the tensors of a checkpoint's folder, under the names that they are stored by.

    Raises:
        FileNotFoundError: The folder has no weights, or not all of them.
        ValueError: A file is damaged.
    """
    single, index, old = (folder / name for name in _WEIGHTS)
    if single.exists():
        return _Shards([single])
    if index.exists():
        weight_map = _read_json(index).get("weight_map")
        shards = sorted({folder / str(shard) for shard in weight_map.values()}) if isinstance(weight_map, dict) else []
        missing = [shard.name for shard in shards if not shard.exists()]
        if missing or not shards:
            raise FileNotFoundError(Errors.B001.format(path=folder, missing=", ".join(missing) or "weight_map"))
        return _Shards(shards)
    if not old.exists():
        raise FileNotFoundError(Errors.B001.format(path=folder, missing="model.safetensors (or pytorch_model.bin)"))
    try:
        # PyTorch before 1.6, with which the first BioBERTs were made, wrote files that cannot be mapped.
        stored = torch.load(old, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(old))
    except Exception as error:  # torch raises half a dozen kinds for a damaged or dangerous file
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(Errors.B002.format(path=old, reason=reason)) from None
    if not isinstance(stored, Mapping):
        raise ValueError(Errors.B002.format(path=old, reason="it holds no tensors by name"))
    return stored


def _read_weights(folder: Path, family: str, config: BertConfig) -> Bert:
    stored = open_tensors(folder)
    path = next(folder / name for name in _WEIGHTS if (folder / name).exists())
    return build_bert(config, family, stored, str(path))


def _read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise FileNotFoundError(Errors.B001.format(path=path.parent, missing=path.name))
    return read_json_object(path)


def _check_vocabulary(tokenizer: PieceTokenizer, config: BertConfig, folder: Path) -> None:
    # Ids may have gaps: the highest one has to have a row.
    size = max(tokenizer.tokenizer.get_vocab().values()) + 1
    if size > config.vocab_size:
        raise ValueError(Errors.B011.format(path=folder, pieces=size, rows=config.vocab_size))


def _download(name: str, revision: str | None) -> Path:
    """Bring a hub repository into the local cache; what is there already, and whole, needs no connection."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    def find(*, local_files_only: bool) -> Path:
        patterns = list(_HUB_FILES)
        return Path(
            snapshot_download(name, revision=revision, allow_patterns=patterns, local_files_only=local_files_only)
        )

    try:
        with contextlib.suppress(LocalEntryNotFoundError):
            cached = find(local_files_only=True)
            # Whoever asked for the tokenizer alone has left the rest out.
            if (cached / "config.json").exists() and any((cached / weights).exists() for weights in _WEIGHTS):
                return cached
        return find(local_files_only=False)
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise FileNotFoundError(Errors.B014.format(name=name, reason=reason)) from None
