"""Piece ids to vectors: the forward pass, free of spaCy.

A runtime owns an encoder's float32 weights, which training changes, and makes from them what inference runs on: the
same network in another arithmetic. It is given plans (see `windows.make_plan`) and returns one vector for each token.
"""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from .bert import Bert, Layout
from .int8 import quantise
from .precision import resolve_device, resolve_precision
from .windows import Batch, Plan

Pooling = Literal["mean", "first"]

_forked = False


def _note_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):  # Windows cannot fork
    os.register_at_fork(after_in_child=_note_fork)


def _mind_fork() -> None:
    """Run on one thread in a forked process: its parent's thread pool is not there, and waiting for it never ends."""
    global _forked
    if _forked:
        torch.set_num_threads(1)
        _forked = False


class Runtime:
    """Runs an encoder on a device, in a precision; see `precision.resolve_precision` for what the options mean."""

    def __init__(
        self,
        bert: Bert,
        *,
        device: str = "auto",
        precision: str = "auto",
        scores: Mapping[str, float] | None = None,
    ) -> None:
        self.device = resolve_device(device)
        self.bert = bert.to(self.device)
        self._lock = threading.Lock()
        self._ready: Bert | None = None
        self.arithmetic = resolve_precision(precision, self.device, scores=scores)

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
        if self.arithmetic == "float32":
            return self.bert
        twin = copy.deepcopy(self.bert).requires_grad_(False)
        return quantise(twin) if self.arithmetic == "int8" else twin.to(torch.bfloat16)

    def predict(self, plan: Plan, pooling: Pooling) -> Tensor:
        """Return token vectors of shape (n_tokens, width), float32, on the device."""
        _mind_fork()
        with torch.inference_mode():
            bert = self._inference().eval()
            return pool([self._run(bert, batch) for batch in plan.batches], plan, pooling, self.device)

    def train(self, plan: Plan, pooling: Pooling, *, autocast: bool) -> Tensor:
        """Return token vectors that remember how they were made, for `torch.autograd.backward`."""
        _mind_fork()
        self.bert.train()
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=autocast):
            outputs = [self._run(self.bert, batch) for batch in plan.batches]
        return pool(outputs, plan, pooling, self.device)

    def _run(self, bert: Bert, batch: Batch) -> Tensor:
        ids, positions, places, rows, lengths = (
            torch.from_numpy(array).to(self.device, non_blocking=True)
            for array in (batch.ids, batch.positions, batch.places, batch.rows, batch.lengths)
        )
        return bert(ids, positions, Layout.make(places, rows, lengths))


def pool(outputs: list[Tensor], plan: Plan, pooling: Pooling, device: torch.device) -> Tensor:
    """Pool the hidden states of pieces to one vector for each token.

    Args:
        outputs: The hidden states of each batch of the plan, (rows, width).
        plan: Says which rows are whose.
        pooling: ``"mean"`` of a token's pieces, or its ``"first"`` piece.
        device: Where the outputs are.

    Returns:
        Vectors of shape (n_tokens, width), float32; zeros for tokens that have no pieces.
    """
    hidden = torch.cat([output.float() for output in outputs])
    rows = torch.from_numpy(plan.piece_rows).to(device)
    starts = torch.from_numpy(plan.token_starts).to(device)
    if pooling == "mean":
        return F.embedding_bag(rows, hidden, starts, mode="mean")
    filled = torch.from_numpy(plan.token_lengths > 0).to(device)
    # A token without pieces may start past the end; its row is masked out.
    first = hidden[rows[starts.clamp_max(len(rows) - 1)]]
    return first * filled[:, None]
