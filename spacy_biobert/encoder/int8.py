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
        scale = x.abs().amax(dim=1, keepdim=True).clamp_min(torch.finfo(torch.bfloat16).tiny).float() / 127
        rows = (x * scale.reciprocal()).round_().to(torch.int8)
        # The operator takes one scale for the whole input. That of each row multiplies the result instead.
        product = torch.ops.onednn.qlinear_pointwise(
            rows, 1.0, 0, self.weight, self.scale, self.zeros, None, 1.0, 0, torch.bfloat16, "none", [], ""
        )
        return torch.addcmul(self.bias, product, scale.to(torch.bfloat16))


def quantise(bert: Bert) -> Bert:
    """Turn the linear layers of an encoder's layers into int8, in place, and all else into bfloat16."""
    for layer in bert.layers:
        for name, child in layer.named_children():
            if isinstance(child, nn.Linear):
                setattr(layer, name, Int8Linear(child))
    return bert.to(torch.bfloat16)
