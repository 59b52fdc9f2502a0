"""Datasets: which files each is made of and how they are written, one YAML file in ``configs/datasets`` for each.

The commands of ``project.yml`` are the same for all datasets; what differs is written there and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import srsly

from ..errors import Errors

DATASETS = Path("configs/datasets")
"""Where the datasets are described, from the project's folder."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the dataset.

    Attributes:
        path: The file, from the project's folder.
        format: How it is written: a format of ``spacy biobert convert``, or of ``spacy biobert kb build``.
    """

    path: Path
    format: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset: corpora to train and score on, and the knowledge base to link to.

    Attributes:
        name: Its name, the stem of the file that describes it.
        title: Its name for people.
        train: The corpora to train on, by name.
        dev: The corpus to choose the best model by.
        test: The corpora to score the result on, by name.
        kb: The knowledge base.
        label_map: The label of each type in the corpora; ``*`` stands for all others, which else keep their own.
        settings: What its training config says in place of the recipe's: ``training.max_steps``, by dotted name.
    """

    name: str
    title: str
    train: Mapping[str, Source]
    dev: Source
    test: Mapping[str, Source]
    kb: Source
    label_map: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def corpora(self) -> Iterator[tuple[str, Source]]:
        """Yield every corpus under the name of the file that it becomes: ``dev``, ``test/abstracts``."""
        for name, source in self.train.items():
            yield f"train/{name}", source
        yield "dev", self.dev
        for name, source in self.test.items():
            yield f"test/{name}", source

    def files(self) -> list[Path]:
        """Return every file it is made of, from the project's folder."""
        return list(dict.fromkeys([*(source.path for _, source in self.corpora()), self.kb.path]))


def read_dataset(name: str, project: Path) -> Dataset:
    """Read the description of a dataset.

    Args:
        name: Its name: ``sample``, ``ncbi_disease``.
        project: The project's folder.

    Returns:
        The dataset. Whether its files exist is not asked.

    Raises:
        ValueError: There is no such dataset, or its description lacks a part or has an unknown one.
    """
    folder = project / DATASETS
    path = folder / f"{name}.yml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.yml"))) or "none"
        raise ValueError(Errors.B504.format(dataset=name, folder=DATASETS, known=known))
    try:
        return _dataset(name, srsly.read_yaml(path))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        problem = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(Errors.B505.format(path=path, problem=problem, folder=DATASETS)) from error


def _dataset(name: str, description: Mapping[str, Any]) -> Dataset:
    """Turn what the YAML file says into a dataset."""
    if not isinstance(description, dict):
        raise ValueError("it is no mapping of names to values")
    unknown = set(description) - {"title", "train", "dev", "test", "kb", "label_map", "settings"}
    if unknown:
        raise ValueError(f"it has unknown parts: {', '.join(sorted(map(str, unknown)))}")
    return Dataset(
        name=name,
        title=str(description.get("title", name)),
        train=_sources("train", description["train"]),
        dev=_source("dev", description["dev"]),
        test=_sources("test", description["test"]),
        kb=_source("kb", description["kb"]),
        label_map=dict(description.get("label_map") or {}),
        settings=dict(description.get("settings") or {}),
    )


def _sources(part: str, value: Any) -> dict[str, Source]:
    """Read ``{NAME: {path: …, format: …}, …}``."""
    sources = {str(name): _source(f"{part}.{name}", source) for name, source in value.items()}
    if not sources:
        raise ValueError(f"'{part}' names no corpus")
    return sources


def _source(part: str, value: Any) -> Source:
    """Read ``{path: …, format: …}``."""
    if not isinstance(value, dict) or set(value) != {"path", "format"}:
        raise ValueError(f"'{part}' must be a 'path' and a 'format'")
    return Source(Path(str(value["path"])), str(value["format"]))
