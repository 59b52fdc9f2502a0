"""An encoder with the head that guesses hidden pieces, and what a guess costs."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..encoder.bert import ACTIVATIONS, Bert

NO_PIECE = -100
"""What PyTorch's cross-entropy leaves out of account, too."""


class MaskedPieceHead(nn.Module):
    """Hidden states -> a score for each piece of the vocabulary (Devlin et al. 2019).

    The output matrix is the encoder's embedding table, which is passed in; the head has only a bias of its own there.
    """

    def __init__(self, bert: Bert) -> None:
        super().__init__()
        config = bert.config
        self.activation = ACTIVATIONS[config.activation]
        self.dense = nn.Linear(config.width, config.embedding_width or config.width)
        self.norm = nn.LayerNorm(self.dense.out_features, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        nn.init.normal_(self.dense.weight, std=0.02)
        nn.init.zeros_(self.dense.bias)

    def transform(self, hidden: Tensor) -> Tensor:
        """Turn hidden states, (n, width), into what is compared with the embedding table, (n, embedding width)."""
        return self.norm(self.activation(self.dense(hidden)))

    def forward(self, hidden: Tensor, table: Tensor) -> Tensor:
        """Score the pieces, (n, vocabulary), for hidden states of shape (n, width)."""
        return F.linear(self.transform(hidden), table, self.bias)

    def loss(self, hidden: Tensor, table: Tensor, pieces: Tensor, *, dtype: torch.dtype) -> Tensor:
        """Sum of the negative log-likelihoods of the hidden pieces, in nats.

        Args:
            hidden: Hidden states where pieces were hidden, (n, width).
            table: The encoder's embedding table, (vocabulary, embedding width).
            pieces: The pieces, (n,), or `NO_PIECE` for rows that only fill up.
            dtype: What the scores are computed in; they are the largest array of all.
        """
        transformed = self.transform(hidden)
        with torch.autocast(hidden.device.type, enabled=False):
            return _NegativeLogLikelihood.apply(transformed.to(dtype), table.to(dtype), self.bias.to(dtype), pieces)


class _NegativeLogLikelihood(torch.autograd.Function):
    """Linear layer, softmax and cross-entropy as one: a third of the memory and time of the three, one after another.

    The scores, (n, vocabulary), are kept once, in `dtype`, and turned into their own gradient in place.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, table: Tensor, bias: Tensor, pieces: Tensor) -> Tensor:
        scores = F.linear(hidden, table, bias)
        totals = scores.logsumexp(1).float()
        counts = (pieces != NO_PIECE)[:, None]
        targets = pieces.clamp_min(0)[:, None]
        ctx.save_for_backward(hidden, table, scores, totals, targets, counts)
        return ((totals[:, None] - scores.gather(1, targets).float()) * counts).sum()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        hidden, table, scores, totals, targets, counts = ctx.saved_tensors
        d_scores = scores.sub_(totals.to(scores.dtype)[:, None]).exp_()
        d_scores.scatter_add_(1, targets, d_scores.new_full(targets.shape, -1.0))
        d_scores *= (gradient * counts).to(d_scores.dtype)
        return d_scores @ table, d_scores.t() @ hidden, d_scores.sum(0), None
