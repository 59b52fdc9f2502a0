"""Which arithmetic and which device the encoder runs on."""

from __future__ import annotations

from typing import Literal, cast

import torch

from ..errors import Errors

Arithmetic = Literal["float32", "bfloat16", "int8"]
PRECISIONS = ("auto", "float32", "bfloat16", "int8")


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


def resolve_precision(precision: str, device: torch.device, *, training: bool = False) -> Arithmetic:
    """Turn a component's ``precision`` option into the arithmetic of the forward pass.

    ``"auto"`` takes bfloat16 where the processor multiplies in it (AMX, AVX-512 BF16, a GPU since Ampere), else
    float32: emulated bfloat16 is slower than what it replaces.

    Raises:
        ValueError: The option has no meaning, or int8 is asked for where it cannot run.
    """
    if precision not in PRECISIONS:
        raise ValueError(Errors.B021.format(precision=precision, known=", ".join(PRECISIONS)))
    if precision == "int8" and (training or device.type != "cpu" or not int8_available()):
        raise ValueError(Errors.B024)
    if precision == "auto":
        return "bfloat16" if _multiplies_in_bfloat16(device) else "float32"
    return cast(Arithmetic, precision)


def int8_available() -> bool:
    """Say whether this build of PyTorch has the operators that `int8` needs."""
    return hasattr(torch.ops.onednn, "qlinear_prepack") and hasattr(torch.ops.onednn, "qlinear_pointwise")


def _multiplies_in_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        # PyTorch has no public question for this; where a release moves these, float32 is the answer.
        questions = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        return any(ask() for name in questions if (ask := getattr(torch.cpu, name, None)) is not None)
    return False
