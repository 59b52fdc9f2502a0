"""Learning from a bigger encoder beside learning from the text: distillation.

The teacher reads the same words with the same ones hidden. The student is to give the hidden pieces the probabilities
that the teacher gives them (Hinton et al. 2015, https://arxiv.org/abs/1503.02531), and its last hidden states are to
point where the teacher's do (the cosine loss of Sanh et al. 2019, https://arxiv.org/abs/1910.01108), after a projection
that is thrown away. The student's vocabulary may be a part of the teacher's, as a trimmed one is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..encoder.bert import Layout
from ..encoder.checkpoints import Checkpoint
from ..errors import Errors
from .head import load_head, make_head


@dataclass(frozen=True)
class Lesson:
    """What a teacher says of a batch.

    Attributes:
        hidden: Its last hidden states, (rows, its width).
        log_probs: Its log-probabilities of the student's pieces where pieces were hidden, (n_hidden, vocabulary);
            None where it has no head.
    """

    hidden: Tensor
    log_probs: Tensor | None


class Teacher(nn.Module):
    """A checkpoint that a student learns from; it does not change. Only the projection learns."""

    def __init__(self, teacher: Checkpoint, folder: Path, student: Checkpoint, *, window: int) -> None:
        """Make a teacher.

        Args:
            teacher: The bigger checkpoint.
            folder: Where it was read from, for its head.
            student: Who is to learn.
            window: Longest window of text, special pieces included.

        Raises:
            ValueError: The student spells with pieces that the teacher does not know, or reads longer windows.
        """
        super().__init__()
        if window > teacher.max_pieces:
            expected = f"{teacher.max_pieces} or less: the teacher in '{folder}' reads no more at once"
            raise ValueError(Errors.B457.format(option="window", value=window, expected=expected))
        theirs = teacher.tokenizer.tokenizer.get_vocab()
        ours = student.tokenizer.tokenizer.get_vocab()
        unknown = sorted(ours.keys() - theirs.keys())
        if unknown:
            raise ValueError(Errors.B456.format(path=folder, n=len(unknown), pieces=", ".join(unknown[:5])))
        ids = torch.zeros(student.bert.config.vocab_size, dtype=torch.int64)
        for piece, index in ours.items():
            ids[index] = theirs[piece]
        self._ids = ids
        # Lists hide what does not learn from `parameters()` and `state_dict()`.
        head = make_head(teacher, seed=0)
        self._head = [head.requires_grad_(False)] if load_head(head, teacher, folder) else []
        self._bert = [teacher.bert.requires_grad_(False).eval()]
        self.project = nn.Linear(student.bert.config.width, teacher.bert.config.width)

    def move(self, device: torch.device) -> None:
        """Move all of it to a device."""
        self.to(device)
        self._ids = self._ids.to(device)
        for module in (*self._bert, *self._head):
            module.to(device)

    @torch.no_grad()
    def teach(self, ids: Tensor, positions: Tensor, layout: Layout, rows: Tensor) -> Lesson:
        """Read a batch in the student's piece ids; `rows` are where pieces were hidden."""
        hidden = self._bert[0](self._ids[ids], positions, layout)
        if not self._head:
            return Lesson(hidden, None)
        table = self._bert[0].embeddings.word.weight[self._ids]
        scores = F.linear(self._head[0].transform(hidden[rows]), table, self._head[0].bias[self._ids])
        return Lesson(hidden, scores.float().log_softmax(-1))

    def loss(self, lesson: Lesson, hidden: Tensor, scores: Tensor, filled: Tensor, counts: Tensor) -> Tensor:
        """Sum over the hidden pieces of what the student has yet to learn.

        Args:
            lesson: What the teacher said.
            hidden: The student's hidden states, (rows, width).
            scores: Its scores where pieces were hidden, (n_hidden, vocabulary).
            filled: Rows that are no filler, (n,).
            counts: Which rows of the scores count, (n_hidden,). The hidden states' loss is a mean over rows; it is
                weighed by their number.
        """
        directions = F.cosine_similarity(self.project(hidden[filled]).float(), lesson.hidden[filled].float(), dim=-1)
        loss = (1.0 - directions).mean() * counts.sum()
        if lesson.log_probs is not None:
            log_probs = scores.float().log_softmax(-1)
            distance = F.kl_div(log_probs, lesson.log_probs, reduction="none", log_target=True)
            loss = loss + distance[counts].sum()
        return loss
