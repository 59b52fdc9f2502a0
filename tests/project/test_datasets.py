"""Descriptions of datasets: those that ship, and those with mistakes."""

from pathlib import Path

import pytest
import srsly

from spacy_biobert.corpora.convert import FORMATS
from spacy_biobert.linking.sources import READERS
from spacy_biobert.project.datasets import DATASETS, CorpusSource, Dataset, annotated_labels, find_dataset, read_dataset

ROOT = Path(__file__).parents[2]
COMPLETE = """
title: Mine
train:
  abstracts: {path: a.pubtator, format: pubtator}
dev: {path: b.pubtator, format: pubtator}
test:
  abstracts: {path: c.pubtator, format: pubtator}
  tokens: {path: c.tsv, format: iob}
kb: {path: kb.jsonl, format: jsonl}
label_map: {"*": Disease}
settings: {training.max_steps: 7}
"""


def write(folder: Path, text: str) -> None:
    (folder / DATASETS).mkdir(parents=True)
    (folder / DATASETS / "mine.yml").write_text(text, encoding="utf-8")


def test_reads_a_complete_description(tmp_path):
    write(tmp_path, COMPLETE)
    dataset = read_dataset("mine", tmp_path)
    assert (dataset.name, dataset.title) == ("mine", "Mine")
    assert [name for name, _ in dataset.corpora()] == ["train/abstracts", "dev/dev", "test/abstracts", "test/tokens"]
    assert [str(path) for path in dataset.files()] == ["a.pubtator", "b.pubtator", "c.pubtator", "c.tsv", "kb.jsonl"]
    assert dataset.test["tokens"].format == "iob"
    assert dataset.label_map == {"*": "Disease"}
    assert dataset.settings == {"training.max_steps": 7}


def test_a_file_used_twice_is_fetched_once(tmp_path):
    write(tmp_path, COMPLETE.replace("b.pubtator", "a.pubtator"))
    assert [path.name for path in read_dataset("mine", tmp_path).files()].count("a.pubtator") == 1


@pytest.mark.parametrize("part", ["train", "dev", "test"])
def test_a_missing_part_is_named(tmp_path, part):
    complete = srsly.yaml_loads(COMPLETE)
    write(tmp_path, srsly.yaml_dumps({name: value for name, value in complete.items() if name != part}))
    with pytest.raises(ValueError, match=rf"B505.*'{part}' is missing"):
        read_dataset("mine", tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("title:", "titel:", "unknown parts: titel"),
        ("kb: {path: kb.jsonl, format: jsonl}", "kb: kb.jsonl", "'kb' must be a 'path' and a 'format'"),
        ("abstracts: {path: a.pubtator, ", "abstracts: {", "'train.abstracts' must have a 'path' and a 'format'"),
        ("abstracts: {path: a", "../up: {path: a", "'train.../up' is no name for a file"),
        ("path: b.pubtator", "path: b, limits: 3", "'dev.dev' has unknown parts: limits"),
        ("path: b.pubtator", "path: b, limit: -3", "'dev.dev.limit' must be a number of documents"),
        ("path: b.pubtator", "path: b, limit: yes", "'dev.dev.limit' must be a number of documents"),
        ("path: b.pubtator", "path: []", "'dev.dev.path' names no file"),
        ("path: b.pubtator", "path: [1]", "'dev.dev.path' must be a text or a list of texts"),
        ("path: b.pubtator", "path: b, label_map: Disease", "'dev.dev.label_map' must be a mapping"),
        ("path: b.pubtator", "path: b, annotates: {}", "'dev.dev.annotates' must be a text or a list of texts"),
    ],
)
def test_a_mistake_is_named(tmp_path, old, new, problem):
    write(tmp_path, COMPLETE.replace(old, new))
    with pytest.raises(ValueError, match=rf"B505.*{problem}"):
        read_dataset("mine", tmp_path)


@pytest.mark.parametrize("text", ["", "- a list", "just: [not, closed", "test: {}\ntrain: 1"])
def test_nonsense_is_refused(tmp_path, text):
    write(tmp_path, text)
    with pytest.raises(ValueError, match="B505"):
        read_dataset("mine", tmp_path)


def test_an_unknown_dataset_is_told_the_known_ones(tmp_path):
    write(tmp_path, COMPLETE)
    with pytest.raises(ValueError, match=r"B504.*'yours'.*has mine"):
        read_dataset("yours", tmp_path)


@pytest.mark.parametrize("path", sorted((ROOT / DATASETS).glob("*.yml")), ids=lambda path: path.stem)
def test_datasets_that_ship_name_known_formats(path):
    dataset = read_dataset(path.stem, ROOT)
    assert {source.format for _, source in dataset.corpora()} <= set(FORMATS)
    assert dataset.kb is None or dataset.kb.format in READERS


def test_the_sample_needs_no_download():
    assert [path for path in read_dataset("sample", ROOT).files() if not (ROOT / path).is_file()] == []


def test_a_dataset_needs_no_knowledge_base(tmp_path):
    write(tmp_path, COMPLETE.replace("kb: {path: kb.jsonl, format: jsonl}\n", ""))
    dataset = read_dataset("mine", tmp_path)
    assert dataset.kb is None
    assert "kb.jsonl" not in map(str, dataset.files())


