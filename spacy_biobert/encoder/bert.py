"""The transformer itself: one module that computes what BERT, RoBERTa, DistilBERT and ELECTRA compute.

The four families share one network (Devlin et al. 2019, https://aclanthology.org/N19-1423): embeddings, then layers of
self-attention and feed-forward with the normalisation after each. They differ in details that `BertConfig` names. There
is no pooler and no task head, attention's three projections are one matrix product, and attention itself is PyTorch's
fused `scaled_dot_product_attention`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .precision import multiplies_tiles


@dataclass(frozen=True)
class BertConfig:
    """The shape of an encoder, in the same words for every family.

    Attributes:
        vocab_size: Number of word pieces.
        width: Size of a hidden state; what heads see.
        n_layers: Number of transformer layers.
        n_heads: Attention heads in each layer.
        hidden_width: Size of the feed-forward layer.
        n_positions: Rows of the position table, offset included.
        n_types: Rows of the segment table; 0 where a family has none (DistilBERT).
        embedding_width: Size of the embeddings; ELECTRA's small models project them to `width`.
        position_offset: Position of the first piece: 0, or the padding id plus one for RoBERTa.
        activation: ``"gelu"``, ``"gelu_new"`` or ``"relu"``.
        layer_norm_eps: Added to the variance in each normalisation.
        pad_id: Piece id that fills a batch.
    """

    vocab_size: int
    width: int
    n_layers: int
    n_heads: int
    hidden_width: int
    n_positions: int
    n_types: int = 2
    embedding_width: int = 0
    position_offset: int = 0
    activation: str = "gelu"
    layer_norm_eps: float = 1e-12
    pad_id: int = 0

    @property
    def max_pieces(self) -> int:
        """Longest window, special pieces included, that the position table can hold."""
        return self.n_positions - self.position_offset


Activation = Callable[[Tensor], Tensor]

ACTIVATIONS: dict[str, Activation] = {
    "gelu": F.gelu,
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
}
_IN_PLACE: dict[str, Activation] = {
    "gelu": torch.ops.aten.gelu_,
    "gelu_new": lambda x: torch.ops.aten.gelu_(x, approximate="tanh"),
    "gelu_pytorch_tanh": lambda x: torch.ops.aten.gelu_(x, approximate="tanh"),
    "relu": torch.relu_,
}
"""The same where no gradient is asked for: on a CPU, fresh memory for what is as large costs about as much time."""


class Dropout(nn.Module):
    """Dropout with a cheap mask on the CPU: one byte of a random number for each element instead of a whole one.

    The rate is rounded to 1/256, and what stays is scaled by the rounded rate, so the expectation is exact.
    """

    def __init__(self) -> None:
        super().__init__()
        self.p = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """Drop elements of x in training."""
        if not self.training or not self.p:
            return x
        if x.device.type != "cpu":
            return F.dropout(x, self.p)
        threshold = min(round(self.p * 256), 255)
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        kept = words.view(torch.uint8)[: x.numel()].view(x.shape) >= threshold
        return x * (kept * (256 / (256 - threshold))).to(x.dtype)


class Embeddings(nn.Module):
    """Word piece, position and segment vectors, summed and normalised."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        width = config.embedding_width or config.width
        self.offset = config.position_offset
        self.word = nn.Embedding(config.vocab_size, width)
        self.position = nn.Embedding(config.n_positions, width)
        self.segment = nn.Embedding(config.n_types, width) if config.n_types else None
        self.norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.project = nn.Linear(width, config.width) if width != config.width else None
        self.dropout = Dropout()

    def forward(self, ids: Tensor, positions: Tensor) -> Tensor:
        """Embed piece ids and their places in a window, both of shape (rows,), as (rows, width)."""
        hidden = self.word(ids) + self.position(positions + self.offset)
        if self.segment is not None:
            # Every piece belongs to the first segment: a window is one text.
            hidden = hidden + self.segment.weight[0]
        hidden = self.dropout(self.norm(hidden))
        return self.project(hidden) if self.project is not None else hidden


@dataclass(frozen=True)
class Layout:
    """Where the windows of a packed batch lie; see `windows.Batch`.

    Attributes:
        places: Row of each piece of each window, (windows * pieces,); the last row, a filler, where there is none.
        rows: Where each row lies in `places`, (n,), for the n rows that are no filler.
        mask: True where there is a piece, (windows, 1, 1, pieces); None where no window is padded.
        n_windows: Number of windows.
    """

    places: Tensor
    rows: Tensor
    mask: Tensor | None
    n_windows: int

    @classmethod
    def make(cls, places: Tensor, rows: Tensor, lengths: Tensor) -> Layout:
        """Make the layout of windows of these lengths, (windows,)."""
        padded = rows.numel() < places.numel()
        mask = torch.arange(places.shape[1], device=places.device) < lengths[:, None] if padded else None
        return cls(places.flatten(), rows, None if mask is None else mask[:, None, None, :], len(places))


