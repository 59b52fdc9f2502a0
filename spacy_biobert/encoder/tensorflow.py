"""The original releases of BioBERT, written by TensorFlow, turned into a checkpoint folder.

BERT's own code (Devlin et al. 2019, https://github.com/google-research/bert) names its variables by scopes and keeps a
dense layer's matrix as (inputs, outputs). `variables` is the table of those names beside the ones that every other
checkpoint has. TensorFlow itself only reads the file, and only here: everything else works on a mapping from names to
arrays.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from ..errors import Errors
from ..files import replacing, require_new
from ..json_files import read_json_object
from .bert import Bert, BertConfig
from .families import read_config, tensor_names
from .tokenization import load_tokenizer

Variables = Mapping[str, NDArray[Any]]

_TABLE = {"weight": ("", False)}
_DENSE = {"weight": ("/kernel", True), "bias": ("/bias", False)}
_NORM = {"weight": ("/gamma", False), "bias": ("/beta", False)}
_EMBEDDINGS = {
    "embeddings.word_embeddings": ("bert/embeddings/word_embeddings", _TABLE),
    "embeddings.position_embeddings": ("bert/embeddings/position_embeddings", _TABLE),
    "embeddings.token_type_embeddings": ("bert/embeddings/token_type_embeddings", _TABLE),
    "embeddings.LayerNorm": ("bert/embeddings/LayerNorm", _NORM),
}
_LAYER = {
    "encoder.layer.{i}.attention.self.query": ("bert/encoder/layer_{i}/attention/self/query", _DENSE),
    "encoder.layer.{i}.attention.self.key": ("bert/encoder/layer_{i}/attention/self/key", _DENSE),
    "encoder.layer.{i}.attention.self.value": ("bert/encoder/layer_{i}/attention/self/value", _DENSE),
    "encoder.layer.{i}.attention.output.dense": ("bert/encoder/layer_{i}/attention/output/dense", _DENSE),
    "encoder.layer.{i}.attention.output.LayerNorm": ("bert/encoder/layer_{i}/attention/output/LayerNorm", _NORM),
    "encoder.layer.{i}.intermediate.dense": ("bert/encoder/layer_{i}/intermediate/dense", _DENSE),
    "encoder.layer.{i}.output.dense": ("bert/encoder/layer_{i}/output/dense", _DENSE),
    "encoder.layer.{i}.output.LayerNorm": ("bert/encoder/layer_{i}/output/LayerNorm", _NORM),
}
_ENCODER = ("bert/embeddings/", "bert/encoder/")
_WEIGHTS = ("kernel", "bias", "gamma", "beta")
"""An optimizer's slots lie below these: ``kernel/adam_m``."""


@dataclass(frozen=True)
class Release:
    """The files of a release.

    Attributes:
        config: BERT's settings, ``bert_config.json``.
        vocabulary: One word piece a line, ``vocab.txt``.
        checkpoint: What the names of the checkpoint's files begin with.
    """

    config: Path
    vocabulary: Path
    checkpoint: Path


@dataclass(frozen=True)
class Conversion:
    """What a conversion made.

    Attributes:
        config: The shape of the encoder.
        lower_case: Whether text is lower-cased, as the vocabulary has it.
        n_skipped: Variables that are no part of the encoder: pooler, heads, the optimizer's slots and its step.
    """

    config: BertConfig
    lower_case: bool
    n_skipped: int


def variables(config: BertConfig) -> Iterator[tuple[str, str, bool]]:
    """Yield the name of each tensor of a BERT, its name in TensorFlow, and whether it is transposed there."""
    for rows, count in ((_EMBEDDINGS, 1), (_LAYER, config.n_layers)):
        for i in range(count):
            for module, (scope, kinds) in rows.items():
                for kind, (ending, transposed) in kinds.items():
                    yield f"{module.format(i=i)}.{kind}", scope.format(i=i) + ending, transposed


