"""``spacy biobert convert-checkpoint``: the original TensorFlow releases of BioBERT."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from . import app
from .messages import clear_errors


@app.command("convert-checkpoint")
def convert_checkpoint_cli(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="TF_FOLDER", help="The unpacked release: bert_config.json, vocab.txt, NAME.index and NAME.data-…."
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to make.")],
    checkpoint: Annotated[
        str | None, typer.Option("--checkpoint", help="NAME, where the folder has more than one.")
    ] = None,
) -> None:
    """Turn a TensorFlow release of BERT or BioBERT into a checkpoint folder.

    An encoder's config can name the folder, and Hugging Face's AutoModel and AutoTokenizer open it. TensorFlow is
    needed for this command alone: pip install spacy-biobert[tensorflow].
    """
    from ..encoder.tensorflow import convert_checkpoint  # here: it takes a second that no other command owes

    with clear_errors():
        made = convert_checkpoint(folder, out, checkpoint=checkpoint)
    casing = "lower-cased" if made.lower_case else "cased"
    config = made.config
    msg.info(f"{config.n_layers} layers of width {config.width}; {config.vocab_size:,} word pieces, {casing}")
    msg.info(f"{made.n_skipped:,} variables left out: pooler, heads, what the optimizer kept")
    msg.good(f"{out}: name this folder in [components.biobert.model] name")
