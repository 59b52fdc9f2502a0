"""The transformer itself: one module that computes what BERT, RoBERTa, DistilBERT and ELECTRA compute.

The four families share one network (Devlin et al. 2019, https://aclanthology.org/N19-1423): embeddings, then layers of
self-attention and feed-forward with the normalisation after each. They differ in details that `BertConfig` names. There
is no pooler and no task head, attention's three projections are one matrix product, and attention itself is PyTorch's
fused `scaled_dot_product_attention`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


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

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


ACTIVATIONS = {
    "gelu": F.gelu,
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
}


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
        threshold = round(self.p * 256)
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        kept = words.view(torch.uint8)[: x.numel()].view(x.shape) >= threshold
        return x * (kept * (256 / (256 - threshold))).to(x.dtype)


class Embeddings(nn.Module):
    """Word piece, position and segment vectors, summed and normalised."""

    def __init__(self, config: BertConfig):
        super().__init__()
        width = config.embedding_width or config.width
        self.offset = config.position_offset
        self.word = nn.Embedding(config.vocab_size, width)
        self.position = nn.Embedding(config.n_positions, width)
        self.segment = nn.Embedding(config.n_types, width) if config.n_types else None
        self.norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.project = nn.Linear(width, config.width) if width != config.width else None
        self.dropout = Dropout()

    def forward(self, ids: Tensor) -> Tensor:
        """Embed piece ids of shape (windows, pieces) as (windows, pieces, width)."""
        places = self.position.weight[self.offset : self.offset + ids.shape[1]]
        if self.segment is not None:
            # Every piece belongs to the first segment: a window is one text.
            places = places + self.segment.weight[0]
        hidden = self.dropout(self.norm(self.word(ids) + places))
        return self.project(hidden) if self.project is not None else hidden


def attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float, training: bool
) -> Tensor:
    """Mix values by softmax(query · key / √width); all of shape (windows, heads, pieces, width of a head)."""
    if not training or query.device.type != "cpu":
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout if training else 0.0)
    # PyTorch's fused kernel takes up to eight times as long for its backward pass on a CPU as these products do.
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1).to(value.dtype)
    if dropout:
        weights = F.dropout(weights, dropout)
    return weights @ value


class Layer(nn.Module):
    """Self-attention and feed-forward, each added to its input and normalised."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.n_heads = config.n_heads
        self.activation = ACTIVATIONS[config.activation]
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.attention_out = nn.Linear(config.width, config.width)
        self.attention_norm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.up = nn.Linear(config.width, config.hidden_width)
        self.down = nn.Linear(config.hidden_width, config.width)
        self.norm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.dropout = Dropout()
        self.attention_dropout = 0.0

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """Transform (windows, pieces, width); `mask` is True where a piece may be looked at."""
        windows, pieces, width = hidden.shape
        qkv = self.qkv(hidden).view(windows, pieces, 3, self.n_heads, width // self.n_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = attend(query, key, value, mask, self.attention_dropout, self.training)
        mixed = mixed.transpose(1, 2).reshape(windows, pieces, width)
        hidden = self.attention_norm(hidden + self.dropout(self.attention_out(mixed)))
        wide = self.activation(self.up(hidden))
        return self.norm(hidden + self.dropout(self.down(wide)))


class Bert(nn.Module):
    """A BERT-family encoder without pooler or task head."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.n_layers))
        self.gradient_checkpointing = False

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode windows of word pieces.

        Args:
            ids: Piece ids, special pieces included, of shape (windows, pieces).
            lengths: Number of pieces in each window, of shape (windows,); None where no window is padded.

        Returns:
            Hidden states of the last layer, (windows, pieces, width). Those of padding mean nothing.
        """
        mask = None
        if lengths is not None:
            mask = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
            mask = mask[:, None, None, :]
        hidden = self.embeddings(ids)
        for layer in self.layers:
            if self.gradient_checkpointing and self.training:
                hidden = checkpoint(layer, hidden, mask, use_reentrant=False)
            else:
                hidden = layer(hidden, mask)
        return hidden

    def set_dropout(self, hidden: float, attention: float) -> None:
        """Set the dropout rates that training uses."""
        for module in self.modules():
            if isinstance(module, Dropout):
                module.p = hidden
            elif isinstance(module, Layer):
                module.attention_dropout = attention
