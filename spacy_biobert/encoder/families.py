"""How each checkpoint family writes the same network: its settings and the names of its tensors.

A checkpoint names its tensors in its family's own way. `FAMILIES` holds, for each family, which setting is which and
a table of renames, read in both directions: to load a checkpoint, and to save one that the family's own tools can open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Errors
from .bert import ACTIVATIONS, BertConfig


@dataclass(frozen=True)
class Family:
    """One way to write a BERT.

    Attributes:
        prefix: What task models put in front of the encoder's names, ``"bert."``.
        settings: Our name of each setting, and theirs.
        renames: Our names and theirs; ``{i}`` stands for a layer. Three names mean that the parts lie one after
            another.
        defaults: Settings that older checkpoints leave out.
    """

    prefix: str
    settings: Mapping[str, str]
    renames: Mapping[str, str | tuple[str, str, str]]
    defaults: Mapping[str, Any]


_BERT_SETTINGS = {
    "vocab_size": "vocab_size",
    "width": "hidden_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "hidden_width": "intermediate_size",
    "n_positions": "max_position_embeddings",
    "n_types": "type_vocab_size",
    "activation": "hidden_act",
    "layer_norm_eps": "layer_norm_eps",
    "pad_id": "pad_token_id",
}
_BERT_RENAMES: dict[str, str | tuple[str, str, str]] = {
    "embeddings.word": "embeddings.word_embeddings",
    "embeddings.position": "embeddings.position_embeddings",
    "embeddings.segment": "embeddings.token_type_embeddings",
    "embeddings.norm": "embeddings.LayerNorm",
    "layers.{i}.qkv": (
        "encoder.layer.{i}.attention.self.query",
        "encoder.layer.{i}.attention.self.key",
        "encoder.layer.{i}.attention.self.value",
    ),
    "layers.{i}.attention_out": "encoder.layer.{i}.attention.output.dense",
    "layers.{i}.attention_norm": "encoder.layer.{i}.attention.output.LayerNorm",
    "layers.{i}.up": "encoder.layer.{i}.intermediate.dense",
    "layers.{i}.down": "encoder.layer.{i}.output.dense",
    "layers.{i}.norm": "encoder.layer.{i}.output.LayerNorm",
}
_BERT_DEFAULTS = {"type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12, "pad_token_id": 0}
_ROBERTA = Family(
    prefix="roberta.",
    settings=_BERT_SETTINGS,
    renames=_BERT_RENAMES,
    defaults={**_BERT_DEFAULTS, "type_vocab_size": 1, "pad_token_id": 1},
)

FAMILIES: dict[str, Family] = {
    "bert": Family("bert.", _BERT_SETTINGS, _BERT_RENAMES, _BERT_DEFAULTS),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "electra": Family(
        prefix="electra.",
        settings={**_BERT_SETTINGS, "embedding_width": "embedding_size"},
        renames={**_BERT_RENAMES, "embeddings.project": "embeddings_project"},
        defaults=_BERT_DEFAULTS,
    ),
    "distilbert": Family(
        prefix="distilbert.",
        settings={
            "vocab_size": "vocab_size",
            "width": "dim",
            "n_layers": "n_layers",
            "n_heads": "n_heads",
            "hidden_width": "hidden_dim",
            "n_positions": "max_position_embeddings",
            "activation": "activation",
            "pad_id": "pad_token_id",
        },
        renames={
            "embeddings.word": "embeddings.word_embeddings",
            "embeddings.position": "embeddings.position_embeddings",
            "embeddings.norm": "embeddings.LayerNorm",
            "layers.{i}.qkv": (
                "transformer.layer.{i}.attention.q_lin",
                "transformer.layer.{i}.attention.k_lin",
                "transformer.layer.{i}.attention.v_lin",
            ),
            "layers.{i}.attention_out": "transformer.layer.{i}.attention.out_lin",
            "layers.{i}.attention_norm": "transformer.layer.{i}.sa_layer_norm",
            "layers.{i}.up": "transformer.layer.{i}.ffn.lin1",
            "layers.{i}.down": "transformer.layer.{i}.ffn.lin2",
            "layers.{i}.norm": "transformer.layer.{i}.output_layer_norm",
        },
        defaults={"activation": "gelu", "pad_token_id": 0},
    ),
}


_TABLES = ("embeddings.word", "embeddings.position", "embeddings.segment")


def family_of(settings: Mapping[str, Any], where: str) -> str:
    """Name the family of a checkpoint's ``config.json``; one without ``model_type`` is an original BERT."""
    model_type = settings.get("model_type", "bert")
    if model_type not in FAMILIES:
        raise ValueError(Errors.B003.format(path=where, model_type=model_type, known=", ".join(FAMILIES)))
    return model_type


def read_config(settings: Mapping[str, Any], where: str) -> BertConfig:
    """Translate a checkpoint's ``config.json``.

    Raises:
        ValueError: A setting is missing, or names something that this encoder does not compute.
    """
    name = family_of(settings, where)
    family = FAMILIES[name]
    values: dict[str, Any] = {"n_types": 0}
    for ours, theirs in family.settings.items():
        value = settings.get(theirs)
        if value is None:
            value = family.defaults.get(theirs)
        if value is None and ours == "embedding_width":
            value = 0
        if value is None:
            raise ValueError(Errors.B004.format(path=where, setting=theirs))
        values[ours] = value
    if values["activation"] not in ACTIVATIONS:
        raise ValueError(
            Errors.B005.format(
                path=where, setting="activation", value=values["activation"], known=", ".join(ACTIVATIONS)
            )
        )
    if values["width"] % values["n_heads"]:
        heads = f"a divisor of {values['width']}, the width"
        raise ValueError(Errors.B005.format(path=where, setting="n_heads", value=values["n_heads"], known=heads))
    positions = settings.get("position_embedding_type", "absolute")
    if positions != "absolute":
        raise ValueError(
            Errors.B005.format(path=where, setting="position_embedding_type", value=positions, known="absolute")
        )
    if name in ("roberta", "xlm-roberta"):
        values["position_offset"] = values["pad_id"] + 1
    return BertConfig(**values)


def tensor_names(family: str, config: BertConfig) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the name of each of our tensors with the names of the checkpoint's tensors that make it.

    More than one name means that the tensor is theirs, one after another along the first axis.
    """
    for ours, theirs in FAMILIES[family].renames.items():
        if ours == "embeddings.segment" and not config.n_types:
            continue
        if ours == "embeddings.project" and config.embedding_width in (0, config.width):
            continue
        parts = (theirs,) if isinstance(theirs, str) else theirs
        kinds = ("weight",) if ours in _TABLES else ("weight", "bias")
        for i in range(config.n_layers) if "{i}" in ours else (0,):
            for kind in kinds:
                yield f"{ours.format(i=i)}.{kind}", tuple(f"{part.format(i=i)}.{kind}" for part in parts)