class _Regroup(torch.autograd.Function):
    """Gather rows, and in the backward pass gather them back, which PyTorch would do by slow scattered additions.

    Rows past the end of an index are zero, both ways. A filler row's gradient is zero too: nothing reads it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, there: Tensor, back: Tensor, n_rows: int) -> Tensor:
        ctx.save_for_backward(back)
        ctx.n_rows = len(x)
        return _gather(x, there, n_rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (back,) = ctx.saved_tensors
        return _gather(gradient, back, ctx.n_rows), None, None, None


def _gather(x: Tensor, index: Tensor, n_rows: int) -> Tensor:
    if len(index) == n_rows:
        return x.index_select(0, index)
    gathered = x.new_zeros(n_rows, *x.shape[1:])
    gathered[: len(index)] = x.index_select(0, index)
    return gathered


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float, training: bool) -> Tensor:
    """Mix values by softmax(query · key / √width); all of shape (windows, heads, pieces, width of a head)."""
    dropout = dropout if training else 0.0
    if query.device.type == "cpu" and (training or _products_are_faster(query)):
        return attend_by_products(query, key, value, mask, dropout)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)


def attend_by_products(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float = 0.0) -> Tensor:
    """Do what `attend` does in its plain steps: on a CPU, PyTorch's fused kernel often takes longer.

    Its backward pass takes up to eight times as long, whatever the processor.
    """
    windows, heads, pieces, width = query.shape
    # Out of autocast, whose softmax would be float32: the one matrix that the backward pass needs is half as large.
    with torch.autocast("cpu", enabled=False):
        query, key, value = (part.reshape(windows * heads, pieces, width) for part in (query, key, value))
        bias = query.new_zeros(())
        if mask is not None:
            bias = torch.zeros_like(mask, dtype=query.dtype).masked_fill(~mask, torch.finfo(query.dtype).min)
            bias = bias[:, 0].repeat_interleave(heads, dim=0)
        weights = torch.baddbmm(bias, query, key.transpose(1, 2), alpha=width**-0.5).softmax(-1)
        if dropout:
            weights = F.dropout(weights, dropout)
        return torch.bmm(weights, value).view(windows, heads, pieces, width)


def _products_are_faster(query: Tensor) -> bool:
    """Say whether attention on a CPU is faster as two products and a softmax, when nothing is learned.

    It is in bfloat16, on a CPU without AMX: MiniLM as a whole takes a tenth less time. With AMX the fused kernel lays
    bfloat16 out as tiles want it; in float32 the kernel is no slower.
    """
    return query.dtype == torch.bfloat16 and not multiplies_tiles(query.device)


class Layer(nn.Module):
    """Self-attention and feed-forward, each added to its input and normalised."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.activation = ACTIVATIONS[config.activation]
        self.activation_in_place = _IN_PLACE[config.activation]
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.attention_out = nn.Linear(config.width, config.width)
        self.attention_norm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.up = nn.Linear(config.width, config.hidden_width)
        self.down = nn.Linear(config.hidden_width, config.width)
        self.norm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.dropout = Dropout()
        self.attention_dropout = 0.0

    def forward(self, hidden: Tensor, layout: Layout) -> Tensor:
        """Transform packed hidden states of shape (rows, width)."""
        hidden = self.attention_norm(self._add(self.attention_out(self._mix(hidden, layout)), hidden))
        activate = self.activation if torch.is_grad_enabled() else self.activation_in_place
        return self.norm(self._add(self.down(activate(self.up(hidden))), hidden))

    def _add(self, fresh: Tensor, hidden: Tensor) -> Tensor:
        """Add what a step gave to its input, in place where no gradient needs what it was."""
        fresh = self.dropout(fresh)
        if torch.is_grad_enabled() or fresh.dtype != hidden.dtype:
            return hidden + fresh
        return fresh.add_(hidden)

    def _mix(self, hidden: Tensor, layout: Layout) -> Tensor:
        """Let the pieces of each window look at one another."""
        n_rows, width = hidden.shape
        n_places = len(layout.places)
        padded = _Regroup.apply(self.qkv(hidden), layout.places, layout.rows, n_places)
        split = padded.view(layout.n_windows, -1, 3, self.n_heads, width // self.n_heads)
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = attend(query, key, value, layout.mask, self.attention_dropout, self.training)
        mixed = mixed.transpose(1, 2).reshape(n_places, width)
        return _Regroup.apply(mixed, layout.rows, layout.places, n_rows)


class Bert(nn.Module):
    """A BERT-family encoder without pooler or task head."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.n_layers))
        self.gradient_checkpointing = False

    def forward(self, ids: Tensor, positions: Tensor, layout: Layout) -> Tensor:
        """Encode packed windows of word pieces.

        Args:
            ids: Piece ids, special pieces included, (rows,).
            positions: Place of each piece in its window, (rows,).
            layout: Which rows make which window.

        Returns:
            Hidden states of the last layer, (rows, width). Those of fillers mean nothing.
        """
        hidden = self.embeddings(ids, positions)
        for layer in self.layers:
            if self.gradient_checkpointing and self.training:
                hidden = checkpoint(layer, hidden, layout, use_reentrant=False)
            else:
                hidden = layer(hidden, layout)
        return hidden

    def set_dropout(self, hidden: float, attention: float) -> None:
        """Set the dropout rates that training uses."""
        for module in self.modules():
            if isinstance(module, Dropout):
                module.p = hidden
            elif isinstance(module, Layer):
                module.attention_dropout = attention
