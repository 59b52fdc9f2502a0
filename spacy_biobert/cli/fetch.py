"""``spacy biobert fetch``: bring the files of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import srsly
import typer
from wasabi import msg

from ..files import file_digest
from ..project.assets import fetch_dataset, folder_checksums
from ..project.datasets import DATASETS, find_dataset
from . import app
from .messages import clear_errors
from .options import own_corpus


@app.command("fetch")
def fetch_cli(
    dataset: Annotated[str, typer.Argument(help=f"Name of the dataset: a file NAME.yml in {DATASETS}.")],
    mirror: Annotated[
        Path | None,
        typer.Option(
            "--from",
            envvar="SPACY_BIOBERT_DATA",
            exists=True,
            file_okay=False,
            help="Folder to copy files from before any download, laid out like assets/.",
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option("--encoder", help="Encoder to train on: a folder, whose files are recorded too, or a hub name."),
    ] = None,
    lock: Annotated[
        Path | None, typer.Option("--lock", "-l", help="JSON file to record the path and MD5 checksum of each file in.")
    ] = None,
    train: Annotated[str, own_corpus("train")] = "",
    dev: Annotated[str, own_corpus("dev")] = "",
    test: Annotated[str, own_corpus("test")] = "",
    project: Annotated[Path, typer.Option("--project", exists=True, file_okay=False, help="The project's folder.")] = (
        Path()
    ),
) -> None:
    """Bring a dataset's files: one that is there with the right checksum counts, others are copied or downloaded."""
    with clear_errors():
        found = find_dataset(dataset, project, {"train": train, "dev": dev, "test": test})
        checksums = fetch_dataset(found, project, mirror=mirror, report=msg.good)
        if encoder and not (project / encoder).is_dir():
            from ..encoder.checkpoints import locate_checkpoint

            msg.good(f"{encoder}: {locate_checkpoint(encoder)}")
    if lock:
        # What training depends on: how the dataset is described, too.
        description = project / DATASETS / f"{dataset}.yml"
        if description.is_file():
            checksums[(DATASETS / description.name).as_posix()] = file_digest(description, "md5")
        if encoder:
            checksums |= folder_checksums(project / encoder)
        lock.parent.mkdir(parents=True, exist_ok=True)
        srsly.write_json(lock, checksums)
