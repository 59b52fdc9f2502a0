"""``spacy biobert fetch`` and ``prepare``, on the sample that ships and on mistakes."""

import shutil
from pathlib import Path

import pytest
import srsly
from spacy import blank
from spacy.tokens import DocBin
from spacy.util import load_config

from spacy_biobert.corpora.annotated_labels import get_annotated_labels
from spacy_biobert.files import file_digest
from spacy_biobert.linking.kb import KnowledgeBase

ROOT = Path(__file__).parents[2]
CONFIG = """
[paths]
train = null

[nlp]
lang = "en"
pipeline = ["biobert_linker"]

[nlp.tokenizer]
@tokenizers = "spacy_biobert.Tokenizer.v1"

[components]

[components.biobert_linker]
factory = "biobert_linker"

[training]
max_steps = 1000
patience = 10

[training.optimizer]
@optimizers = "Adam.v1"
learn_rate = ${training.patience}
"""


@pytest.fixture
def project(tmp_path):
    """A project with one small dataset, that lacks nothing."""
    folder = tmp_path / "project"
    (folder / "configs" / "datasets").mkdir(parents=True)
    (folder / "recipe.cfg").write_text(CONFIG)
    source = {"path": "corpus.pubtator", "format": "pubtator"}
    recipe = {
        "train": {"abstracts": source},
        "dev": source,
        "test": {"abstracts": source},
        "kb": {"path": "kb.jsonl", "format": "jsonl"},
        "label_map": {"SpecificDisease": "Disease"},
        "settings": {"training.max_steps": 7, "components.biobert_linker.threshold": 0.7},
    }
    srsly.write_yaml(folder / "configs" / "datasets" / "mine.yml", recipe)
    srsly.write_yaml(folder / "project.yml", {"assets": []})
    (folder / "corpus.pubtator").write_text("1|t|A fever.\n1|a|\n1\t2\t7\tfever\tSpecificDisease\tD005334\n")
    shutil.copy(ROOT / "assets" / "sample" / "knowledge_base.jsonl", folder / "kb.jsonl")
    return folder


def prepare(invoke, project, *options, name="mine"):
    corpus, kb = project / "corpus", project / "kb"
    return invoke("prepare", name, corpus, kb, "--config", project / "recipe.cfg", "--project", project, *options)


def annotated(path):
    return {get_annotated_labels(doc) for doc in DocBin().from_disk(path).get_docs(blank("en").vocab)}


def test_fetch_records_what_training_depends_on(invoke, project):
    (project / "encoder").mkdir()
    (project / "encoder" / "config.json").write_text("{}")
    arguments = ("mine", "--project", project, "--lock", project / "corpus" / "sources.json")
    status, output = invoke("fetch", *arguments, "--encoder", "encoder")
    assert status == 0, output
    locked = srsly.read_json(project / "corpus" / "sources.json")
    assert list(locked)[:2] == ["corpus.pubtator", "kb.jsonl"]
    assert locked["kb.jsonl"] == file_digest(project / "kb.jsonl", "md5")
    assert locked["configs/datasets/mine.yml"] == file_digest(project / "configs" / "datasets" / "mine.yml", "md5")
    assert [name for name in locked if name.endswith("encoder/config.json")]


