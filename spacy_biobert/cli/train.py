"""``spacy biobert train``: `spacy train`, and it goes on where it was killed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Annotated, Any

import typer
from spacy import util
from spacy.cli._util import import_code, parse_config_overrides, show_validation_error
from spacy.training.initialize import init_nlp
from thinc.api import Config
from wasabi import msg

from ..corpora.spacy_files import check_docs
from ..errors import Errors
from . import app
from .gpu import use_gpu
from .messages import clear_errors

_READER = "spacy.Corpus.v1"


@app.command("train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def train_cli(
    ctx: typer.Context,
    config_path: Annotated[Path, typer.Argument(exists=True, dir_okay=False, allow_dash=True, help="Config file.")],
    output: Annotated[Path, typer.Option("--output", "-o", file_okay=False, help="Folder for the trained pipeline.")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in the output folder, if there is one.")
    ] = False,
    checkpoint_every: Annotated[
        int, typer.Option(min=0, help="Write a checkpoint every so many steps; 0: after each evaluation.")
    ] = 0,
    code_path: Annotated[
        Path | None, typer.Option("--code", "-c", help="Python file with registered functions to import.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-V", help="Say more.")] = False,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU to use, -1 for none.")] = -1,
) -> None:
    """Train a pipeline as `spacy train` does, with the same config and the same overrides, writing checkpoints.

    A training that was killed goes on with --resume, where its last checkpoint was written. The checkpoint is removed
    when training has come to its end.
    """
    # Every spaCy command imports this module, and few train.
    from ..training.loop import train

    if verbose:
        util.logger.setLevel(logging.DEBUG)
    overrides = parse_config_overrides(ctx.args)
    import_code(code_path)
    msg.info(f"Saving to output directory: {output}")
    with clear_errors():
        use_gpu(gpu_id, silent=False)
        with show_validation_error(config_path):
            config = util.load_config(config_path, overrides=overrides, interpolate=False)
            _check_corpora(config)
        msg.divider("Initializing pipeline")
        with show_validation_error(config_path, hint_fill=False):
            nlp = init_nlp(config, use_gpu=gpu_id)
        msg.good("Initialized pipeline")
        msg.divider("Training pipeline")
        train(nlp, output, resume=resume, every=checkpoint_every, use_gpu=gpu_id)


def _check_corpora(config: Config) -> None:
    """Name a corpus that cannot be read: where training meets it, spaCy says neither where nor what to do.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A corpus has no path, or holds no docs that can be read.
    """
    filled = config.interpolate()
    for role in ("train_corpus", "dev_corpus"):
        section = filled.get("training", {}).get(role, "")
        block = reduce(lambda inner, key: inner.get(key, {}), section.split("."), filled)
        if block.get("@readers") == _READER and not block.get("path"):
            raise ValueError(Errors.B514.format(section=section))
    for path in _paths_of_docs(filled.get("corpora", {})):
        check_docs(path)


def _paths_of_docs(block: Mapping[str, Any]) -> Iterator[Path]:
    """Yield what the readers of docs in a block of a config read; readers may stand inside of others."""
    if block.get("@readers") == _READER and block.get("path"):
        yield Path(block["path"])
    for inner in block.values():
        if isinstance(inner, Mapping):
            yield from _paths_of_docs(inner)
