"""Which arithmetic and which device the encoder runs on."""

from __future__ import annotations

from typing import Literal

import torch

from ..errors import Errors

Precision = Literal["auto", "float32", "bfloat16"]
PRECISIONS = ("auto", "float32", "bfloat16")


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


def resolve_precision(precision: str, device: torch.device) -> torch.dtype:
    """Turn a component's ``precision`` option into the arithmetic of the forward pass.

    ``"auto"`` takes bfloat16 where the processor multiplies in it (AMX, AVX-512 BF16, ARM's BF16, a GPU since Ampere),
    else float32: emulated bfloat16 is slower than what it replaces.
    """
    if precision not in PRECISIONS:
        raise ValueError(Errors.B021.format(precision=precision, known=", ".join(PRECISIONS)))
    if precision == "float32":
        return torch.float32
    if precision == "bfloat16":
        return torch.bfloat16
    return torch.bfloat16 if _multiplies_in_bfloat16(device) else torch.float32


def _multiplies_in_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        # PyTorch has no public question for this; where a release moves these, float32 is the answer.
        questions = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        return any(ask() for name in questions if (ask := getattr(torch.cpu, name, None)) is not None)
    return False