def test_all_that_can_be_said_of_a_corpus(tmp_path):
    dev = """dev:
  one: {path: [b.tsv, c.tsv], format: iob, label: Gene, skip: 2, limit: 3}
  two: {path: d, format: brat, label_map: {A: B, C: }, labels: [B, D], annotates: [B, D], documents: ids.txt}
"""
    write(tmp_path, COMPLETE.replace("dev: {path: b.pubtator, format: pubtator}\n", dev))
    dataset = read_dataset("mine", tmp_path)
    assert [name for name, _ in dataset.corpora()][1:3] == ["dev/one", "dev/two"]
    assert dataset.dev["one"] == CorpusSource((Path("b.tsv"), Path("c.tsv")), "iob", label="Gene", skip=2, limit=3)
    assert dataset.dev["two"] == CorpusSource(
        (Path("d"),),
        "brat",
        label_map={"A": "B", "C": ""},
        labels=("B", "D"),
        annotates=("B", "D"),
        documents=Path("ids.txt"),
    )
    assert {"b.tsv", "c.tsv", "d", "ids.txt"} <= set(map(str, dataset.files()))


# --- What corpora annotate ---


def make(train: dict, dev: dict | None = None, test: dict | None = None, label_map: dict | None = None) -> Dataset:
    """A dataset of corpora of which only options are given."""
    corpora = [
        {name: CorpusSource((Path(name),), **options) for name, options in split.items()}
        for split in (train, dev or {"dev": {}}, test or {"test": {}})
    ]
    return Dataset("mine", "Mine", *corpora, label_map=label_map or {})


def test_corpora_that_annotate_the_same_say_nothing():
    dataset = make({"a": {}, "b": {}})
    # A rare label that dev and test happen to lack is annotated there all the same.
    found = {"train/a": {"Gene", "RNA"}, "train/b": {"Gene", "RNA"}, "dev/dev": {"Gene"}, "test/test": set()}
    assert annotated_labels(dataset, found) == {}


def test_corpora_that_differ_each_say_what_they_annotate():
    dataset = make(
        {
            "stated": {"annotates": ("Gene", "Chemical")},
            "kept": {"labels": ("Disease",), "label_map": {"*": "X"}},
            "mapped": {"label_map": {"A": "Gene", "B": "", "*": "Disease"}},
            "found": {"label_map": {"A": "Gene"}},
        },
        dev={"found": {}, "other": {}},
    )
    found = {
        "train/stated": {"Gene"},
        "train/kept": {"Disease"},
        "train/mapped": set(),
        "train/found": {"Gene"},
        "dev/found": {"RNA"},
        "dev/other": {"Virus"},
        "test/test": set(),
    }
    assert annotated_labels(dataset, found) == {
        "train/stated": ["Chemical", "Gene"],
        "train/kept": ["Disease"],
        "train/mapped": ["Disease", "Gene"],
        # Corpora of one name are parts of one.
        "train/found": ["Gene", "RNA"],
        "dev/found": ["Gene", "RNA"],
        "dev/other": ["Virus"],
        "test/test": [],
    }


def test_a_corpus_to_score_on_can_differ_by_saying_so():
    found = {"train/a": {"Chemical", "Disease"}, "dev/dev": {"Disease"}, "test/ncbi": {"Disease"}}
    assert annotated_labels(make({"a": {}}, test={"ncbi": {}}), found) == {}
    stated = make({"a": {}}, test={"ncbi": {"annotates": ("Disease",)}})
    assert annotated_labels(stated, found)["test/ncbi"] == ["Disease"]
    assert annotated_labels(stated, found)["train/a"] == ["Chemical", "Disease"]


def test_the_map_of_the_dataset_serves_corpora_without_one():
    dataset = make({"a": {}, "b": {"annotates": ("Gene",)}}, label_map={"*": "Disease"})
    found = {"train/a": {"Disease"}, "train/b": set(), "dev/dev": set(), "test/test": set()}
    assert annotated_labels(dataset, found)["dev/dev"] == ["Disease"]


def test_a_label_beside_those_that_are_annotated():
    found = {"train/a": {"Gene", "RNA"}, "dev/dev": set(), "test/test": set()}
    with pytest.raises(ValueError, match=r"\[B540\] The corpus train/a of .*'mine' has .* labels RNA, .* only: Gene\."):
        annotated_labels(make({"a": {"annotates": ("Gene",)}}), found)


# --- Own files ---


def test_own_files_need_no_description(tmp_path):
    for name in ("my train.iob.tsv", "dev.xml", "-brat"):
        (tmp_path / name).touch()
    dataset = find_dataset("new", tmp_path, {"train": "my train.iob.tsv", "dev": "dev.xml", "test": "-brat"})
    assert dataset.kb is None
    assert [name for name, _ in dataset.corpora()] == ["train/my_train", "dev/dev", "test/_brat"]
    assert dataset.train["my_train"] == CorpusSource((Path("my train.iob.tsv"),), "auto")


def test_own_files_replace_those_of_a_dataset(tmp_path):
    write(tmp_path, COMPLETE)
    (tmp_path / "own.txt").touch()
    assert find_dataset("mine", tmp_path, {"train": "", "dev": "", "test": ""}) == read_dataset("mine", tmp_path)
    dataset = find_dataset("mine", tmp_path, {"test": "own.txt"})
    assert [name for name, _ in dataset.corpora()] == ["train/abstracts", "dev/dev", "test/own"]
    assert dataset.kb is not None


def test_own_files_that_are_not_enough(tmp_path):
    (tmp_path / "own.txt").touch()
    with pytest.raises(FileNotFoundError, match=r"\[B542\] .*'absent.txt', given as the corpus for 'dev'"):
        find_dataset("new", tmp_path, {"dev": "absent.txt"})
    with pytest.raises(ValueError, match=r"\[B543\] .*'new' can only be .*give --train, --test too"):
        find_dataset("new", tmp_path, {"dev": "own.txt"})
