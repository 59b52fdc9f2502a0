"""A dataset's corpora as spaCy's training files, in folders that `spacy train` reads whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from spacy.language import Language

from ..corpora.convert import convert_corpus
from ..corpora.spacy_files import Summary, record_annotated_labels
from .datasets import SPLITS, Dataset, annotated_labels

Progress = Callable[[str], None]


def convert_dataset(
    dataset: Dataset,
    project: Path,
    output: Path,
    *,
    nlp: Language,
    train_on_dev: bool = False,
    report: Progress = lambda file: None,
) -> dict[str, Summary]:
    """Convert all corpora of a dataset to ``train/NAME.spacy``, ``dev/NAME.spacy`` and ``test/NAME.spacy``.

    Where the corpora annotate different labels, each document says which were looked for in it, see `annotated_labels`.
    ``.spacy`` files in these folders that are not of this dataset are removed: training would read them too.

    Args:
        dataset: The dataset.
        project: The folder that its paths start from.
        output: The folder to write to.
        nlp: The pipeline whose tokenizer raw text is tokenized with.
        train_on_dev: Put the development corpora into ``train/dev/`` too. BioBERT's published scores are of models
            trained so (Lee et al., 2020); the score on dev then says nothing, so that no model should be chosen by it.
        report: Told the name of each file, without its suffix, before it is made.

    Returns:
        What was written, by the name of the file without its suffix.

    Raises:
        FileNotFoundError: A corpus is not there.
        ValueError: A corpus is malformed, or has mentions with a label that it is said not to annotate.
    """
    summaries: dict[str, Summary] = {}
    for file, source in dataset.corpora():
        report(file)
        summaries[file] = convert_corpus(
            [project / path for path in source.paths],
            output / f"{file}.spacy",
            nlp=nlp,
            format=source.format,
            label=source.label,
            label_map=dataset.label_map if source.label_map is None else source.label_map,
            labels=source.labels,
            documents=None if source.documents is None else project / source.documents,
            skip=source.skip,
            limit=source.limit,
        )
    annotated = annotated_labels(dataset, {file: set(summary.mentions) for file, summary in summaries.items()})
    for file, labels in annotated.items():
        record_annotated_labels(output / f"{file}.spacy", labels, vocab=nlp.vocab)
        summaries[file].annotates = labels
    _remove_others(output, {output / f"{file}.spacy" for file in summaries})
    if train_on_dev:
        shutil.copytree(output / "dev", output / "train" / "dev")
    return summaries


def _remove_others(output: Path, kept: set[Path]) -> None:
    """Remove what an earlier run, with other corpora, has left in the folders that are read whole."""
    for split in SPLITS:
        for path in (output / split).rglob("*.spacy"):
            if path not in kept:
                path.unlink()
    shutil.rmtree(output / "train" / "dev", ignore_errors=True)