def test_fetch_looks_for_the_encoder_too(invoke, project, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    status, output = invoke("fetch", "mine", "--project", project, "--encoder", "someone/a-misspelt-model")
    assert status == 1
    assert "B014" in output
    assert "someone/a-misspelt-model" in output


def test_fetch_says_what_is_missing(invoke, project, monkeypatch):
    monkeypatch.delenv("SPACY_BIOBERT_DATA", raising=False)
    (project / "kb.jsonl").unlink()
    assets = [{"dest": "kb.jsonl", "url": "http://127.0.0.1:9/kb.jsonl", "checksum": "0" * 32}]
    srsly.write_yaml(project / "project.yml", {"assets": assets})
    status, output = invoke("fetch", "mine", "--project", project, "--lock", project / "sources.json")
    assert status == 1
    assert "[B501]" in output
    assert "http://127.0.0.1:9/kb.jsonl" in output
    assert not (project / "sources.json").exists()


def test_fetch_takes_a_folder_from_the_environment(invoke, project, tmp_path):
    (tmp_path / "data").mkdir()
    (project / "kb.jsonl").rename(tmp_path / "data" / "kb.jsonl")
    recipe = project / "configs" / "datasets" / "mine.yml"
    recipe.write_text(recipe.read_text().replace("path: kb.jsonl", "path: assets/kb.jsonl"))
    checksum = file_digest(tmp_path / "data" / "kb.jsonl", "md5")
    assets = [{"dest": "assets/kb.jsonl", "url": "http://127.0.0.1:9/kb.jsonl", "checksum": checksum}]
    srsly.write_yaml(project / "project.yml", {"assets": assets})
    status, output = invoke("fetch", "mine", "--project", project, env={"SPACY_BIOBERT_DATA": str(tmp_path / "data")})
    assert status == 0, output
    assert file_digest(project / "assets" / "kb.jsonl", "md5") == checksum


def test_prepare_makes_all_that_training_needs(invoke, project):
    status, output = prepare(invoke, project)
    assert status == 0, output
    (doc,) = DocBin().from_disk(project / "corpus" / "test" / "abstracts.spacy").get_docs(blank("en").vocab)
    assert [(ent.text, ent.label_, ent.kb_id_) for ent in doc.ents] == [("fever", "Disease", "MESH:D005334")]
    assert (project / "corpus" / "train" / "abstracts.spacy").is_file()
    assert (project / "corpus" / "dev" / "dev.spacy").is_file()
    assert len(KnowledgeBase.open(project / "kb")) >= 150


def test_prepare_writes_the_recipe_with_the_datasets_own_settings(invoke, project):
    prepare(invoke, project)
    config = load_config(project / "corpus" / "config.cfg")
    assert config["training"]["max_steps"] == 7
    assert config["components"]["biobert_linker"]["threshold"] == 0.7
    assert config["training"]["optimizer"]["learn_rate"] == "${training.patience}"
    assert config["nlp"]["tokenizer"]["@tokenizers"] == "spacy_biobert.Tokenizer.v1"
    # Filled, as `spacy debug config` wants it.
    assert config["training"]["accumulate_gradient"] == 1


def test_prepare_again_replaces_what_is_there(invoke, project):
    prepare(invoke, project)
    first = file_digest(project / "corpus" / "config.cfg", "md5")
    assert prepare(invoke, project)[0] == 0
    assert file_digest(project / "corpus" / "config.cfg", "md5") == first


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("format: jsonl", "format: xml", "[B505]"),
        ("format: pubtator", "format: word", "[B333]"),
        ("path: corpus.pubtator", "path: absent.pubtator", "[B3"),
    ],
)
def test_prepare_says_what_is_wrong(invoke, project, old, new, error):
    recipe = project / "configs" / "datasets" / "mine.yml"
    text = recipe.read_text()
    assert old in text
    recipe.write_text(text.replace(old, new))
    status, output = prepare(invoke, project)
    assert status == 1
    assert error in output


def test_an_unknown_dataset(invoke, project):
    status, output = invoke("fetch", "yours", "--project", project)
    assert status == 1
    assert "[B504]" in output


@pytest.fixture
def without_kb(project):
    """The project, with a recipe without a linker, and a dataset that has no knowledge base."""
    recipe = project / "configs" / "datasets" / "mine.yml"
    description = srsly.read_yaml(recipe)
    del description["kb"]
    srsly.write_yaml(recipe, description)
    (project / "ner.cfg").write_text(CONFIG.replace("biobert_linker", "sentencizer"))
    return project