def convert_tensors(
    found: Variables, config: BertConfig, *, checkpoint: Path, config_path: Path
) -> tuple[dict[str, Tensor], int]:
    """Turn TensorFlow's variables into the tensors of a BERT checkpoint.

    Args:
        found: The checkpoint's variables.
        config: The shape that the encoder must have.
        checkpoint: Where the variables are from, for messages.
        config_path: Where the shape is from, for messages.

    Returns:
        The encoder's tensors in float32, by the names that Hugging Face's ``BertModel`` gives them, and the number of
        variables that are not the encoder's.

    Raises:
        ValueError: A variable is missing, has another shape than the settings say, or belongs to a layer that the
            settings do not know.
    """
    table = list(variables(config))
    missing = [theirs for _, theirs, _ in table if theirs not in found]
    if missing:
        raise ValueError(Errors.B043.format(path=checkpoint, names=_some(missing), config=config_path.name))
    known = {theirs for _, theirs, _ in table}
    unknown = [name for name in found if name not in known and _is_weight(name)]
    if unknown:
        raise ValueError(Errors.B045.format(path=checkpoint, names=_some(unknown), config=config_path.name))
    shapes = _shapes(config)
    tensors = {}
    for ours, theirs, transposed in table:
        array = found[theirs]
        expected = shapes[ours][::-1] if transposed else shapes[ours]
        if array.shape != expected:
            shape, name = array.shape, config_path.name
            raise ValueError(
                Errors.B044.format(path=checkpoint, name=theirs, shape=shape, config=name, expected=expected)
            )
        array = array.T if transposed else array
        tensors[ours] = torch.from_numpy(np.array(array, dtype=np.float32, order="C"))
    return tensors, len(found) - len(known)


def convert_checkpoint(folder: Path, out: Path, *, checkpoint: str | None = None) -> Conversion:
    """Turn a TensorFlow release of BERT or BioBERT into a checkpoint folder.

    The folder can be named in ``spacy_biobert.Encoder.v1``, and opened with Hugging Face's ``AutoModel`` and
    ``AutoTokenizer``. The pooler and pretraining's heads are left out. A release says nothing of lower-casing: a
    vocabulary with capital letters keeps them, one without has text lower-cased.

    Args:
        folder: Holds ``bert_config.json``, ``vocab.txt`` and ``NAME.index`` with ``NAME.data-…``.
        out: Folder to make.
        checkpoint: ``NAME``, where the folder has several.

    Raises:
        FileNotFoundError: A file is missing.
        FileExistsError: ``out`` exists and is not empty.
        ImportError: TensorFlow is not installed.
        ValueError: A file is damaged or contradicts another.
    """
    require_new(out)
    release = find_release(folder, checkpoint)
    settings = read_json_object(release.config)
    config = read_config(settings, str(release.config))
    pad_id = _check_vocabulary(release.vocabulary, config)
    found = read_variables(release.checkpoint)
    tensors, n_skipped = convert_tensors(found, config, checkpoint=release.checkpoint, config_path=release.config)
    out.mkdir(parents=True, exist_ok=True)
    settings = {"architectures": ["BertModel"], "model_type": "bert", "pad_token_id": pad_id, **settings}
    _write_json(out / "config.json", settings)
    shutil.copyfile(release.vocabulary, out / "vocab.txt")
    lower_case = bool(load_tokenizer(out).tokenizer.normalizer.lowercase)
    # Without these settings other tools lower-case, whatever the vocabulary.
    tokenizer_settings = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": lower_case,
        "model_max_length": config.max_pieces,
    }
    _write_json(out / "tokenizer_config.json", tokenizer_settings)
    with replacing(out / "model.safetensors") as part:
        save_file(tensors, part, metadata={"format": "pt"})
    return Conversion(config, lower_case, n_skipped)


