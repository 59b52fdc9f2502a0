"""What a config can name."""

from __future__ import annotations

from typing import Any

from spacy.tokens import Doc
from spacy_transformers.layers.trfs2arrays import trfs2arrays
from thinc.api import Model, chain, reduce_mean
from thinc.types import Floats2d

from ..errors import Errors
from .model import EncoderModel, encoder_layer
from .runtime import Pooling
from .shim import EncoderSettings
from .storage import SaveDtype
from .tokenization import Casing
from .vectors import with_token_vectors


def build_encoder_v1(
    name: str,
    *,
    revision: str | None = None,
    casing: Casing = "auto",
    pooling: Pooling = "mean",
    window: int = 128,
    overlap: int = 0,
    attention_dropout: float = 0.0,
    gradient_checkpointing: bool = False,
    save_dtype: SaveDtype = "float32",
) -> EncoderModel:
    """Build an encoder from a checkpoint, ``spacy_biobert.Encoder.v1``.

    The checkpoint is read when the pipeline is initialized. From then on the pipeline holds it, and neither the name
    nor a connection is needed any more.

    Args:
        name: A folder, or a hub name such as ``dmis-lab/biobert-base-cased-v1.2``.
        revision: Branch, tag or commit of the hub repository.
        casing: ``"auto"``: the vocabulary decides. ``"keep"`` or ``"lower"`` overrule it.
        pooling: How the pieces of a token become one vector: their ``"mean"``, or the ``"first"``.
        window: Longest window in word pieces, special pieces included.
        overlap: Pieces of context read on both sides of a window, where a doc needs more than one.
        attention_dropout: Dropout of attention weights in training, where there is any dropout at all.
        gradient_checkpointing: In training, compute activations again rather than keep them: less memory, more time.
        save_dtype: How weights are stored: ``"float32"``, ``"float16"``, or ``"int8"`` rows with scales.

    Returns:
        A model from docs to one array of shape (n_tokens, width) for each doc.
    """
    if pooling not in ("mean", "first"):
        raise ValueError(Errors.B022.format(option="pooling", value=pooling, known="mean, first"))
    if casing not in ("auto", "keep", "lower"):
        raise ValueError(Errors.B009.format(casing=casing))
    if save_dtype not in ("float32", "float16", "int8"):
        raise ValueError(Errors.B022.format(option="save_dtype", value=save_dtype, known="float32, float16, int8"))
    if overlap < 0 or window - 2 - 2 * overlap < 1:
        raise ValueError(Errors.B015.format(window=window, overlap=overlap))
    settings = EncoderSettings(
        name=name,
        revision=revision,
        casing=casing,
        pooling=pooling,
        window=window,
        overlap=overlap,
        attention_dropout=attention_dropout,
        gradient_checkpointing=gradient_checkpointing,
        save_dtype=save_dtype,
    )
    model = encoder_layer(settings)
    model.attrs["replace_listener"] = with_token_vectors
    model.attrs["replace_listener_cfg"] = replace_listener_cfg
    return model


def build_tok2vec_encoder_v1(
    name: str,
    *,
    grad_factor: float = 1.0,
    revision: str | None = None,
    casing: Casing = "auto",
    pooling: Pooling = "mean",
    window: int = 128,
    overlap: int = 0,
    attention_dropout: float = 0.0,
    gradient_checkpointing: bool = False,
    save_dtype: SaveDtype = "float32",
) -> Model[list[Doc], list[Floats2d]]:
    """Build an encoder that one head owns, ``spacy_biobert.Tok2VecEncoder.v1``.

    This is what ``nlp.replace_listeners`` turns a head's slot into.

    Args:
        name: A folder, or a hub name; see `build_encoder_v1` for this and all options but the next.
        grad_factor: Multiplies the gradient that the head sends to the encoder; 0 freezes it.
        revision: Branch, tag or commit of the hub repository.
        casing: Whether text is lower-cased.
        pooling: How the pieces of a token become one vector.
        window: Longest window in word pieces.
        overlap: Pieces of context on both sides of a window.
        attention_dropout: Dropout of attention weights in training.
        gradient_checkpointing: Less memory in training, more time.
        save_dtype: How weights are stored.

    Returns:
        A model from docs to one array of shape (n_tokens, width) for each doc.
    """
    encoder = build_encoder_v1(
        name,
        revision=revision,
        casing=casing,
        pooling=pooling,
        window=window,
        overlap=overlap,
        attention_dropout=attention_dropout,
        gradient_checkpointing=gradient_checkpointing,
        save_dtype=save_dtype,
    )
    return chain(with_token_vectors(encoder), trfs2arrays(reduce_mean(), grad_factor))


def replace_listener_cfg(encoder_cfg: dict[str, Any], listener_cfg: dict[str, Any]) -> dict[str, Any]:
    """Return the config of a head's own encoder, made from the shared encoder's and the listener's."""
    config = dict(encoder_cfg)
    config["@architectures"] = "spacy_biobert.Tok2VecEncoder.v1"
    config["grad_factor"] = listener_cfg.get("grad_factor", 1.0)
    return config
