"""``spacy biobert prepare``: a dataset's corpora, knowledge base and config, ready to train with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from spacy.cli.init_config import fill_config
from spacy.util import load_config
from wasabi import msg

from ..corpora.convert import blank_pipeline, convert_corpus
from ..errors import Errors
from ..linking.kb import KnowledgeBase
from ..linking.sources import READERS
from ..project.datasets import DATASETS, Dataset, read_dataset
from . import app
from .messages import clear_errors, clear_warnings


@app.command("prepare")
def prepare_cli(
    dataset: Annotated[str, typer.Argument(help=f"Name of the dataset: a file NAME.yml in {DATASETS}.")],
    corpus: Annotated[Path, typer.Argument(help="Folder for train/*.spacy, dev.spacy, test/*.spacy and config.cfg.")],
    kb: Annotated[Path, typer.Argument(help="Folder for the knowledge base; one that is there is replaced.")],
    config: Annotated[
        Path, typer.Option("--config", "-c", exists=True, dir_okay=False, help="Recipe to make the config from.")
    ],
    project: Annotated[Path, typer.Option("--project", exists=True, file_okay=False, help="The project's folder.")] = (
        Path()
    ),
) -> None:
    """Make of a dataset all that `spacy train` needs, as its description says.

    Every corpus is converted as by `spacy biobert convert`, the knowledge base is built as by `spacy biobert kb build`,
    and the training config is the recipe with the dataset's own settings, filled as by `spacy init fill-config`.
    """
    with clear_errors(), clear_warnings():
        described = read_dataset(dataset, project)
        _convert(described, project, corpus, config)
        source = described.kb
        if source.format not in READERS:
            problem = f"the format of 'kb' is '{source.format}', not {' or '.join(READERS)}"
            path = DATASETS / f"{dataset}.yml"
            raise ValueError(Errors.B505.format(path=path, problem=problem, folder=DATASETS))
        concepts = READERS[source.format](project / source.path)
        origin = {"file": source.path.name, "format": source.format}
        built = KnowledgeBase.build(concepts, kb, source=origin, overwrite=True, progress=sys.stderr.isatty())
    msg.good(f"{kb}: {len(built):,} concepts, {built.n_names:,} names")
    load_config(config, overrides=dict(described.settings)).to_disk(corpus / "config.cfg")
    fill_config(corpus / "config.cfg", corpus / "config.cfg", silent=True)
    msg.good(f"{corpus / 'config.cfg'}: {config}, with {_settings(described)}")


def _convert(dataset: Dataset, project: Path, corpus: Path, config: Path) -> None:
    """Convert all corpora, tokenized as the config says, and print what is in them."""
    nlp = blank_pipeline(config)
    rows = []
    for name, source in dataset.corpora():
        output = corpus / f"{name}.spacy"
        path = project / source.path
        summary = convert_corpus(path, output, nlp=nlp, format=source.format, label_map=dataset.label_map)
        mentions = ", ".join(f"{count:,} {label}" for label, count in summary.mentions.most_common())
        rows.append((str(output), f"{summary.docs:,}", f"{summary.tokens:,}", mentions, f"{summary.linked:,}"))
    header = ("File", "Docs", "Tokens", "Mentions", "Linked")
    msg.table(rows, header=header, divider=True, aligns=("l", "r", "r", "l", "r"), max_col=60)


def _settings(dataset: Dataset) -> str:
    """Say which settings are the dataset's own."""
    return ", ".join(f"{name} = {value}" for name, value in dataset.settings.items()) or "nothing changed"
