"""Datasets: which files each is made of and how they are written, one YAML file in ``configs/datasets`` for each.

The commands of ``project.yml`` are the same for all datasets; what differs is written there and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import srsly

from ..errors import Errors

DATASETS = Path("configs/datasets")
"""Where the datasets are described, from the project's folder."""

SPLITS = ("train", "dev", "test")
"""What the corpora of a dataset are for."""

_PARTS = {"title", *SPLITS, "kb", "label_map", "settings", "meta"}
_CORPUS_PARTS = {"path", "format", "label", "label_map", "labels", "annotates", "documents", "skip", "limit"}
# A corpus's name becomes that of a file.
_NAME = re.compile(r"\w[\w.-]*")
_NO_NAME = re.compile(r"^[.-]|[^\w.-]")


@dataclass(frozen=True, slots=True)
class Source:
    """A knowledge base's file.

    Attributes:
        path: The file, from the project's folder.
        format: How it is written: a format of ``spacy biobert kb build``.
    """

    path: Path
    format: str


@dataclass(frozen=True, slots=True)
class CorpusSource:
    """A corpus: its files, and what is to be made of them, as by ``spacy biobert convert``.

    Attributes:
        paths: The files, or folders where the format has documents in files of their own, from the project's folder.
        format: How they are written: a format of ``spacy biobert convert``, or "auto".
        label: IOB only: the label of tags that name none.
        label_map: The label of each type; ``*`` stands for all others. None takes the dataset's.
        labels: The labels to keep, after `label_map`; None keeps all.
        annotates: The labels that its annotators looked for; None leaves that to `annotated_labels`.
        documents: A file with the ids of the documents to take, one a line; None takes all.
        skip: Documents to leave out at the beginning.
        limit: The most documents to take; 0 for all.
    """

    paths: tuple[Path, ...]
    format: str = "auto"
    label: str | None = None
    label_map: Mapping[str, str] | None = None
    labels: tuple[str, ...] | None = None
    annotates: tuple[str, ...] | None = None
    documents: Path | None = None
    skip: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset: corpora to train and score on, and the knowledge base to link to.

    Attributes:
        name: Its name, the stem of the file that describes it.
        title: Its name for people.
        train: The corpora to train on, by name.
        dev: The corpora to choose the best model by.
        test: The corpora to score the result on, each by itself.
        kb: The knowledge base; None where entities are found and not linked.
        label_map: The label of each type in corpora that have no map of their own.
        settings: What its training config says in place of the recipe's: ``training.max_steps``, by dotted name.
        meta: What the packaged pipeline says of itself: ``description``, ``license``, ``author``, ``url``, …
    """

    name: str
    title: str
    train: Mapping[str, CorpusSource]
    dev: Mapping[str, CorpusSource]
    test: Mapping[str, CorpusSource]
    kb: Source | None = None
    label_map: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)

    def corpora(self) -> Iterator[tuple[str, CorpusSource]]:
        """Yield every corpus under the name of the file that it becomes: ``train/abstracts``, ``dev/dev``."""
        for split, sources in zip(SPLITS, (self.train, self.dev, self.test), strict=True):
            for name, source in sources.items():
                yield f"{split}/{name}", source

    def files(self) -> list[Path]:
        """Return every file or folder it is made of, from the project's folder."""
        found: list[Path] = []
        for _, source in self.corpora():
            found += [*source.paths, *([source.documents] if source.documents else [])]
        return list(dict.fromkeys([*found, *([self.kb.path] if self.kb else [])]))


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


def find_dataset(name: str, project: Path, files: Mapping[str, str]) -> Dataset:
    """Read the description of a dataset, and put a user's own files in the place of its corpora.

    Args:
        name: Its name. Where there are own files for all of train, dev and test, no description is looked for: the
            dataset is these files, without a knowledge base.
        project: The project's folder.
        files: The path of a corpus in any format, from the project's folder, for "train", "dev" or "test"; an empty
            one is none.

    Returns:
        The dataset.

    Raises:
        FileNotFoundError: An own file is not there.
        ValueError: As for `read_dataset`; or there is no description, and not all own files are given.
    """
    own = {split: Path(path) for split, path in files.items() if path}
    for split, path in own.items():
        if not (project / path).exists():
            raise FileNotFoundError(Errors.B542.format(split=split, path=path))
    corpora = {
        split: {_NO_NAME.sub("_", path.name.split(".")[0]): CorpusSource((path,))} for split, path in own.items()
    }
    if len(corpora) == len(SPLITS):
        return Dataset(name, name, corpora["train"], corpora["dev"], corpora["test"])
    if corpora and not (project / DATASETS / f"{name}.yml").is_file():
        missing = ", ".join(f"--{split}" for split in SPLITS if split not in corpora)
        raise ValueError(Errors.B543.format(dataset=name, folder=DATASETS, missing=missing))
    described = read_dataset(name, project)
    return replace(
        described,
        train=corpora.get("train", described.train),
        dev=corpora.get("dev", described.dev),
        test=corpora.get("test", described.test),
    )


