"""The encoder as a thinc layer: docs in, one vector for each token out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model, get_array_module, torch2xp
from thinc.types import Floats2d

from ..errors import Errors
from .shim import EncoderSettings, EncoderShim, encoder_shim

EncoderModel = Model[list[Doc], list[Floats2d]]


def encoder_layer(settings: EncoderSettings) -> EncoderModel:
    """Make the layer; its weights come with `initialize` or from disk."""
    return Model(
        "biobert_encoder",
        forward,
        init=init,
        dims={"nO": None},
        attrs={"dropout_rate": 0.0},
        shims=[EncoderShim(settings)],
    )


def init(model: EncoderModel, X: list[Doc] | None = None, Y: Any = None) -> None:
    """Load the checkpoint, unless weights are there already."""
    shim = encoder_shim(model)
    if not shim.loaded:
        shim.load()
    found, width = shim.checkpoint.bert.config.width, model.maybe_get_dim("nO")
    if width not in (None, found):
        raise ValueError(Errors.B037.format(found=found, width=width))
    model.set_dim("nO", found)


def forward(model: EncoderModel, docs: list[Doc], is_train: bool) -> tuple[list[Floats2d], Callable]:
    """Encode docs.

    Returns:
        An array of shape (n_tokens, width) for each doc, which owns its memory, and a callback that takes gradients of
        the same shapes.
    """
    shim = encoder_shim(model)
    xp = model.ops.xp
    lengths = [len(doc) for doc in docs]
    plan = shim.plan(docs)
    if plan is None:
        width = shim.checkpoint.bert.config.width
        return [xp.zeros((length, width), dtype="f") for length in lengths], lambda d_vectors: []
    if not is_train:
        return _split(_to_xp(shim.predict(plan), xp), lengths), lambda d_vectors: []
    shim.set_dropout(model.attrs["dropout_rate"])
    vectors, take_gradient = shim.begin_update(plan)

    def backprop(d_vectors: list[Floats2d]) -> list[Doc]:
        gradient = get_array_module(d_vectors[0]).concatenate(d_vectors)
        # A gradient of zeros (grad_factor = 0, nothing annotated) must not move weights by decay and momentum alone.
        if gradient.any():
            take_gradient(torch.as_tensor(gradient, device=vectors.device, dtype=vectors.dtype))
        return docs

    return _split(_to_xp(vectors.detach(), xp), lengths), backprop


def _to_xp(vectors: torch.Tensor, xp: Any) -> Floats2d:
    """Hand a tensor to numpy or cupy; the encoder may run on a GPU that thinc does not use."""
    return cast(Floats2d, vectors.cpu().numpy() if xp is np else torch2xp(vectors))


def _split(vectors: Floats2d, lengths: list[int]) -> list[Floats2d]:
    ends = np.cumsum(lengths).tolist()
    return [vectors[end - length : end].copy() for end, length in zip(ends, lengths, strict=True)]
