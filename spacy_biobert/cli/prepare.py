"""``spacy biobert prepare``: a dataset's corpora, knowledge base and config, ready to train with."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import srsly
import typer
from spacy.cli.init_config import fill_config
from spacy.util import load_config
from wasabi import msg

from ..corpora.spacy_files import Summary
from ..corpora.tokenizer import blank_pipeline
from ..errors import Errors
from ..linking.kb import KnowledgeBase
from ..linking.sources import READERS
from ..linking.sources.reading import SourceReading
from ..project.corpora import convert_dataset
from ..project.datasets import DATASETS, Dataset, Source, find_dataset
from . import app
from .messages import clear_errors, clear_warnings
from .options import own_corpus

TRAIN_ON = ("train", "train+dev")
_LINKER = "components.biobert_linker."


@app.command("prepare")
def prepare_cli(
    dataset: Annotated[str, typer.Argument(help=f"Name of the dataset: a file NAME.yml in {DATASETS}.")],
    corpus: Annotated[Path, typer.Argument(help="Folder for train/, dev/ and test/*.spacy, and config.cfg.")],
    kb: Annotated[Path, typer.Argument(help="Folder for the knowledge base; one that is there is replaced.")],
    config: Annotated[
        Path, typer.Option("--config", "-c", exists=True, dir_okay=False, help="Recipe to make the config from.")
    ],
    ner_config: Annotated[
        Path | None,
        typer.Option("--ner-config", exists=True, dir_okay=False, help="Recipe for a dataset without 'kb'."),
    ] = None,
    train: Annotated[str, own_corpus("train")] = "",
    dev: Annotated[str, own_corpus("dev")] = "",
    test: Annotated[str, own_corpus("test")] = "",
    train_on: Annotated[
        str,
        typer.Option(
            "--train-on",
            metavar="|".join(TRAIN_ON),
            help="train+dev: train on the development corpora too, as BioBERT did for its published scores.",
        ),
    ] = "train",
    project: Annotated[Path, typer.Option("--project", exists=True, file_okay=False, help="The project's folder.")] = (
        Path()
    ),
) -> None:
    """Make of a dataset all that `spacy train` needs, as its description says.

    Every corpus is converted as by `spacy biobert convert`, the knowledge base is built as by `spacy biobert kb build`,
    and the training config is the recipe with the dataset's own settings, filled as by `spacy init fill-config`.
    Where the corpora annotate different labels, each says which.
    """
    with clear_errors(), clear_warnings():
        if train_on not in TRAIN_ON:
            raise ValueError(Errors.B544.format(value=train_on, known=" or ".join(TRAIN_ON)))
        described = find_dataset(dataset, project, {"train": train, "dev": dev, "test": test})
        recipe = _recipe(described, config, ner_config)
        nlp = blank_pipeline(recipe)
        on_dev = train_on != TRAIN_ON[0]
        _show(corpus, convert_dataset(described, project, corpus, nlp=nlp, train_on_dev=on_dev))
        if described.kb and _links(recipe):
            _build_kb(described.name, described.kb, project, kb)
    srsly.write_json(corpus / "meta.json", {"description": described.title, **described.meta})
    settings = _settings_for(recipe, described)
    load_config(recipe, overrides=settings).to_disk(corpus / "config.cfg")
    fill_config(corpus / "config.cfg", corpus / "config.cfg", silent=True)
    msg.good(f"{corpus / 'config.cfg'}: {recipe}, with {_written(settings)}")


def _recipe(dataset: Dataset, config: Path, ner_config: Path | None) -> Path:
    """Choose the recipe that the dataset has all for."""
    if dataset.kb or not _links(config):
        return config
    if ner_config is None:
        raise ValueError(Errors.B541.format(dataset=dataset.name, config=config, folder=DATASETS))
    return ner_config


def _settings_for(recipe: Path, dataset: Dataset) -> dict[str, Any]:
    """Return the dataset's settings, those of a linker left out where the recipe has none."""
    links = _links(recipe)
    return {name: value for name, value in dataset.settings.items() if links or not name.startswith(_LINKER)}


def _links(config: Path) -> bool:
    """Whether a recipe's pipeline links entities to concepts."""
    components = load_config(config).get("components", {})
    return any(component.get("factory") == "biobert_linker" for component in components.values())


def _build_kb(name: str, source: Source, project: Path, output: Path) -> None:
    """Build the knowledge base, and print what is in it."""
    if source.format not in READERS:
        problem = f"the format of 'kb' is '{source.format}', not {' or '.join(READERS)}"
        raise ValueError(Errors.B505.format(path=DATASETS / f"{name}.yml", problem=problem, folder=DATASETS))
    reading = SourceReading([project / source.path], source.format)
    built = KnowledgeBase.build(reading, output, source=reading.describe, overwrite=True, progress=sys.stderr.isatty())
    for what, count in reading.skipped.items():
        msg.warn(f"{source.path}: left out {count:,} {what}")
    msg.good(f"{output}: {len(built):,} concepts, {built.n_names:,} names")


def _show(corpus: Path, summaries: dict[str, Summary]) -> None:
    """Print what is in the corpora."""
    rows = []
    for file, summary in summaries.items():
        mentions = ", ".join(f"{count:,} {label}" for label, count in summary.mentions.most_common())
        annotates = "all" if summary.annotates is None else ", ".join(summary.annotates)
        name = str(corpus / f"{file}.spacy")
        rows.append((name, f"{summary.docs:,}", f"{summary.tokens:,}", mentions, annotates, f"{summary.linked:,}"))
    header = ("File", "Docs", "Tokens", "Mentions", "Annotates", "Linked")
    msg.table(rows, header=header, divider=True, aligns=("l", "r", "r", "l", "l", "r"), max_col=60)


def _written(settings: Mapping[str, Any]) -> str:
    """Say which settings are the dataset's own."""
    return ", ".join(f"{name} = {value}" for name, value in settings.items()) or "nothing changed"
