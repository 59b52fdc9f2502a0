"""Which arithmetic and which device the encoder runs on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

import torch

from ..errors import Errors

Arithmetic = Literal["float32", "bfloat16", "int8"]
PRECISIONS = ("auto", "float32", "bfloat16", "int8")
TOLERANCE = 0.003
"""What a faster arithmetic may cost, as a share of one: 0.3 points of F1."""


def resolve_device(device: str) -> torch.device:
    """Turn a component's ``device`` option into a device that is there.

    ``"auto"`` follows spaCy: the GPU that `spacy.require_gpu` or ``--gpu-id`` chose, else the CPU.

    Raises:
        ValueError: The device has no meaning, or this machine does not have it.
    """
    if device == "auto":
        from thinc.api import get_torch_default_device

        return get_torch_default_device()
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ValueError(Errors.B020.format(device=device)) from None
    here = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (found.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not here.get(found.type, False):
        raise ValueError(Errors.B020.format(device=device))
    return found


def resolve_precision(
    precision: str,
    device: torch.device,
    *,
    training: bool = False,
    scores: Mapping[str, float] | None = None,
) -> Arithmetic:
    """Turn a component's ``precision`` option into the arithmetic of the forward pass.

    ``"auto"`` takes the fastest that this processor does well and that cost no more than `TOLERANCE` when the pipeline
    was scored in it. Of a pipeline that was not scored, bfloat16 is taken on trust, and int8 never.

    Args:
        precision: The option.
        device: Where the encoder runs.
        training: Whether the pass is one of training.
        scores: What the pipeline scored in each arithmetic, 0 to 1, see ``spacy biobert precisions``.

    Raises:
        ValueError: The option has no meaning, or int8 is asked for where it cannot run.
    """
    if precision not in PRECISIONS:
        raise ValueError(Errors.B021.format(precision=precision, known=", ".join(PRECISIONS)))
    if precision == "int8" and (training or not int8_available(device)):
        raise ValueError(Errors.B024)
    if precision != "auto":
        return cast(Arithmetic, precision)
    scores = scores or {}
    for arithmetic in fastest_first(device):
        if arithmetic == "float32":
            break
        if arithmetic == "int8" and (training or arithmetic not in scores):
            continue
        lost = scores.get("float32", 0.0) - scores.get(arithmetic, 1.0)
        if training or lost <= TOLERANCE:
            return arithmetic
    return "float32"


def int8_available(device: torch.device) -> bool:
    """Say whether `int8` can run: on a CPU, by operators that not every build of PyTorch has."""
    operators = ("qlinear_prepack", "qlinear_pointwise")
    return device.type == "cpu" and all(hasattr(torch.ops.onednn, name) for name in operators)


def fastest_first(device: torch.device) -> tuple[Arithmetic, ...]:
    """Order what a processor does well by speed, float32 last: emulated arithmetic is slower than what it replaces.

    Where a CPU multiplies tiles (AMX), bfloat16 comes first: int8 saves time in the products only, and loses as much in
    making integers of activations. Where it has vectors alone, products in int8 take half the time of those in
    bfloat16, if there are any, and come first. Both were measured, see ``benchmarks/README.md``.
    """
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return "bfloat16", "float32"
    int8: tuple[Arithmetic, ...] = ("int8",) if int8_available(device) and _has("_is_vnni_supported") else ()
    if multiplies_tiles(device):
        return "bfloat16", *int8, "float32"
    if multiplies_bfloat16(device):
        return *int8, "bfloat16", "float32"
    return *int8, "float32"


def multiplies_bfloat16(device: torch.device) -> bool:
    """Say whether `device` is a CPU that has instructions for products in bfloat16."""
    return multiplies_tiles(device) or (device.type == "cpu" and _has("_is_avx512_bf16_supported"))


def multiplies_tiles(device: torch.device) -> bool:
    """Say whether `device` is a CPU that has instructions for products of whole tiles in bfloat16 and int8 (AMX)."""
    return device.type == "cpu" and _has("_is_amx_tile_supported")


def _has(question: str) -> bool:
    """Ask PyTorch about the CPU. It has no public questions for this; where a release moves one the answer is no."""
    ask = getattr(torch.cpu, question, None)
    return ask is not None and bool(ask())
