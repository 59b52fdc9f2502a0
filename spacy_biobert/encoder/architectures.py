"""What a config can name."""

from __future__ import annotations

import dataclasses
from typing import Any

from spacy.tokens import Doc
from spacy_transformers.layers.trfs2arrays import trfs2arrays
from thinc.api import Model, chain, reduce_mean
from thinc.types import Floats2d

from ..errors import Errors
from .model import EncoderModel, encoder_layer
from .runtime import Pooling
from .shim import EncoderSettings, EncoderShim, encoder_shim
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
        save_dtype: How weights are stored: ``"float32"``, ``"float16"``, or ``"int8"`` with scales.

    Returns:
        A model from docs to one array of shape (n_tokens, width) for each doc.
    """
    if pooling not in ("mean", "first"):
        raise ValueError(Errors.B022.format(option="pooling", value=pooling, known="mean, first"))
    if casing not in ("auto", "keep", "lower"):
        raise ValueError(Errors.B009.format(casing=casing))
    if save_dtype not in ("float32", "float16", "int8"):
        raise ValueError(Errors.B022.format(option="save_dtype", value=save_dtype, known="float32, float16, int8"))
    if not 0 <= attention_dropout < 1:
        raise ValueError(
            Errors.B022.format(option="attention_dropout", value=attention_dropout, known="a rate from 0 to below 1")
        )
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
    model.attrs["replace_listener_cfg"] = _OwnEncoderConfig(encoder_shim(model))
    return model


def build_tok2vec_encoder_v1(
    name: str,
    *,
    grad_factor: float = 1.0,
    precision: str = "auto",
    train_precision: str = "auto",
    device: str = "auto",
    max_batch_pieces: int | None = None,
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
        precision: How it runs; this and the next three are what a ``biobert`` component has as its own options.
        train_precision: Arithmetic of training.
        device: Where it runs.
        max_batch_pieces: Word pieces that go through the network at once; None for what suits the device.
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
    encoder_shim(encoder).configure(
        device=device, precision=precision, train_precision=train_precision, max_batch_pieces=max_batch_pieces
    )
    return chain(with_token_vectors(encoder), trfs2arrays(reduce_mean(), grad_factor))


@dataclasses.dataclass(frozen=True)
class _OwnEncoderConfig:
    """Makes the config of an encoder that one head owns, when ``nlp.replace_listeners`` asks for it."""

    shim: EncoderShim

    def __call__(self, encoder_cfg: dict[str, Any], listener_cfg: dict[str, Any]) -> dict[str, Any]:
        """Return the shared encoder's config, run as that one runs now, with the listener's weight."""
        return {
            **encoder_cfg,
            **dataclasses.asdict(self.shim.run),
            "@architectures": "spacy_biobert.Tok2VecEncoder.v1",
            "grad_factor": listener_cfg.get("grad_factor", 1.0),
        }

    def __deepcopy__(self, memo: dict[int, Any]) -> _OwnEncoderConfig:
        """Return itself: a copied model does not need a second copy of the weights."""
        return self
