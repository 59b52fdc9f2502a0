"""Transformer layers with products in 8-bit integers, for inference on a CPU.

Weights have one scale for each output. Activations have fixed scales, found once on a sample of text: so what a
document gets does not depend on its neighbours, and no pass over memory looks for a maximum.

- What enters attention and the feed-forward part has a scale for each channel, balanced with the weights that it
  meets (SmoothQuant, Xiao et al. 2023, https://arxiv.org/abs/2211.10438, equation 4).
- Inside the feed-forward part the activation lets no channel be scaled, and a few channels reach ten times as far as
  the rest. All are rounded to one scale that suits the rest. What these few have beyond it is computed apart, in
  floats (the decomposition of LLM.int8, Dettmers et al. 2022, https://arxiv.org/abs/2208.07339, for a part of each
  value).

The products are oneDNN's, by the operator that PyTorch's own compiler emits for such layers; it also computes the
activation, and rounds again, as results leave the product. Rows are unsigned, by a zero that is moved: processors with
VNNI but not AMX multiply nothing else by signed weights, and oneDNN then falls back to code thousands of times slower.
Between the products is bfloat16 where the processor multiplies in it, and float32 where not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .bert import ACTIVATIONS, Bert, Layer, Layout
from .packed import FUSED_ACTIVATIONS, PackedLinear

ROUNDED = ("qkv", "attention_out", "up")
"""The linear layers of a `bert.Layer` whose input has a scale for each channel."""
N_FAR = 8
"""Channels of the feed-forward part whose far values are computed apart."""
_ALPHA = 0.7
"""How much of the spread among channels goes from activations to weights; 0.7 came nearest to float32."""
_TINY = 1e-6
_MIDDLE = 128
"""The byte that stands for zero; steps of 127 on either side of it fit in a byte."""


@dataclass(frozen=True)
class Reach:
    """How far activations of a layer reach, on a sample.

    Attributes:
        largest: By the name of each of `ROUNDED`, the largest absolute value of each channel that enters it, (n_in,).
        inner: The largest value of each channel that enters `down`, (hidden_width,).
        least: The least value that enters `down`.
    """

    largest: dict[str, Tensor]
    inner: Tensor
    least: float

    def far(self) -> tuple[Tensor, float]:
        """Return the channels inside the feed-forward part that reach furthest, (N_FAR,), and how far the others do."""
        n_far = min(N_FAR, len(self.inner) - 1)
        values, channels = self.inner.topk(n_far + 1)
        return channels[:n_far], max(values[n_far].item(), _TINY)


class Int8Linear(nn.Module):
    """A linear layer on int8 weights that rounds the rows which it takes to steps of its own.

    Args:
        linear: The layer, in float32.
        largest: The largest absolute value of each input channel, (n_in,). Larger ones count as this.
        dtype: Of the rows that it takes.
        activation: A name of `packed.FUSED_ACTIVATIONS`, of what is to follow; None for nothing.
        span: Least and largest result, to be given as uint8 rows that span them; None for rows like those taken.
    """

    def __init__(
        self,
        linear: nn.Linear,
        largest: Tensor,
        dtype: torch.dtype,
        activation: str | None = None,
        span: tuple[float, float] | None = None,
    ) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        balance = largest.clamp_min(_TINY) ** _ALPHA / weight.abs().amax(dim=0).clamp_min(_TINY) ** (1 - _ALPHA)
        step = balance * (largest / balance).max().clamp_min(_TINY) / 127
        self.per_step = step.reciprocal().to(dtype)
        # The rounded reciprocal counts on both sides, so that the product is not off by its rounding.
        self.weight, self.scale = _quantise(weight / self.per_step.float())
        self.zeros = torch.zeros_like(self.scale, dtype=torch.int32)
        self.bias = linear.bias.detach().float()
        self.activation, self.variant = FUSED_ACTIVATIONS[activation] if activation else ("none", "")
        self.dtype, (self.out_step, self.out_zero) = (torch.uint8, _divide(span)) if span else (dtype, (1.0, 0))

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation of x · weightᵀ + bias, for rows x of shape (rows, n_in)."""
        return torch.ops.onednn.qlinear_pointwise(
            self.to_uint8(x), 1.0, _MIDDLE, self.weight, self.scale, self.zeros, self.bias,
            self.out_step, self.out_zero, self.dtype, self.activation, [], self.variant,
        )  # fmt: skip

    def to_uint8(self, x: Tensor) -> Tensor:
        """Round rows to steps, counted from `_MIDDLE`."""
        signed = (x * self.per_step).clamp_(-127, 127).round_().to(torch.int8)
        return signed.view(torch.uint8).bitwise_xor_(_MIDDLE)  # a signed byte's highest bit is its sign: adds 128


