"""``spacy biobert pretrain``: an encoder learns from plain text."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, get_args

import typer
from tqdm import tqdm
from wasabi import msg

from ..encoder.storage import SaveDtype
from ..errors import Errors
from . import app
from .messages import clear_errors


@app.command("pretrain")
def pretrain_cli(
    encoder: Annotated[str, typer.Argument(metavar="ENCODER", help="Folder or hub name of the encoder to begin with.")],
    texts: Annotated[
        list[Path],
        typer.Argument(
            metavar="TEXT…", help="Plain text, one document a line: .txt or .txt.gz files, or folders of them."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the result; what is there already is gone on with.")],
    passes: Annotated[int, typer.Option(help="Passes over the text.")] = 1,
    learn_rate: Annotated[float, typer.Option(help="Highest learning rate; BERT-base takes 1e-4.")] = 5e-4,
    warmup: Annotated[float, typer.Option(help="Share of the steps in which it rises.")] = 0.05,
    mask_rate: Annotated[float, typer.Option(help="Share of the words that are hidden.")] = 0.2,
    dropout: Annotated[float, typer.Option(help="Rate of dropout; text seen once or twice needs none.")] = 0.0,
    step_pieces: Annotated[int, typer.Option(help="Word pieces of a step.")] = 4096,
    batch_pieces: Annotated[int, typer.Option(help="Word pieces computed at once; less takes less memory.")] = 4096,
    window: Annotated[int, typer.Option(help="Longest window, in word pieces.")] = 128,
    vocabulary: Annotated[
        int | None, typer.Option(help="Word pieces to have: fewer are kept, or more added, as the text uses them.")
    ] = None,
    teacher: Annotated[
        str | None, typer.Option(help="Folder or hub name of a bigger checkpoint to learn from, too (distillation).")
    ] = None,
    teaching: Annotated[float, typer.Option(help="Share of the teacher's lesson in the loss.")] = 0.5,
    device: Annotated[str, typer.Option(help='"auto", "cpu", "cuda:N" or "mps".')] = "auto",
    precision: Annotated[str, typer.Option(help='"auto", "bfloat16" or "float32".')] = "auto",
    save_dtype: Annotated[str, typer.Option(help='How it is stored: "float32", "float16" or "int8".')] = "float32",
    save_every: Annotated[int, typer.Option(help="Steps between saves.")] = 500,
    seed: Annotated[int, typer.Option(help="Draws the order of the text and the hidden words.")] = 0,
) -> None:
    """Continue an encoder's pretraining on plain text, as BioBERT was made from BERT.

    Whole words are hidden and have to be guessed. The command can be ended at any time: given again, it goes on from
    the last save and ends with what it would have ended with. The result is OUT/encoder, a checkpoint folder for an
    encoder's config, with the head that guesses words beside it.
    """
    from ..encoder.precision import resolve_device, resolve_precision
    from ..pretraining.pretrain import Report, pretrain
    from ..pretraining.pretrainer import Settings

    def show(report: Report) -> None:
        bar.total, bar.n = report.n_steps, report.step
        rate, left = f"{report.pieces_per_second:,.0f} pieces/s", f"{report.seconds_left / 60:.0f} min left"
        bar.set_postfix_str(f"loss {report.loss:.3f}, {rate}, {left}")
        if report.held_out is not None:
            bar.write(f"Step {report.step:,}: loss {report.loss:.3f}, on held-out text {report.held_out:.3f}; saved")

    def reading(documents: Iterable[str]) -> Iterable[str]:
        return tqdm(documents, desc="Reading text", unit=" docs", leave=False)

    with clear_errors():
        if save_dtype not in get_args(SaveDtype):
            known = ", ".join(get_args(SaveDtype))
            raise ValueError(Errors.B022.format(option="save_dtype", value=save_dtype, known=known))
        bfloat16 = resolve_precision(precision, resolve_device(device), training=True) == "bfloat16"
        settings = Settings(
            learn_rate=learn_rate,
            warmup=warmup,
            mask_rate=mask_rate,
            dropout=dropout,
            step_pieces=step_pieces,
            batch_pieces=batch_pieces,
            passes=passes,
            seed=seed,
            bfloat16=bfloat16,
            teaching=teaching,
        )
        with tqdm(desc="Pretraining", unit=" steps", bar_format="{desc}: {n_fmt}/{total_fmt} |{bar}| {postfix}") as bar:
            result = pretrain(
                encoder,
                texts,
                out,
                settings,
                window=window,
                vocabulary_size=vocabulary,
                device=device,
                teacher=teacher,
                save_dtype=save_dtype,  # type: ignore[arg-type]
                save_every=save_every,
                report=show,
                progress=reading,
            )
    msg.info(f"{result.n_steps:,} steps over {result.n_pieces:,} word pieces")
    if not result.head_was_there:
        msg.info(f"'{encoder}' has no head that guesses word pieces: a new one was taught, and the encoder by it")
    msg.info(f"A hidden word piece of held-out text costs {result.before:.2f} nats before, {result.after:.2f} after")
    msg.good(f"{out / 'encoder'}: name this folder in [components.biobert.model] name")
