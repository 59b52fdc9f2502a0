"""How weights lie on disk: safetensors, in float32, float16, or int8 rows with a scale each.

How weights are stored is a separate choice from how they run: they are float32 again when they have been read. int8
rows keep, for each row of a matrix, the integers from -127 to 127 and the float32 that one step is worth; everything
that is no large matrix stays float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import torch
from torch import Tensor

SaveDtype = Literal["float32", "float16", "int8"]

_SCALE = ".row_scale"
"""Added to a tensor's name, it names the scales of its rows."""
_MIN_QUANTISED = 4096
"""Smaller tensors (biases, normalisations, small tables) are not worth a rounding error."""


def pack(tensors: Iterable[tuple[str, Tensor]], dtype: SaveDtype) -> dict[str, Tensor]:
    """Turn float32 tensors into what is stored, by name."""
    packed: dict[str, Tensor] = {}
    for name, tensor in tensors:
        tensor = tensor.detach().cpu().float().contiguous()
        if dtype == "int8" and tensor.ndim == 2 and tensor.numel() >= _MIN_QUANTISED:
            scale = (tensor.abs().amax(dim=1) / 127).clamp_min(torch.finfo(torch.float32).tiny)
            packed[name] = (tensor / scale[:, None]).round().to(torch.int8)
            packed[name + _SCALE] = scale
        else:
            packed[name] = tensor.half() if dtype == "float16" else tensor
    return packed


def unpack(stored: Mapping[str, Tensor], name: str) -> Tensor:
    """Return one stored tensor as float32; raises KeyError where it is missing."""
    tensor = stored[name]
    if tensor.dtype == torch.int8:
        return tensor.float() * stored[name + _SCALE][:, None]
    return tensor.float()
