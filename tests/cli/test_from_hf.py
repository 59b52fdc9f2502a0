import json

import pytest
import spacy
import torch


@pytest.fixture
def classifier(tmp_path, hf_models):
    """Write a token classifier with random weights whose classes have the names that are given."""
    import transformers

    def make(*names):
        model, source = hf_models["bert"]
        folder = tmp_path / "Tagger"
        folder.mkdir()
        torch.manual_seed(0)
        config = transformers.BertConfig.from_dict(model.config.to_dict() | {"id2label": dict(enumerate(names))})
        transformers.BertForTokenClassification(config).save_pretrained(folder)
        (folder / "vocab.txt").write_bytes((source / "vocab.txt").read_bytes())
        return folder

    return make


def test_from_hf(invoke, classifier, tmp_path):
    folder = classifier("O", "B-Disease", "I-Disease")
    out = tmp_path / "out"
    status, output = invoke("from-hf", folder, out)
    assert status == 0
    assert "Disease, in BIO tags" in output
    nlp = spacy.load(out)
    assert nlp.pipe_names == ["biobert", "biobert_ner"]
    assert nlp.meta["name"] == "tagger"
    assert [token.text for token in nlp("BRCA1-linked")] == ["BRCA1", "-", "linked"]


def test_options(invoke, classifier, tmp_path):
    folder = classifier("LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3")
    out = tmp_path / "out"
    tags = [f"--tag=LABEL_{i}={tag}" for i, tag in enumerate(("O", "B", "I", ""))]
    options = ["--label", "Gene", "--lang", "xx", "--name", "genes", "--version", "0.2.0", "--save-dtype", "int8"]
    status, _ = invoke("from-hf", folder, out, *tags, *options, "--casing", "keep")
    assert status == 0
    nlp = spacy.load(out)
    assert nlp.pipe_labels["biobert_ner"] == ["Gene"]
    assert (nlp.meta["lang"], nlp.meta["name"], nlp.meta["version"]) == ("xx", "genes", "0.2.0")
    model = nlp.config["components"]["biobert"]["model"]
    assert (model["save_dtype"], model["casing"], model["pooling"]) == ("int8", "keep", "first")
    stored = json.loads((out / "biobert" / "model" / "tokenizer.json").read_text())
    assert stored["normalizer"]["lowercase"] is False


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), "B051"),
        (("--tag", "O"), "B331"),
        (("--tag", "nothing=O"), "B056"),
        (("--casing", "loud"), "B009"),
        (("--tag=LABEL_0=O", "--tag=LABEL_1=B-X", "--save-dtype", "float8"), "B022"),
        (("--tag=LABEL_0=O", "--tag=LABEL_1=B-X", "--lang", "zz"), "B057"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(invoke, classifier, tmp_path, options, code):
    status, output = invoke("from-hf", classifier("LABEL_0", "LABEL_1"), tmp_path / "out", *options)
    assert status == 1
    assert f"[{code}]" in output
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(invoke, classifier):
    folder = classifier("O", "B-X")
    status, output = invoke("from-hf", folder, folder)
    assert status == 1
    assert "[B046]" in output


def test_no_such_checkpoint(invoke, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    status, output = invoke("from-hf", tmp_path / "nowhere", tmp_path / "out")
    assert status == 1
    assert "[B014]" in output