class Int8Up(nn.Module):
    """The first half of a feed-forward part, activation included.

    Gives uint8 rows, and for the channels that reach far what they have beyond the end of uint8, as floats.
    """

    def __init__(self, linear: nn.Linear, dtype: torch.dtype, activation: str, reach: Reach) -> None:
        super().__init__()
        far, self.end = reach.far()
        self.all = Int8Linear(linear, reach.largest["up"], dtype, activation, (reach.least, self.end))
        self.far_weight = linear.weight.detach()[far].to(dtype)
        self.far_bias = linear.bias.detach()[far].to(dtype)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return rows of shape (rows, hidden_width), uint8, and (rows, N_FAR), floats, for rows of (rows, width)."""
        far = self.activation(F.linear(x, self.far_weight, self.far_bias))
        return self.all(x), far.sub_(self.end).relu_()


class Int8Down(nn.Module):
    """The second half of a feed-forward part."""

    def __init__(self, linear: nn.Linear, dtype: torch.dtype, reach: Reach) -> None:
        super().__init__()
        self.dtype = dtype
        far, end = reach.far()
        weight = linear.weight.detach()
        self.weight, self.scale = _quantise(weight.float())
        self.zeros = torch.zeros_like(self.scale, dtype=torch.int32)
        self.bias = linear.bias.detach().float()
        self.step, self.zero = _divide((reach.least, end))
        self.far_weight = weight[:, far].T.to(dtype).contiguous()

    def forward(self, inner: tuple[Tensor, Tensor]) -> Tensor:
        """Return rows of shape (rows, width) for what `Int8Up` gives."""
        rows, beyond = inner
        product = torch.ops.onednn.qlinear_pointwise(
            rows, self.step, self.zero, self.weight, self.scale, self.zeros, self.bias,
            1.0, 0, self.dtype, "none", [], "",
        )  # fmt: skip
        return product.addmm_(beyond, self.far_weight)


def _quantise(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round weights to int8, in oneDNN's layout, and return the scale of each output, (n_out,), float32."""
    scale = (weight.abs().amax(dim=1) / 127).clamp_min(torch.finfo(torch.float32).tiny)
    return torch.ops.onednn.qlinear_prepack((weight / scale[:, None]).round().to(torch.int8), None), scale


def _divide(span: tuple[float, float]) -> tuple[float, int]:
    """Divide a span that holds zero into the 255 steps of uint8: what one is worth, and which is zero."""
    least, largest = span
    step = (largest - least) / 255
    return step, round(-least / step)


def measure_reach(bert: Bert, batches: Iterable[tuple[Tensor, Tensor, Layout]]) -> list[Reach]:
    """Run an encoder on a sample, without gradients, and note how far activations reach in each layer."""
    inputs: list[dict[str, list[Tensor]]] = [{name: [] for name in (*ROUNDED, "down")} for _ in bert.layers]
    hooks = [
        getattr(layer, name).register_forward_pre_hook(lambda _, rows, kept=kept: kept.append(rows[0]))
        for layer, kept_of in zip(bert.layers, inputs, strict=True)
        for name, kept in kept_of.items()
    ]
    used: list[int] = []
    try:
        for ids, positions, layout in batches:
            bert(ids, positions, layout)
            used.append(layout.rows.numel())
    finally:
        for hook in hooks:
            hook.remove()
    # Behind the rows that are used come fillers, whose values mean nothing.
    rows = [
        {name: torch.cat([x[:n] for x, n in zip(kept, used, strict=True)]).float() for name, kept in kept_of.items()}
        for kept_of in inputs
    ]
    return [
        Reach(
            {name: seen[name].abs().amax(dim=0) for name in ROUNDED},
            inner=seen["down"].amax(dim=0),
            least=min(seen["down"].min().item(), 0.0),
        )
        for seen in rows
    ]


def quantise(
    twin: Bert, exact: Bert, reaches: Iterable[Reach], *, dtype: torch.dtype, keep_narrow: bool = False
) -> Bert:
    """Replace the linear layers of a twin's layers, in place, by int8 ones made from the exact weights.

    Args:
        twin: The encoder in `dtype`; its normalisations and attention stay what they are.
        exact: The same in float32.
        reaches: What `measure_reach` found.
        dtype: Of the rows between products.
        keep_narrow: Keep the narrowest product, attention's output, in bfloat16: where the processor multiplies tiles
            of that, rounding the rows takes longer than int8 saves.
    """
    sources = cast(Iterable[Layer], exact.layers)
    for layer, source, reach in zip(twin.layers, sources, reaches, strict=True):
        layer.qkv = Int8Linear(source.qkv, reach.largest["qkv"], dtype)
        if keep_narrow and isinstance(layer.attention_out, nn.Linear):
            layer.attention_out = PackedLinear(layer.attention_out)
        else:
            layer.attention_out = Int8Linear(source.attention_out, reach.largest["attention_out"], dtype)
        layer.up = Int8Up(source.up, dtype, exact.config.activation, reach)
        layer.down = Int8Down(source.down, dtype, reach)
        layer.activation = layer.activation_in_place = nn.Identity()
    return twin
