"""Linear layers whose weights lie as oneDNN multiplies them, for inference in bfloat16 on a CPU.

`torch.nn.functional.linear` lays a bfloat16 weight out anew for each product. Done once, by the operators that
PyTorch's own compiler emits for frozen weights, the same product takes a tenth to a third less time and gives the same
bits. An activation that follows is computed as results leave the product, from float32 sums that have not been rounded
yet: that takes half the time of a pass of its own (``benchmarks/layer_speed.py``).
"""

from __future__ import annotations

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
    """A linear layer on bfloat16 weights in oneDNN's layout; takes and gives bfloat16 rows.

    Args:
        linear: The layer, in bfloat16.
        activation: A name of `FUSED_ACTIVATIONS`, of what is to follow; None for nothing.
    """

    def __init__(self, linear: nn.Linear, activation: str | None = None) -> None:
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), _ROWS)
        self.bias = linear.bias.detach()
        self.activation, self.variant = FUSED_ACTIVATIONS[activation] if activation else ("none", "")

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation of x · weightᵀ + bias, for rows x of shape (rows, width)."""
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, self.activation, [], self.variant)


def packing_available() -> bool:
    """Say whether this build of PyTorch has the operators."""
    operators = ("_reorder_linear_weight", "_linear_pointwise")
    return torch.backends.mkldnn.is_available() and all(hasattr(torch.ops.mkldnn, name) for name in operators)


def pack_weights(bert: Bert) -> Bert:
    """Replace the linear layers of a bfloat16 encoder's layers, in place."""
    for layer in bert.layers:
        for name, child in layer.named_children():
            if isinstance(child, nn.Linear):
                setattr(layer, name, PackedLinear(child, bert.config.activation if name == "up" else None))
        layer.activation = layer.activation_in_place = nn.Identity()
    return bert
