"""``spacy biobert …``: thin commands, each calling one subpackage."""

from __future__ import annotations

import typer
from spacy.cli._util import app as spacy_app

app = typer.Typer(name="biobert", help="Biomedical corpora, knowledge bases and pipelines.", no_args_is_help=True)
spacy_app.add_typer(app, name="biobert")

# Each module registers its commands on `app` when it is imported.
from . import (  # noqa: E402, F401
    annotate,
    calibrate,
    convert_checkpoint,
    corpus,
    evaluate,
    evaluate_linking,
    fetch,
    from_hf,
    kb,
    precisions,
    prepare,
    pretrain,
    train,
    train_linker,
)
