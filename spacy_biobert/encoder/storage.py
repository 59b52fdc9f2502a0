"""How weights lie on disk: safetensors, in float32, float16, or int8 with scales.

How weights are stored is a separate choice from how they run: they are float32 again when they have been read. int8
keeps, for each row of a matrix, integers from -127 to 127, and for each part of a row the float32 that one step is
worth: a far weight makes the steps of its own part coarse, and of no other. Everything that is no large matrix stays
float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

SaveDtype = Literal["float32", "float16", "int8"]

_SCALE = ".row_scale"
"""Added to a tensor's name, it names the scales of its rows: (n_rows, n_parts), or (n_rows,) where each is one part."""
_PART = 64
"""Columns of a part, at most. Shorter parts round less, and their scales take more: here a sixteenth."""
_MIN_QUANTISED = 4096
"""Smaller tensors (biases, normalisations, small tables) are not worth a rounding error."""


def pack(tensors: Iterable[tuple[str, Tensor]], dtype: SaveDtype) -> dict[str, Tensor]:
    """Turn float32 tensors into what is stored, by name."""
    packed: dict[str, Tensor] = {}
    for name, tensor in tensors:
        tensor = tensor.detach().cpu().float().contiguous()
        if dtype == "int8" and tensor.ndim == 2 and tensor.numel() >= _MIN_QUANTISED:
            # What was stored with one scale for each row is stored so again: to round it anew would change it.
            if not torch.equal(tensor, _unrounded(*(rounded := _round(tensor, 1)))):
                rounded = _round(tensor, -(-tensor.shape[1] // _PART))
            packed[name], packed[name + _SCALE] = rounded
        else:
            packed[name] = tensor.half() if dtype == "float16" else tensor
    return packed


def unpack(stored: Mapping[str, Tensor], name: str) -> Tensor:
    """Return one stored tensor as float32; raises KeyError where it is missing."""
    tensor = stored[name]
    if tensor.dtype == torch.int8:
        scale = stored[name + _SCALE]
        return _unrounded(tensor, scale.reshape(len(scale), -1))
    return tensor.float()


def _round(matrix: Tensor, n_parts: int) -> tuple[Tensor, Tensor]:
    """Return the integers of a matrix, in its shape, and the scales of the parts of its rows, (n_rows, n_parts)."""
    parts = _divide(matrix, n_parts)
    scale = (parts.abs().amax(dim=2) / 127).clamp_min(torch.finfo(torch.float32).tiny)
    return _join((parts / scale[..., None]).round().to(torch.int8), matrix.shape[1]), scale


def _unrounded(integers: Tensor, scale: Tensor) -> Tensor:
    # Divided while it is small: where rows are filled up, that is a copy.
    return _join(_divide(integers, scale.shape[1]).float().mul_(scale[..., None]), integers.shape[1])


def _divide(matrix: Tensor, n_parts: int) -> Tensor:
    """Divide rows into parts of equal length, the last one filled up with zeros: (n_rows, n_parts, length)."""
    n_rows, n_columns = matrix.shape
    length = -(-n_columns // n_parts)
    missing = n_parts * length - n_columns
    return (F.pad(matrix, (0, missing)) if missing else matrix).view(n_rows, n_parts, length)


def _join(parts: Tensor, n_columns: int) -> Tensor:
    """Undo `_divide`."""
    return parts.flatten(1)[:, :n_columns].contiguous()