def annotated_labels(dataset: Dataset, found: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """Say which labels each corpus of a dataset annotates, where its corpora differ in that.

    A corpus annotates what its description states: ``annotates``, or the ``labels`` to keep, or the labels of a map
    with a ``*``. Else it annotates the labels that are found in it; corpora of one name in train, dev and test are
    parts of one corpus there, so that a label too rare for one part is annotated all the same.

    Args:
        dataset: The dataset.
        found: The labels of the mentions in each corpus, by the name of its file.

    Returns:
        The labels, sorted, by the name of the file; nothing where all that the dataset trains on annotates the same,
        and no corpus to score on states anything else.

    Raises:
        ValueError: A corpus has mentions with a label that it is said not to annotate.
    """
    stated = {file: _stated_labels(source, dataset.label_map) for file, source in dataset.corpora()}
    labels: dict[str, list[str]] = {}
    for file, named in stated.items():
        if named is None:
            _, _, name = file.partition("/")
            named = {label for other, occurring in found.items() if other.endswith(f"/{name}") for label in occurring}
        elif surplus := found[file] - named:
            raise ValueError(
                Errors.B540.format(
                    corpus=file, dataset=dataset.name, found=", ".join(sorted(surplus)), stated=", ".join(sorted(named))
                )
            )
        labels[file] = sorted(named)
    decisive = {tuple(labels[file]) for file, named in stated.items() if named is not None or file.startswith("train/")}
    return labels if len(decisive) > 1 else {}


def _stated_labels(source: CorpusSource, dataset_map: Mapping[str, str]) -> set[str] | None:
    """The labels that a corpus annotates by its description, or None where that leaves it open."""
    label_map = dataset_map if source.label_map is None else source.label_map
    if source.annotates is not None:
        return set(source.annotates)
    if source.labels is not None:
        return set(source.labels)
    return {label for label in label_map.values() if label} if "*" in label_map else None


def _dataset(name: str, description: Mapping[str, Any]) -> Dataset:
    """Turn what the YAML file says into a dataset."""
    if not isinstance(description, dict):
        raise ValueError("it is no mapping of names to values")
    if unknown := set(description) - _PARTS:
        raise ValueError(f"it has unknown parts: {', '.join(sorted(map(str, unknown)))}")
    dev = description["dev"]
    # A single corpus needs no name.
    dev = {"dev": dev} if isinstance(dev, dict) and "path" in dev else dev
    return Dataset(
        name=name,
        title=str(description.get("title", name)),
        train=_corpora("train", description["train"]),
        dev=_corpora("dev", dev),
        test=_corpora("test", description["test"]),
        kb=_kb(description["kb"]) if description.get("kb") else None,
        label_map=dict(description.get("label_map") or {}),
        settings=dict(description.get("settings") or {}),
        meta=dict(description.get("meta") or {}),
    )


def _corpora(split: str, value: Any) -> dict[str, CorpusSource]:
    """Read ``{NAME: {path: …, format: …}, …}``."""
    sources = {str(name): _corpus(f"{split}.{name}", source) for name, source in value.items()}
    if not sources:
        raise ValueError(f"'{split}' names no corpus")
    for name in sources:
        if not _NAME.fullmatch(name):
            raise ValueError(f"'{split}.{name}' is no name for a file: use letters, digits, '_', '-' and '.'")
    return sources


def _corpus(part: str, value: Any) -> CorpusSource:
    """Read ``{path: …, format: …}``, and what else may be said of a corpus."""
    if not isinstance(value, dict) or not {"path", "format"} <= set(value):
        raise ValueError(f"'{part}' must have a 'path' and a 'format'")
    if unknown := set(value) - _CORPUS_PARTS:
        raise ValueError(f"'{part}' has unknown parts: {', '.join(sorted(map(str, unknown)))}")
    paths = tuple(Path(path) for path in _texts(f"{part}.path", value["path"]))
    if not paths:
        raise ValueError(f"'{part}.path' names no file")
    numbers = {name: value.get(name, 0) for name in ("skip", "limit")}
    for name, number in numbers.items():
        if type(number) is not int or number < 0:
            raise ValueError(f"'{part}.{name}' must be a number of documents, or 0")
    label_map = value.get("label_map")
    if label_map is not None and not isinstance(label_map, dict):
        raise ValueError(f"'{part}.label_map' must be a mapping of types to labels")
    return CorpusSource(
        paths=paths,
        format=str(value["format"]),
        label=None if value.get("label") is None else str(value["label"]),
        label_map=None if label_map is None else {str(old): str(new or "") for old, new in label_map.items()},
        labels=None if value.get("labels") is None else _texts(f"{part}.labels", value["labels"]),
        annotates=None if value.get("annotates") is None else _texts(f"{part}.annotates", value["annotates"]),
        documents=None if value.get("documents") is None else Path(str(value["documents"])),
        **numbers,
    )


def _texts(part: str, value: Any) -> tuple[str, ...]:
    """Read a text, or a list of texts."""
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) and text for text in values):
        raise ValueError(f"'{part}' must be a text or a list of texts")
    return tuple(values)


def _kb(value: Any) -> Source:
    """Read ``{path: …, format: …}``."""
    if not isinstance(value, dict) or set(value) != {"path", "format"}:
        raise ValueError("'kb' must be a 'path' and a 'format'")
    return Source(Path(str(value["path"])), str(value["format"]))
