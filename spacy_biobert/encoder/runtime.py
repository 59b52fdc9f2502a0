"""Piece ids to vectors: the forward pass, free of spaCy.

A runtime owns an encoder's float32 weights, which training changes, and makes from them what inference runs on: the
same network in another arithmetic. It is given plans (see `windows.make_plan`) and returns one vector for each token.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import Errors
from ..forking import is_forked, renew_when_forked
from .bert import Bert, Layout
from .int8 import measure_reach, quantise
from .packed import pack_weights, packing_available
from .precision import multiplies_bfloat16, multiplies_tiles, resolve_device, resolve_precision
from .windows import Batch, Ints, Plan

Pooling = Literal["mean", "first"]

_settled_in: int | None = None
"""The forked process that has been told to run on one thread."""


def _limit_threads_after_fork() -> None:
    """Run on one thread in a forked process, see `forking`. Told once: who sets another number later is obeyed."""
    global _settled_in
    if is_forked() and _settled_in != os.getpid():
        torch.set_num_threads(1)
        _settled_in = os.getpid()


class Runtime:
    """Runs an encoder on a device, in a precision; see `precision.resolve_precision` for what the options mean.

    Args:
        bert: The network, in float32.
        device: Where it runs.
        precision: How it computes.
        scores: What the pipeline scored in each arithmetic, for ``"auto"``.
        sample: Lays out text on which int8 finds its scales; asked for where int8 is what it comes to.
    """

    def __init__(
        self,
        bert: Bert,
        *,
        device: str = "auto",
        precision: str = "auto",
        scores: Mapping[str, float] | None = None,
        sample: Callable[[], Plan] | None = None,
    ) -> None:
        self.device = resolve_device(device)
        self.bert = bert.to(self.device)
        self._lock = threading.Lock()
        self._ready: Bert | None = None
        renew_when_forked(self)
        self.arithmetic = resolve_precision(precision, self.device, scores=scores)
        self._sample = sample

    def renew(self) -> None:
        """Let nobody wait, in a forked process, for a thread that prepared the weights in its parent."""
        self._lock = threading.Lock()

    def weights_changed(self) -> None:
        """Forget what inference runs on; it is made anew from the weights when next it is needed."""
        with self._lock:
            self._ready = None

    def _inference(self) -> Bert:
        with self._lock:
            if self._ready is None:
                self._ready = self._make_ready()
            return self._ready

    def _make_ready(self) -> Bert:
        packable = self.device.type == "cpu" and packing_available()
        if self.arithmetic == "float32":
            return pack_weights(twin(self.bert, torch.float32)) if packable else self.bert
        in_hardware = multiplies_bfloat16(self.device)
        if self.arithmetic == "bfloat16":
            rounded = twin(self.bert, torch.bfloat16)
            return pack_weights(rounded) if packable and in_hardware else rounded
        if self._sample is None:
            raise ValueError(Errors.B033)
        dtype = torch.bfloat16 if in_hardware else torch.float32
        batches = [to_device(batch, self.device) for batch in self._sample().batches]
        rounded = twin(self.bert, dtype)
        keep_narrow = packable and multiplies_tiles(self.device)
        return quantise(
            rounded, self.bert, measure_reach(rounded.eval(), batches), dtype=dtype, keep_narrow=keep_narrow
        )

    def predict(self, plan: Plan, pooling: Pooling) -> Tensor:
        """Return token vectors of shape (n_tokens, width), float32, on the device."""
        _limit_threads_after_fork()
        with torch.inference_mode():
            bert = self._inference().eval()
            n_rows = sum(len(batch.ids) for batch in plan.batches)
            hidden = torch.empty(n_rows, bert.config.width, device=self.device)
            where = send((plan.piece_rows, plan.token_starts, plan.token_lengths), self.device)
            row = 0
            for batch in plan.batches:
                output = self._run(bert, batch)
                hidden[row : row + len(output)] = output
                row += len(output)
            return pool(hidden, pooling, *where)

    def train(self, plan: Plan, pooling: Pooling, *, autocast: bool) -> Tensor:
        """Return token vectors that remember how they were made, for `torch.autograd.backward`."""
        _limit_threads_after_fork()
        self.bert.train()
        where = send((plan.piece_rows, plan.token_starts, plan.token_lengths), self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=autocast):
            outputs = [self._run(self.bert, batch) for batch in plan.batches]
        return pool(torch.cat([output.float() for output in outputs]), pooling, *where)

    def _run(self, bert: Bert, batch: Batch) -> Tensor:
        return bert(*to_device(batch, self.device))


def to_device(batch: Batch, device: torch.device) -> tuple[Tensor, Tensor, Layout]:
    """Bring a batch to where it is encoded: what `Bert.forward` takes."""
    arrays = (batch.ids, batch.positions, batch.places, batch.rows, batch.lengths)
    ids, positions, places, rows, lengths = send(arrays, device)
    return ids, positions, Layout.make(places, rows, lengths)


def send(arrays: Sequence[Ints], device: torch.device) -> list[Tensor]:
    """Bring arrays to a device, without copies on a CPU.

    To a GPU they go together, from pinned memory: one transfer, for which nobody waits. From ordinary memory each
    would wait until the GPU has done all that it was asked before.
    """
    if device.type != "cuda":
        return [torch.from_numpy(array).to(device) for array in arrays]
    sizes = [array.size for array in arrays]
    pinned = torch.empty(sum(sizes), dtype=torch.int64, pin_memory=True)
    np.concatenate([array.ravel() for array in arrays], out=pinned.numpy())
    sent = pinned.to(device, non_blocking=True).split(sizes)
    return [some.view(array.shape) for some, array in zip(sent, arrays, strict=True)]


def twin(bert: Bert, dtype: torch.dtype) -> Bert:
    """Return an encoder's twin in another dtype, tensor by tensor: at no time is there a second float32 copy.

    A twin in float32 shares the tensors.
    """
    with torch.device("meta"):
        other = Bert(bert.config)
    other.load_state_dict({name: weights.to(dtype) for name, weights in bert.state_dict().items()}, assign=True)
    return other.requires_grad_(False)


def pool(hidden: Tensor, pooling: Pooling, piece_rows: Tensor, token_starts: Tensor, token_lengths: Tensor) -> Tensor:
    """Pool the hidden states of pieces to one vector for each token; see `windows.Plan`.

    Args:
        hidden: The hidden states of the plan's batches, one after another, (rows, width), float32.
        pooling: ``"mean"`` of a token's pieces, or its ``"first"`` piece.
        piece_rows: For each piece its row, (n_pieces,).
        token_starts: For each token the index of its first piece, (n_tokens,).
        token_lengths: Pieces of each token, (n_tokens,).

    Returns:
        Vectors of shape (n_tokens, width); zeros for tokens that have no pieces.
    """
    if pooling == "mean":
        return F.embedding_bag(piece_rows, hidden, token_starts, mode="mean")
    # A token without pieces may start past the end; its row is masked out.
    first = hidden[piece_rows[token_starts.clamp_max(len(piece_rows) - 1)]]
    return first * (token_lengths > 0)[:, None]
