"""``spacy biobert from-hf``: token classifiers that were fine-tuned with Hugging Face's tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from wasabi import msg

from ..files import require_new
from . import app
from .messages import clear_errors
from .options import mapped

if TYPE_CHECKING:
    from ..encoder.storage import SaveDtype
    from ..encoder.tokenization import Casing


@app.command("from-hf")
def from_hf_cli(
    checkpoint: Annotated[
        str,
        typer.Argument(metavar="FOLDER", help="The checkpoint: an AutoModelForTokenClassification, or its hub name."),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to make.")],
    label: Annotated[
        str | None, typer.Option("--label", help="The label of classes that name none (B instead of B-Disease).")
    ] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option(
            "--tag", help="CLASS=TAG, once for each class whose name is no tag; 'CLASS=' to leave a class out."
        ),
    ] = None,
    casing: Annotated[
        str, typer.Option("--casing", help="Whether text is lower-cased: auto (the vocabulary decides), keep or lower.")
    ] = "auto",
    save_dtype: Annotated[
        str, typer.Option("--save-dtype", help="How weights are stored: float32, float16 (half the size) or int8.")
    ] = "float32",
    lang: Annotated[str, typer.Option("--lang", "-l", help="Language of the pipeline.")] = "en",
    name: Annotated[str | None, typer.Option("--name", "-n", help="Name of the pipeline. [the checkpoint's]")] = None,
    version: Annotated[str | None, typer.Option("--version", "-v", help="Version of the pipeline.")] = None,
) -> None:
    """Make a pipeline of a fine-tuned token classifier, without training.

    The pipeline holds the weights: the checkpoint is not needed any more. `spacy package` makes a wheel of it.
    """
    from ..ner.from_hf import from_hf  # here: it takes a second that no other command owes

    meta = {key: value for key, value in (("name", name), ("version", version)) if value is not None}
    with clear_errors():
        require_new(out)
        nlp = from_hf(
            checkpoint,
            label=label,
            tags=mapped("--tag", tags),
            casing=cast("Casing", casing),
            save_dtype=cast("SaveDtype", save_dtype),
            lang=lang,
            meta=meta,
        )
        nlp.to_disk(out)
    labels, scheme = nlp.pipe_labels["biobert_ner"], nlp.get_pipe_config("biobert_ner")["scheme"]
    msg.info(f"{', '.join(labels)}, in {scheme} tags")
    msg.good(f"{out}: load it with spacy.load, or make a wheel of it with spacy package")
