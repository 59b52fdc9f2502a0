"""Masked-language-model training of an encoder: BERT's recipe, as BioBERT was made by it (Lee et al. 2020).

Every step is a function of the seed and its number: which windows it sees, which words are hidden, which connections
are dropped. So a checkpoint needs no random state, and training goes on from it as if nothing had been.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..encoder.bert import Bert
from ..encoder.checkpoints import Checkpoint
from ..encoder.pieces import Pieces
from ..encoder.precision import resolve_device
from ..encoder.runtime import send, to_device
from ..encoder.windows import ROWS_STEP, Batch, Windows, make_plan
from .masking import Vocabulary, mask_words
from .model import NO_PIECE, MaskedPieceHead
from .pieces import PieceFolder
from .schedule import Schedule
from .teacher import Teacher

Ints = NDArray[np.int64]

_STEP, _VALIDATION = 1, 2
"""Tell the random numbers of a step from those that hide words for validation."""


@dataclass(frozen=True)
class Settings:
    """How to pretrain.

    Attributes:
        learn_rate: Highest learning rate.
        warmup: Share of the steps in which it rises.
        weight_decay: Decay of matrices.
        mask_rate: Share of the words that are hidden.
        dropout: Rate of dropout on hidden states and attention; little text seen few times needs none.
        step_pieces: Pieces of a step.
        batch_pieces: Pieces that are computed at once; a step is made of several batches.
        passes: Passes over the text.
        seed: Of everything that is drawn.
        bfloat16: Whether matrix products are made in bfloat16.
        teaching: Share of a teacher's lesson in the loss, where there is a teacher.
    """

    learn_rate: float = 5e-4
    warmup: float = 0.05
    weight_decay: float = 0.01
    mask_rate: float = 0.2
    dropout: float = 0.0
    step_pieces: int = 8192
    batch_pieces: int = 4096
    passes: int = 1
    seed: int = 0
    bfloat16: bool = True
    teaching: float = 0.5


class Pretrainer:
    """Trains an encoder to guess hidden words."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        head: MaskedPieceHead,
        folder: PieceFolder,
        settings: Settings,
        *,
        device: str = "auto",
        teacher: Teacher | None = None,
    ) -> None:
        """Create it.

        Args:
            checkpoint: The encoder; its weights are changed.
            head: Guesses the pieces; see `head.make_head` and `head.load_head`.
            folder: The text.
            settings: How to train.
            device: ``"auto"``, ``"cpu"``, ``"cuda:N"`` or ``"mps"``.
            teacher: A bigger encoder to learn from, too.
        """
        self.device = resolve_device(device)
        self.settings = settings
        self.checkpoint = checkpoint
        self.bert: Bert = checkpoint.bert.to(self.device)
        self.head = head.to(self.device)
        self.teacher = teacher
        if teacher is not None:
            teacher.move(self.device)
        self._folder = folder
        self._vocabulary = _vocabulary(checkpoint)
        self.schedule = Schedule(folder.lengths + 2, settings.step_pieces, settings.passes, settings.seed)
        self.optimizer = _make_optimizer(list(self.modules().values()), settings)
        self.bert.set_dropout(settings.dropout, settings.dropout)

    def modules(self) -> dict[str, nn.Module]:
        """Return what learns, by name."""
        modules: dict[str, nn.Module] = {"bert": self.bert, "head": self.head}
        return modules if self.teacher is None else {**modules, "teacher": self.teacher}

    def step(self, step: int) -> Tensor:
        """Make one step, without waiting for a GPU to be done with it.

        Args:
            step: Its number, from 0.

        Returns:
            The mean negative log-likelihood of a hidden piece before the step, in nats; a scalar on the device.
        """
        torch.manual_seed(self.settings.seed * 1_000_003 + step)
        rng = np.random.default_rng([self.settings.seed, step, _STEP])
        self.bert.train()
        total, n_hidden = torch.zeros((), device=self.device), 0
        for batch, rows, targets in self._hide(self.schedule.windows(step), rng):
            surprise, loss = self._loss(batch, rows, targets)
            loss.backward()
            total += surprise.detach()
            n_hidden += int((targets != NO_PIECE).sum())
        parameters = [weights for group in self.optimizer.param_groups for weights in group["params"]]
        gradients = [weights.grad for weights in parameters if weights.grad is not None]
        if not gradients:  # a step of few words, of which none was hidden
            return total
        torch._foreach_div_(gradients, max(1, n_hidden))
        nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
        rate = self.schedule.learn_rate(step, peak=self.settings.learn_rate, warmup=self.settings.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return total / max(1, n_hidden)

    @torch.no_grad()
    def validate(self) -> float:
        """Return the mean negative log-likelihood of a hidden piece of the windows that are held out, in nats."""
        rng = np.random.default_rng([self.settings.seed, 0, _VALIDATION])
        self.bert.eval()
        total, n_hidden = 0.0, 0
        for batch, rows, targets in self._hide(self.schedule.held_out, rng):
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.settings.bfloat16):
                hidden = self.bert(*to_device(batch, self.device))
            told = hidden[torch.from_numpy(rows).to(self.device)].float()
            scores = self.head(told, self.bert.embeddings.word.weight)
            total += float(F.cross_entropy(scores, torch.from_numpy(targets).to(self.device), reduction="sum"))
            n_hidden += int((targets != NO_PIECE).sum())
        return total / max(1, n_hidden)

    def _loss(self, batch: Batch, rows: Ints, targets: Ints) -> tuple[Tensor, Tensor]:
        """Return the sum of the negative log-likelihoods of hidden pieces, and what is to be made less."""
        ids, positions, layout = to_device(batch, self.device)
        where, pieces = send((rows, targets), self.device)
        table = self.bert.embeddings.word.weight
        dtype = torch.bfloat16 if self.settings.bfloat16 else torch.float32
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.settings.bfloat16):
            hidden = self.bert(ids, positions, layout)
            if self.teacher is None:
                surprise = self.head.loss(hidden[where], table, pieces, dtype=dtype)
                return surprise, surprise
            scores = self.head(hidden[where], table)
            surprise = F.cross_entropy(scores.float(), pieces, reduction="sum")
            lesson = self.teacher.teach(ids, positions, layout, where)
            filled = torch.arange(int(batch.lengths.sum()), device=self.device)
            taught = self.teacher.loss(lesson, hidden, scores, filled, pieces != NO_PIECE)
        return surprise, torch.lerp(surprise, taught, self.settings.teaching)

    def _hide(self, windows: Ints, rng: np.random.Generator) -> Iterator[tuple[Batch, Ints, Ints]]:
        """Hide words of windows, and yield batches, the rows in each where pieces were hidden, and those pieces."""
        tokenizer = self.checkpoint.tokenizer
        pieces = self._folder.gather(windows)
        seen, drawn = mask_words(
            pieces.ids, pieces.token_lengths, self._vocabulary, rate=self.settings.mask_rate, rng=rng
        )
        ends = np.cumsum(self._folder.lengths[windows])
        starts = np.concatenate([[0], ends[:-1]])
        plan = make_plan(
            Pieces(seen, pieces.token_lengths, pieces.doc_lengths, pieces.sentence_starts),
            Windows(starts, ends, starts),
            max_batch_pieces=self.settings.batch_pieces,
            cls=tokenizer.cls,
            sep=tokenizer.sep,
            pad=tokenizer.pad,
        )
        rows = plan.piece_rows[drawn]
        order = np.argsort(rows)
        rows, targets = rows[order], pieces.ids[drawn[order]]
        first = 0
        for batch in plan.batches:
            low, high = np.searchsorted(rows, [first, first + len(batch.ids)])
            if high > low:
                yield batch, *_fill_up(rows[low:high] - first, targets[low:high], filler=len(batch.ids) - 1)
            first += len(batch.ids)


def _fill_up(rows: Ints, targets: Ints, *, filler: int) -> tuple[Ints, Ints]:
    """Round the number of hidden pieces up: see `windows.Batch` on what every new size costs."""
    missing = -len(rows) % ROWS_STEP
    return np.pad(rows, (0, missing), constant_values=filler), np.pad(targets, (0, missing), constant_values=NO_PIECE)


def _vocabulary(checkpoint: Checkpoint) -> Vocabulary:
    tokenizer = checkpoint.tokenizer.tokenizer
    special = {index for index, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    mask = next(index for name in ("[MASK]", "<mask>") if (index := tokenizer.token_to_id(name)) is not None)
    ordinary = np.array(sorted(set(tokenizer.get_vocab().values()) - special), dtype=np.int64)
    return Vocabulary(mask, ordinary)


def _make_optimizer(modules: list[nn.Module], settings: Settings) -> torch.optim.AdamW:
    parameters = [parameter for module in modules for parameter in module.parameters()]
    groups = [
        {"params": [weights for weights in parameters if weights.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [weights for weights in parameters if weights.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learn_rate, betas=(0.9, 0.98), eps=1e-6, fused=True)
