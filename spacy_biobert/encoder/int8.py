"""Linear layers in 8-bit integers, for inference on a CPU.

Weights have one scale for each output. Activations have one for each input channel, balanced with the weights that it
meets (SmoothQuant, Xiao et al. 2023, https://arxiv.org/abs/2211.10438, equation 4), found once on a sample of text:
so what a document gets does not depend on its neighbours, and no pass over memory looks for a maximum. The
product is oneDNN's, by the operator that PyTorch's own compiler emits for such layers.

The last product of a layer stays in bfloat16. A few channels that enter it reach ten times as far as the rest, and the
activation before it lets no channel be scaled: of all that int8 costs in accuracy, most would be lost there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from .bert import Bert, Layout
from .packed import FUSED_ACTIVATIONS, PackedLinear, packing_available

ROUNDED = ("qkv", "attention_out", "up")
"""The linear layers of a `bert.Layer` that take int8."""
_ALPHA = 0.75
"""How much of the spread among channels goes from activations to weights; 0.65 to 0.8 came nearest to float32."""
_TINY = 1e-6


class Int8Linear(nn.Module):
    """A linear layer on int8 weights; it takes bfloat16 rows, rounds them to steps of its own, and gives bfloat16 rows.

    Args:
        linear: The layer, in float32.
        largest: The largest absolute value of each input channel, (n_in,). Larger ones count as this.
        activation: A name of `packed.FUSED_ACTIVATIONS`, of what is to follow; None for nothing.
    """

    def __init__(self, linear: nn.Linear, largest: Tensor, activation: str | None = None) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        balance = largest.clamp_min(_TINY) ** _ALPHA / weight.abs().amax(dim=0).clamp_min(_TINY) ** (1 - _ALPHA)
        step = balance * (largest / balance).max().clamp_min(_TINY) / 127
        self.per_step = step.reciprocal().to(torch.bfloat16)
        # The rounded reciprocal counts on both sides, so that the product is not off by its rounding.
        weight = weight / self.per_step.float()
        self.scale = (weight.abs().amax(dim=1) / 127).clamp_min(torch.finfo(torch.float32).tiny)
        self.weight = torch.ops.onednn.qlinear_prepack((weight / self.scale[:, None]).round().to(torch.int8), None)
        self.zeros = torch.zeros_like(self.scale, dtype=torch.int32)
        self.bias = linear.bias.detach().float()
        self.activation, self.variant = FUSED_ACTIVATIONS[activation] if activation else ("none", "")

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation of x · weightᵀ + bias, for rows x of shape (rows, n_in)."""
        return torch.ops.onednn.qlinear_pointwise(
            self.to_int8(x), 1.0, 0, self.weight, self.scale, self.zeros, self.bias,
            1.0, 0, torch.bfloat16, self.activation, [], self.variant,
        )  # fmt: skip

    def to_int8(self, x: Tensor) -> Tensor:
        """Round rows to int8 steps."""
        return (x * self.per_step).clamp_(-127, 127).round_().to(torch.int8)


def measure_inputs(bert: Bert, batches: Iterable[tuple[Tensor, Tensor, Layout]]) -> list[dict[str, Tensor]]:
    """Run an encoder on a sample, without gradients, and note how large what enters the `ROUNDED` layers becomes.

    Returns:
        For each transformer layer, by the name of a linear layer, the largest absolute value of each channel, (n_in,).
    """
    seen: list[dict[str, Tensor]] = [{} for _ in bert.layers]
    hooks = []
    n_used = 0

    def watch(linear: nn.Module, found: dict[str, Tensor], name: str) -> None:
        def note(module: nn.Module, arguments: tuple[Tensor]) -> None:
            # Behind the rows that are used come fillers, whose values mean nothing.
            largest = arguments[0][:n_used].abs().amax(dim=0).float()
            found[name] = torch.maximum(found[name], largest) if name in found else largest

        hooks.append(linear.register_forward_pre_hook(note))

    for layer, found in zip(bert.layers, seen, strict=True):
        for name in ROUNDED:
            watch(getattr(layer, name), found, name)
    try:
        for ids, positions, layout in batches:
            n_used = layout.rows.numel()
            bert(ids, positions, layout)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def quantise(rounded: Bert, exact: Bert, largest: Iterable[Mapping[str, Tensor]]) -> Bert:
    """Replace linear layers of a bfloat16 encoder's layers, in place, by int8 ones made from its exact weights.

    Args:
        rounded: The encoder in bfloat16; normalisations, attention and the last product stay what they are.
        exact: The same in float32.
        largest: What `measure_inputs` found.
    """
    for layer, source, found in zip(rounded.layers, exact.layers, largest, strict=True):
        for name in ROUNDED:
            activation = exact.config.activation if name == "up" else None
            setattr(layer, name, Int8Linear(getattr(source, name), found[name], activation))
        if packing_available() and isinstance(layer.down, nn.Linear):
            layer.down = PackedLinear(layer.down)
        layer.activation = layer.activation_in_place = nn.Identity()
    return rounded
