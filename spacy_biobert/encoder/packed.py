"""Linear layers that oneDNN multiplies, activation included, for inference on a CPU.

`torch.nn.functional.linear` multiplies float32 by MKL, which falls behind oneDNN on some processors, and lays a
bfloat16 weight out anew for each product. The operators that PyTorch's own compiler emits for frozen weights do
neither, and compute the activation that follows as results leave the product, from float32 sums that have not been
rounded yet: that takes half the time of a pass of its own (``benchmarks/layer_speed.py``).

A bfloat16 weight is a copy, and is brought into oneDNN's own layout. A float32 one stays the tensor that it is: the
layout would gain 1 to 5 % more, and hold all weights in memory twice.
"""

from __future__ import annotations

import platform

import torch
from torch import Tensor, nn

from .bert import Bert

_ROWS = 2048
"""The size of a batch for which the layout is chosen; other sizes run on it too."""


FUSED_ACTIVATIONS = {
    "gelu": ("gelu", "none"),
    "gelu_new": ("gelu", "tanh"),
    "gelu_pytorch_tanh": ("gelu", "tanh"),
    "relu": ("relu", ""),
}
"""What oneDNN's products call the activations of `bert.ACTIVATIONS`: the function and its variant."""


class PackedLinear(nn.Module):
    """A linear layer that oneDNN multiplies; takes and gives rows of its weights' dtype.

    Args:
        linear: The layer, in bfloat16 or float32.
        activation: A name of `FUSED_ACTIVATIONS`, of what is to follow; None for nothing.
    """

    def __init__(self, linear: nn.Linear, activation: str | None = None) -> None:
        super().__init__()
        weight = linear.weight.detach()
        is_copy = weight.dtype == torch.bfloat16
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS) if is_copy else weight
        self.bias = linear.bias.detach()
        self.activation, self.variant = FUSED_ACTIVATIONS[activation] if activation else ("none", "")

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation of x · weightᵀ + bias, for rows x of shape (rows, width)."""
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, self.activation, [], self.variant)


def packing_available() -> bool:
    """Say whether this build of PyTorch has the operators, for the kind of processor that they were measured on."""
    operators = ("_reorder_linear_weight", "_linear_pointwise")
    return (
        platform.machine().lower() in ("x86_64", "amd64")
        and torch.backends.mkldnn.is_available()
        and all(hasattr(torch.ops.mkldnn, name) for name in operators)
    )


def pack_weights(bert: Bert) -> Bert:
    """Replace the linear layers of an encoder's layers, in place."""
    for layer in bert.layers:
        for name, child in layer.named_children():
            if isinstance(child, nn.Linear):
                setattr(layer, name, PackedLinear(child, bert.config.activation if name == "up" else None))
        layer.activation = layer.activation_in_place = nn.Identity()
    return bert
