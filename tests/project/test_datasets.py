"""Descriptions of datasets: those that ship, and those with mistakes."""

from pathlib import Path

import pytest
import srsly

from spacy_biobert.corpora.convert import FORMATS
from spacy_biobert.linking.sources import READERS
from spacy_biobert.project.datasets import DATASETS, read_dataset

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
    assert [name for name, _ in dataset.corpora()] == ["train/abstracts", "dev", "test/abstracts", "test/tokens"]
    assert [str(path) for path in dataset.files()] == ["a.pubtator", "b.pubtator", "c.pubtator", "c.tsv", "kb.jsonl"]
    assert dataset.test["tokens"].format == "iob"
    assert dataset.label_map == {"*": "Disease"}
    assert dataset.settings == {"training.max_steps": 7}


def test_a_file_used_twice_is_fetched_once(tmp_path):
    write(tmp_path, COMPLETE.replace("b.pubtator", "a.pubtator"))
    assert [path.name for path in read_dataset("mine", tmp_path).files()].count("a.pubtator") == 1


@pytest.mark.parametrize("part", ["train", "dev", "test", "kb"])
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
        ("abstracts: {path: a.pubtator, ", "abstracts: {", "'train.abstracts' must be a 'path' and a 'format'"),
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
    assert dataset.kb.format in READERS


def test_the_sample_needs_no_download():
    assert [path for path in read_dataset("sample", ROOT).files() if not (ROOT / path).is_file()] == []
