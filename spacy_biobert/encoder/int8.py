"""Linear layers in 8-bit integers, for inference on a CPU.

Weights have one scale for each output, activations one for each row, taken from that row alone (the vector-wise scheme
of Dettmers et al. 2022, https://arxiv.org/abs/2208.07339, without its outlier part): what a document gets does not
depend on its neighbours. The product is oneDNN's, by the operator that PyTorch's own compiler emits for such layers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .bert import Bert


class Int8Linear(nn.Module):
    """A linear layer on int8 weights and activations; takes and gives bfloat16 rows."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        scale = (weight.abs().amax(dim=1) / 127).clamp_min(torch.finfo(torch.float32).tiny)
        quantised = (weight / scale[:, None]).round().to(torch.int8)
        self.weight = torch.ops.onednn.qlinear_prepack(quantised, None)
        self.scale = scale
        self.zeros = torch.zeros_like(scale, dtype=torch.int32)
        self.bias = linear.bias.detach().to(torch.bfloat16)

    def forward(self, x: Tensor) -> Tensor:
        """Return x · weightᵀ + bias for rows x of shape (rows, width)."""
        rows, scale = to_int8(x)
        # The operator takes one scale for the whole input. That of each row multiplies the result instead.
        product = torch.ops.onednn.qlinear_pointwise(
            rows, 1.0, 0, self.weight, self.scale, self.zeros, None, 1.0, 0, torch.bfloat16, "none", [], ""
        )
        return torch.addcmul(self.bias, product, scale.to(torch.bfloat16))


def to_int8(x: Tensor) -> tuple[Tensor, Tensor]:
    """Turn bfloat16 rows into int8 rows and what a step of each is worth, (rows, 1), float32."""
    scale = x.abs().amax(dim=1, keepdim=True).clamp_min(torch.finfo(torch.bfloat16).tiny).float() / 127
    # float32 first: a product of two dtypes takes PyTorch twice as long.
    return x.float().mul_(scale.reciprocal()).round_().to(torch.int8), scale


def quantise(rounded: Bert, exact: Bert) -> Bert:
    """Replace the linear layers of a bfloat16 encoder's layers, in place, by int8 ones made from its exact weights."""
    for layer, source in zip(rounded.layers, exact.layers, strict=True):
        for name, child in source.named_children():
            if isinstance(child, nn.Linear):
                setattr(layer, name, Int8Linear(child))
    return rounded
