"""From an encoder and a text to an encoder that knows the text: the whole of pretraining, interruptible at any time.

What is made lies in one folder:

    encoder/               the encoder, a checkpoint folder, with its head beside it: as it is at each save
    state.safetensors      where training stands; see `state`
    pieces/                the text as word pieces; see `pieces`
    log.jsonl              one line for each report

Only ``encoder`` is needed when all is done.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from ..encoder.checkpoints import Checkpoint, load_checkpoint, locate_checkpoint
from ..encoder.storage import SaveDtype
from ..errors import Errors
from .head import load_head, make_head, save_head
from .pieces import Description, PieceFolder
from .pretrainer import Pretrainer, Settings
from .state import Standing, load_state, save_state
from .teacher import Teacher
from .text import read_documents, text_files
from .vocabulary import count_words, extend_vocabulary, trim_vocabulary

_SMOOTHING = 0.98
_SHORTEST_WINDOW = 8


@dataclass(frozen=True)
class Report:
    """How pretraining goes.

    Attributes:
        step: Steps made.
        n_steps: All steps.
        loss: Negative log-likelihood of a hidden piece in training, in nats, a running mean.
        held_out: The same on the windows that are held out; None but at saves.
        pieces_per_second: Since this process began.
        seconds_left: At that rate.
    """

    step: int
    n_steps: int
    loss: float
    held_out: float | None
    pieces_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class Result:
    """What pretraining gave.

    Attributes:
        checkpoint: The encoder.
        n_pieces: Pieces of the text.
        n_steps: Steps made, those before an interruption included.
        before: Negative log-likelihood of a hidden piece of held-out windows before the first step, in nats.
        after: The same after the last.
        head_was_there: Whether the checkpoint had a head that guesses pieces; otherwise a new one was taught, too.
    """

    checkpoint: Checkpoint
    n_pieces: int
    n_steps: int
    before: float
    after: float
    head_was_there: bool


def pretrain(
    encoder: str | Path,
    texts: Iterable[Path],
    output: Path,
    settings: Settings,
    *,
    window: int = 128,
    vocabulary_size: int | None = None,
    device: str = "auto",
    teacher: str | Path | None = None,
    save_dtype: SaveDtype = "float32",
    save_every: int = 500,
    report_every: int = 20,
    report: Callable[[Report], None] = lambda report: None,
    progress: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> Result:
    """Pretrain an encoder on plain text; go on where an earlier call with the same arguments was interrupted.

    Args:
        encoder: A folder or a hub name.
        texts: Files or folders of plain text; see `text.text_files`.
        output: Folder for what is made.
        settings: How to train.
        window: Longest window, special pieces included.
        vocabulary_size: Word pieces that the result shall have; the vocabulary is trimmed or extended by the text
            before training begins. None leaves it as it is.
        device: ``"auto"``, ``"cpu"``, ``"cuda:N"`` or ``"mps"``.
        teacher: A bigger checkpoint to learn from, too.
        save_dtype: How the encoder is stored.
        save_every: Steps between saves.
        report_every: Steps between reports.
        report: Is told how it goes.
        progress: What documents pass through while they are tokenized, such as a progress bar.

    Raises:
        FileNotFoundError: A text or checkpoint does not exist.
        ValueError: A file is damaged, there is no text or too little, a setting has no meaning, or the folder holds
            another pretraining.
    """
    _check(settings, window, save_every)
    checkpoint = load_checkpoint(encoder)
    files = text_files(texts)
    window = min(window, checkpoint.max_pieces)
    if vocabulary_size is not None:
        checkpoint = _fit_vocabulary(checkpoint, progress(read_documents(files)), vocabulary_size)
    folder = PieceFolder.prepare(files, checkpoint.tokenizer, output / "pieces", window=window, progress=progress)
    if len(folder.ends) < 2:
        message = Errors.B459 if len(folder.ends) else Errors.B458
        raise ValueError(message.format(files=", ".join(map(str, files)), window=window))
    head = make_head(checkpoint, seed=settings.seed)
    head_was_there = load_head(head, checkpoint, locate_checkpoint(encoder))
    tutor = None
    if teacher is not None:
        tutor = Teacher(load_checkpoint(teacher), locate_checkpoint(teacher), checkpoint, window=window)
    pretrainer = Pretrainer(checkpoint, head, folder, settings, device=device, teacher=tutor)
    made_with = {**asdict(settings), "encoder": str(encoder), "teacher": teacher and str(teacher)}
    made_with["text and vocabulary"] = asdict(Description.make(files, checkpoint.tokenizer, window))
    state = output / "state.safetensors"
    standing = load_state(state, pretrainer, made_with=made_with)
    if standing is None:
        start = pretrainer.validate()
        standing = Standing(0, before=start, held_out=start)

    n_steps, first = pretrainer.schedule.n_steps, standing.step
    started, loss = time.monotonic(), None
    with (output / "log.jsonl").open("a", encoding="utf8") as log:
        for step in range(first, n_steps):
            now = pretrainer.step(step)
            loss = now if loss is None else loss.lerp_(now, 1 - _SMOOTHING)
            made = step + 1
            saving = made % save_every == 0 or made == n_steps
            if saving:
                standing = Standing(made, standing.before, pretrainer.validate())
                checkpoint.save(output / "encoder", save_dtype)
                save_head(pretrainer.head, checkpoint, output / "encoder")
                save_state(state, pretrainer, standing, made_with=made_with)
            if saving or made % report_every == 0:
                seconds = (time.monotonic() - started) / (made - first)
                rate, left = settings.step_pieces / seconds, seconds * (n_steps - made)
                told = Report(made, n_steps, float(loss), standing.held_out if saving else None, rate, left)
                log.write(json.dumps(asdict(told)) + "\n")
                log.flush()
                report(told)
    return Result(checkpoint, len(folder.ids), n_steps, standing.before, standing.held_out, head_was_there)


def _fit_vocabulary(checkpoint: Checkpoint, documents: Iterable[str], size: int) -> Checkpoint:
    words = count_words(documents, checkpoint.tokenizer.tokenizer)
    fit = trim_vocabulary if size < checkpoint.bert.config.vocab_size else extend_vocabulary
    return fit(checkpoint, words, size)


def _check(settings: Settings, window: int, save_every: int) -> None:
    """Refuse numbers that make no sense before hours are spent on them."""
    rules = {
        "learn_rate": (settings.learn_rate > 0, "a number above 0"),
        "warmup": (0 <= settings.warmup < 1, "a share of the steps, from 0 to less than 1"),
        "mask_rate": (0 < settings.mask_rate < 1, "a share of the words, between 0 and 1"),
        "dropout": (0 <= settings.dropout < 1, "a rate from 0 to less than 1"),
        "teaching": (0 <= settings.teaching <= 1, "a share from 0 to 1"),
        "step_pieces": (settings.step_pieces > 0, "a number above 0"),
        "batch_pieces": (settings.batch_pieces > 0, "a number above 0"),
        "passes": (settings.passes > 0, "a number above 0"),
        "seed": (settings.seed >= 0, "a whole number that is not negative"),
        "save_every": (save_every > 0, "a number of steps above 0"),
    }
    values = {**asdict(settings), "save_every": save_every}
    for option, (holds, expected) in rules.items():
        if not holds:
            raise ValueError(Errors.B457.format(option=option, value=values[option], expected=expected))
    if window < _SHORTEST_WINDOW:
        raise ValueError(Errors.B457.format(option="window", value=window, expected=f"{_SHORTEST_WINDOW} or more"))