def test_prepare_without_a_knowledge_base_takes_the_recipe_for_entities(invoke, without_kb):
    status, output = prepare(invoke, without_kb, "--ner-config", without_kb / "ner.cfg")
    assert status == 0, output
    assert not (without_kb / "kb").exists()
    config = load_config(without_kb / "corpus" / "config.cfg")
    assert config["nlp"]["pipeline"] == ["sentencizer"]
    assert "biobert_linker" not in config["components"]


def test_prepare_without_a_knowledge_base_and_without_that_recipe(invoke, without_kb):
    status, output = prepare(invoke, without_kb)
    assert status == 1
    assert "[B541]" in output
    assert not (without_kb / "corpus").exists()


def test_prepare_on_own_files(invoke, without_kb, tmp_path):
    (tmp_path / "own.tsv").write_text("Aspirin\tB-Drug\nhelps\tO\n")
    (tmp_path / "brat").mkdir()
    (tmp_path / "brat" / "1.txt").write_text("Aspirin helps.")
    (tmp_path / "brat" / "1.ann").write_text("T1\tDrug 0 7\tAspirin\n")
    own = ["--train", tmp_path / "own.tsv", "--dev", tmp_path / "own.tsv", "--test", tmp_path / "brat"]
    status, output = prepare(invoke, without_kb, "--ner-config", without_kb / "ner.cfg", *own, name="new")
    assert status == 0, output
    (doc,) = DocBin().from_disk(without_kb / "corpus" / "test" / "brat.spacy").get_docs(blank("en").vocab)
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Aspirin", "Drug")]
    lock = tmp_path / "sources.json"
    status, output = invoke("fetch", "new", "--project", without_kb, "--lock", lock, *own)
    assert status == 0, output
    assert len(srsly.read_json(lock)) == 3


def test_prepare_trains_on_dev_where_it_is_told_to(invoke, project):
    dev_there = project / "corpus" / "train" / "dev" / "dev.spacy"
    assert prepare(invoke, project, "--train-on", "train+dev")[0] == 0
    assert file_digest(dev_there, "md5") == file_digest(project / "corpus" / "dev" / "dev.spacy", "md5")
    assert prepare(invoke, project, "--train-on", "train+dev")[0] == 0
    # And not a second longer than that.
    assert prepare(invoke, project)[0] == 0
    assert not dev_there.exists()


def test_prepare_on_what_it_does_not_know(invoke, project):
    status, output = prepare(invoke, project, "--train-on", "test")
    assert status == 1
    assert "[B544]" in output


def test_prepare_removes_what_an_earlier_description_has_left(invoke, project):
    stale = project / "corpus" / "train" / "stale.spacy"
    stale.parent.mkdir(parents=True)
    stale.touch()
    assert prepare(invoke, project)[0] == 0
    assert not stale.exists()


def test_prepare_records_what_differing_corpora_annotate(invoke, project):
    recipe = project / "configs" / "datasets" / "mine.yml"
    description = srsly.read_yaml(recipe)
    (project / "genes.tsv").write_text("TP53\tB-GENE\n")
    genes = {"path": "genes.tsv", "format": "iob", "label_map": {"*": "Gene"}}
    description["train"]["genes"] = description["test"]["genes"] = genes
    description["dev"] = {"abstracts": description["dev"], "genes": genes}
    srsly.write_yaml(recipe, description)
    status, output = prepare(invoke, project)
    assert status == 0, output
    for split in ("train", "dev", "test"):
        assert annotated(project / "corpus" / split / "abstracts.spacy") == {frozenset({"Disease"})}
        assert annotated(project / "corpus" / split / "genes.spacy") == {frozenset({"Gene"})}


def test_prepare_records_nothing_where_corpora_agree(invoke, project):
    prepare(invoke, project)
    assert annotated(project / "corpus" / "train" / "abstracts.spacy") == {None}