def find_release(folder: Path, checkpoint: str | None = None) -> Release:
    """Find the files of a release, which are not called the same in all of them.

    Args:
        folder: The unpacked archive.
        checkpoint: Name of the checkpoint, such as ``model.ckpt-1000000``, where there are several.

    Raises:
        FileNotFoundError: A file is missing, be it one part of the checkpoint.
        ValueError: There is more than one to choose from.
    """
    index = _only(folder, f"{checkpoint}.index" if checkpoint else "*.index", "checkpoint")
    prefix = index.with_suffix("")
    parts = {path.name.removeprefix(prefix.name) for path in folder.glob("*.data-*-of-*")}
    counts = {int(match[1]) for part in parts if (match := re.fullmatch(r"\.data-\d{5}-of-(\d{5})", part))}
    for part in range(max(counts, default=1)):
        name = f".data-{part:05}-of-{max(counts, default=1):05}"
        if name not in parts:
            raise FileNotFoundError(Errors.B040.format(what=prefix.name + name, path=folder))
    config = _only(folder, "bert_config*.json", "bert_config.json")
    return Release(config, _only(folder, "vocab*.txt", "vocab.txt"), prefix)


def read_variables(checkpoint: Path) -> Variables:
    """Open a checkpoint of TensorFlow's; a variable is read when it is asked for.

    Args:
        checkpoint: What the names of its files begin with.

    Raises:
        ImportError: TensorFlow is not installed.
        ValueError: The checkpoint is damaged.
    """
    # It prints about processors and graphics cards otherwise, which do not matter for reading a file.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import tensorflow
    except ImportError as error:
        raise ImportError(Errors.B042.format(reason=error)) from error
    try:
        return _TensorFlowVariables(tensorflow.train.load_checkpoint(str(checkpoint)), checkpoint)
    except Exception as error:  # TensorFlow raises kinds of its own, and others, for a damaged file
        raise ValueError(Errors.B002.format(path=f"{checkpoint}.index", reason=error)) from error


class _TensorFlowVariables(Mapping[str, NDArray[Any]]):
    """The variables of an open checkpoint."""

    def __init__(self, reader: Any, checkpoint: Path) -> None:
        self._reader = reader
        self._checkpoint = checkpoint
        self._shapes: dict[str, list[int]] = reader.get_variable_to_shape_map()

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._shapes:
            raise KeyError(name)
        try:
            return np.asarray(self._reader.get_tensor(name))
        except Exception as error:  # as above
            raise ValueError(Errors.B002.format(path=f"{self._checkpoint}.data", reason=error)) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


def _is_weight(name: str) -> bool:
    """Tell the encoder's own weights from pooler, heads and what an optimizer keeps."""
    return name.startswith(_ENCODER) and name.rpartition("/")[2] in _WEIGHTS


def _shapes(config: BertConfig) -> dict[str, tuple[int, ...]]:
    """Give the shape of each tensor under the name that BERT checkpoints have for it."""
    with torch.device("meta"):
        ours = {name: tensor.shape for name, tensor in Bert(config).named_parameters()}
    return {
        name: (ours[whole][0] // len(parts), *ours[whole][1:])
        for whole, parts in tensor_names("bert", config)
        for name in parts
    }


def _only(folder: Path, pattern: str, what: str) -> Path:
    """Find the one file of a pattern; one that has the usual name wins."""
    found = sorted(folder.glob(pattern))
    usual = [path for path in found if path.name == what]
    found = usual or found
    if not found:
        raise FileNotFoundError(Errors.B040.format(what=pattern if what == "checkpoint" else what, path=folder))
    if len(found) > 1:
        names = ", ".join(path.name.removesuffix(".index") for path in found)
        raise ValueError(Errors.B041.format(path=folder, what=what, found=names))
    return found[0]


def _check_vocabulary(path: Path, config: BertConfig) -> int:
    """Refuse a vocabulary that cannot be the checkpoint's, before anything is written; return the padding's id."""
    try:
        pieces = path.read_text(encoding="utf8").removesuffix("\n").split("\n")
    except ValueError as error:
        raise ValueError(Errors.B002.format(path=path, reason=error)) from error
    missing = [name for name in ("[PAD]", "[UNK]", "[CLS]", "[SEP]") if name not in pieces]
    if missing:
        raise ValueError(Errors.B008.format(path=path, names=", ".join(missing)))
    if len(pieces) > config.vocab_size:
        raise ValueError(Errors.B011.format(path=path, pieces=len(pieces), rows=config.vocab_size))
    return pieces.index("[PAD]")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf8")


def _some(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
