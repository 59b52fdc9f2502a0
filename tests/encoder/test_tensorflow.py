"""The original releases for TensorFlow become checkpoint folders with the same hidden states; nothing is guessed."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny import SIZES, write_vocabulary

from spacy_biobert.encoder import tensorflow as tf_room
from spacy_biobert.encoder.checkpoints import load_checkpoint
from spacy_biobert.encoder.families import read_config, tensor_names
from spacy_biobert.encoder.tensorflow import convert_checkpoint, convert_tensors, find_release, variables

# What a BERT of one layer, as its authors wrote it, holds beside its optimizer's slots: names and shapes.
PUBLISHED = {
    "bert/embeddings/LayerNorm/beta": (32,),
    "bert/embeddings/LayerNorm/gamma": (32,),
    "bert/embeddings/position_embeddings": (64, 32),
    "bert/embeddings/token_type_embeddings": (2, 32),
    "bert/embeddings/word_embeddings": ("vocab", 32),
    "bert/encoder/layer_0/attention/output/LayerNorm/beta": (32,),
    "bert/encoder/layer_0/attention/output/LayerNorm/gamma": (32,),
    "bert/encoder/layer_0/attention/output/dense/bias": (32,),
    "bert/encoder/layer_0/attention/output/dense/kernel": (32, 32),
    "bert/encoder/layer_0/attention/self/key/bias": (32,),
    "bert/encoder/layer_0/attention/self/key/kernel": (32, 32),
    "bert/encoder/layer_0/attention/self/query/bias": (32,),
    "bert/encoder/layer_0/attention/self/query/kernel": (32, 32),
    "bert/encoder/layer_0/attention/self/value/bias": (32,),
    "bert/encoder/layer_0/attention/self/value/kernel": (32, 32),
    "bert/encoder/layer_0/intermediate/dense/bias": (144,),
    "bert/encoder/layer_0/intermediate/dense/kernel": (32, 144),
    "bert/encoder/layer_0/output/LayerNorm/beta": (32,),
    "bert/encoder/layer_0/output/LayerNorm/gamma": (32,),
    "bert/encoder/layer_0/output/dense/bias": (32,),
    "bert/encoder/layer_0/output/dense/kernel": (144, 32),
}
OTHERS = {
    "bert/pooler/dense/kernel": (32, 32),
    "bert/pooler/dense/bias": (32,),
    "cls/predictions/output_bias": ("vocab",),
    "cls/predictions/transform/dense/kernel": (32, 32),
    "cls/predictions/transform/LayerNorm/beta": (32,),
    "cls/seq_relationship/output_weights": (2, 32),
    "global_step": (),
}
NAME = "model.ckpt-1000000"
CONFIG = Path("bert_config.json")


def bert_config(**changes):
    """Settings as TensorFlow's releases have them, which lack what other tools add."""
    settings = {key: value for key, value in SIZES.items() if key != "initializer_range"}
    return {
        "hidden_act": "gelu",
        "type_vocab_size": 2,
        "num_hidden_layers": 2,
        "vocab_size": 100,
        **settings,
        **changes,
    }


def old_name(name):
    """Rename one of Hugging Face's tensors by rules, not by the table that is tested."""
    name = "bert/" + name.replace(".", "/")
    name = re.sub(r"layer/(\d+)", r"layer_\1", name)
    for ending in ("word_embeddings", "position_embeddings", "token_type_embeddings"):
        name = name.replace(f"{ending}/weight", ending)
    name = name.replace("LayerNorm/weight", "LayerNorm/gamma").replace("LayerNorm/bias", "LayerNorm/beta")
    return name.replace("/weight", "/kernel")


def old_variables(model):
    """All that a checkpoint in TensorFlow's form has, for a model of Hugging Face's."""
    found = {}
    for name, tensor in model.state_dict().items():
        old = old_name(name)
        array = tensor.numpy()
        found[old] = array.T if old.endswith("/kernel") else array
    for name in list(found):
        found[f"{name}/adam_m"] = found[f"{name}/adam_v"] = np.ones_like(found[name])
    for name, shape in OTHERS.items():
        if name not in found:
            found[name] = np.ones([model.config.vocab_size if size == "vocab" else size for size in shape], dtype="f")
    return found


def write_release(folder, *, cased=False, names=("bert_config.json", "vocab.txt"), **changes):
    """Write a release whose checkpoint files are empty."""
    folder.mkdir(exist_ok=True)
    size = write_vocabulary(folder, cased=cased)
    (folder / "vocab.txt").rename(folder / names[1])
    (folder / names[0]).write_text(json.dumps(bert_config(vocab_size=size, **changes)))
    for ending in ("index", "meta", "data-00000-of-00001"):
        (folder / f"{NAME}.{ending}").touch()
    return folder


@pytest.fixture
def release(tmp_path, hf_models, monkeypatch):
    """The release that belongs to Hugging Face's tiny BERT, read without TensorFlow, and what it holds."""
    found = old_variables(hf_models["bert"][0])
    monkeypatch.setattr(tf_room, "read_variables", lambda checkpoint: found)
    return write_release(tmp_path / "release"), found


# --- the table ---


def test_names_are_the_published_ones():
    config = read_config(bert_config(num_hidden_layers=1), "here")
    table = list(variables(config))
    assert {theirs for _, theirs, _ in table} == set(PUBLISHED)
    assert len({ours for ours, _, _ in table}) == len(table) == len(PUBLISHED)
    assert {theirs for _, theirs, transposed in table if transposed} == {n for n in PUBLISHED if n.endswith("kernel")}
    found = {name: np.ones([100 if n == "vocab" else n for n in shape]) for name, shape in PUBLISHED.items()}
    tensors, _ = convert_tensors(found, config, checkpoint="there", config_path=CONFIG)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}


@pytest.mark.parametrize("n_layers", [1, 2, 12])
def test_table_has_every_tensor_of_a_bert(n_layers):
    config = read_config(bert_config(num_hidden_layers=n_layers), "here")
    theirs = sorted(name for _, parts in tensor_names("bert", config) for name in parts)
    assert sorted(ours for ours, _, _ in variables(config)) == theirs


def test_round_trip(hf_models):
    """Our names to TensorFlow's and back: every tensor of a tiny model comes back as it was, from its own place."""
    model, folder = hf_models["bert"]
    config = load_checkpoint(folder).bert.config
    ours = {name: tensor for name, tensor in model.state_dict().items() if "pooler" not in name}
    there = {}
    for name, old, transposed in variables(config):
        there[old] = ours[name].numpy().T if transposed else ours[name].numpy()
    assert all((there[name] == array).all() for name, array in old_variables(model).items() if name in there)
    back, n_skipped = convert_tensors(there, config, checkpoint=folder, config_path=CONFIG)
    assert n_skipped == 0
    assert set(back) == set(ours)
    for name, tensor in back.items():
        assert tensor.is_contiguous()
        torch.testing.assert_close(tensor, ours[name], rtol=0, atol=0, msg=name)


# --- the folder ---


def test_converted_folder(release, tmp_path, hf_models):
    import transformers

    model = hf_models["bert"][0]
    folder, found = release
    made = convert_checkpoint(folder, tmp_path / "out")
    n_own = sum(name.startswith(("bert/embeddings", "bert/encoder")) and "adam" not in name for name in found)
    assert made.n_skipped == len(found) - n_own
    assert made.lower_case
    checkpoint = load_checkpoint(tmp_path / "out")
    ids = torch.tensor([[2, 30, 40, 50, 60, 70, 3]])
    again = transformers.AutoModel.from_pretrained(tmp_path / "out").eval()
    assert type(again) is transformers.BertModel
    with torch.inference_mode():
        expected = model(ids).last_hidden_state
        torch.testing.assert_close(again(ids).last_hidden_state, expected, rtol=0, atol=1e-6)
    ours = checkpoint.tensors()
    assert set(ours) == set(load_file(tmp_path / "out" / "model.safetensors"))
    assert not [name for name in ours if "pooler" in name]
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, model.state_dict()[name], rtol=0, atol=0, msg=name)


@pytest.mark.parametrize("cased", [True, False])
def test_vocabulary_decides_the_casing_for_other_tools_too(tmp_path, hf_models, monkeypatch, cased):
    import transformers

    model = hf_models["bert-cased" if cased else "bert"][0]
    monkeypatch.setattr(tf_room, "read_variables", lambda checkpoint: old_variables(model))
    made = convert_checkpoint(write_release(tmp_path / "release", cased=cased), tmp_path / "out")
    assert made.lower_case is not cased
    ours = load_checkpoint(tmp_path / "out").tokenizer
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert theirs.is_fast
    for word in ("BRCA1", "Patient", "naïve", "colitis"):
        ids = ours.pieces(word, after_space=True)
        assert theirs(word).input_ids == [ours.cls, *ids, ours.sep]
    first = theirs.tokenize("Patient")[0]
    assert first == "Patient" if cased else first == "patient"
    assert theirs.model_max_length == 64


def test_a_pipeline_is_built_on_it(release, tmp_path, make_nlp):
    convert_checkpoint(release[0], tmp_path / "out")
    doc = make_nlp(folder=tmp_path / "out")("The patient with colon cancer .")
    assert doc._.trf_data.model_output.last_hidden_state.shape == (1, 6, 32)


def test_other_names_of_files(release, tmp_path):
    names = ("bert_config_bio_58k_large.json", "vocab_cased_pubmed_pmc_30k.txt")
    folder = write_release(tmp_path / "large", names=names)
    convert_checkpoint(folder, tmp_path / "out")
    assert (tmp_path / "out" / "vocab.txt").read_bytes() == (folder / names[1]).read_bytes()


def test_shards(tmp_path):
    folder = write_release(tmp_path / "release")
    (folder / f"{NAME}.data-00000-of-00001").rename(folder / f"{NAME}.data-00001-of-00002")
    with pytest.raises(FileNotFoundError, match=r"^\[B040\].*data-00000-of-00002"):
        find_release(folder)
    (folder / f"{NAME}.data-00000-of-00002").touch()
    assert find_release(folder).checkpoint == folder / NAME


def test_several_checkpoints(tmp_path):
    folder = write_release(tmp_path / "release")
    for ending in ("index", "data-00000-of-00001"):
        (folder / f"model.ckpt-5.{ending}").touch()
    with pytest.raises(ValueError, match=r"^\[B041\].*model\.ckpt-1000000, model\.ckpt-5"):
        find_release(folder)
    assert find_release(folder, "model.ckpt-5").checkpoint == folder / "model.ckpt-5"
    with pytest.raises(FileNotFoundError, match=r"^\[B040\]"):
        find_release(folder, "model.ckpt-6")


# --- what is refused ---


@pytest.mark.parametrize("name", ["bert_config.json", "vocab.txt", f"{NAME}.index", f"{NAME}.data-00000-of-00001"])
def test_missing_file(release, tmp_path, name):
    folder, _ = release
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=r"^\[B040\]"):
        convert_checkpoint(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^\[B040\]"):
        convert_checkpoint(tmp_path / "nowhere", tmp_path / "out")


def refuse(release, out, code):
    with pytest.raises(ValueError, match=rf"^\[{code}\]") as caught:
        convert_checkpoint(release[0], out)
    assert not out.exists()
    return str(caught.value)


def test_missing_variables(release, tmp_path):
    gone = [name for name in release[1] if "layer_1" in name and name.endswith("LayerNorm/gamma")]
    for name in gone:
        del release[1][name]
    assert gone[0] in refuse(release, tmp_path / "out", "B043")


def test_wrong_shape(release, tmp_path):
    name = "bert/encoder/layer_0/intermediate/dense/kernel"
    release[1][name] = release[1][name].T
    message = refuse(release, tmp_path / "out", "B044")
    assert name in message
    assert "(144, 32)" in message
    assert "(32, 144)" in message


def test_more_layers_than_the_settings_know(release, tmp_path):
    path = release[0] / "bert_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_hidden_layers": 1}))
    assert "bert/encoder/layer_1/" in refuse(release, tmp_path / "out", "B045")


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("bert_config.json", b"{", "B002"),
        ("bert_config.json", b"[]", "B002"),
        ("bert_config.json", b"{}", "B004"),
        ("vocab.txt", b"\xff\n", "B002"),
        ("vocab.txt", b"the\nof\n", "B008"),
        ("vocab.txt", b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n" + b"x\n" * 500, "B011"),
    ],
)
def test_damaged_files(release, tmp_path, name, content, code):
    (release[0] / name).write_bytes(content)
    assert name in refuse(release, tmp_path / "out", code)


def test_nothing_is_overwritten(release, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(FileExistsError, match=r"^\[B046\]"):
        convert_checkpoint(release[0], tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]
    with pytest.raises(FileExistsError, match=r"^\[B046\]"):
        convert_checkpoint(release[0], tmp_path / "out" / "mine")


def test_without_tensorflow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ImportError, match=r"^\[B042\].*pip install spacy-biobert\[tensorflow\]"):
        convert_checkpoint(write_release(tmp_path / "release"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


# --- TensorFlow itself ---


@pytest.fixture
def written_by_tensorflow(tmp_path, hf_models):
    """A release that TensorFlow has written."""
    v1 = pytest.importorskip("tensorflow", reason="TensorFlow is not installed: spacy-biobert[tensorflow]").compat.v1
    folder = write_release(tmp_path / "release")
    for path in folder.glob(f"{NAME}.*"):
        path.unlink()
    found = old_variables(hf_models["bert"][0])
    with v1.Graph().as_default(), v1.Session() as session:
        for name, array in found.items():
            v1.get_variable(name, initializer=np.ascontiguousarray(array))
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(folder / NAME))
    return folder, found


def test_what_tensorflow_wrote(written_by_tensorflow, tmp_path, hf_models):
    folder, _ = written_by_tensorflow
    made = convert_checkpoint(folder, tmp_path / "out")
    assert made.n_skipped > 2 * len(load_file(tmp_path / "out" / "model.safetensors"))
    expected = hf_models["bert"][0].state_dict()
    for name, tensor in load_file(tmp_path / "out" / "model.safetensors").items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=0, msg=name)


@pytest.mark.parametrize("ending", ["index", "data-00000-of-00001"])
def test_damage_that_tensorflow_finds(written_by_tensorflow, tmp_path, ending):
    path = written_by_tensorflow[0] / f"{NAME}.{ending}"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert f"{NAME}." in refuse(written_by_tensorflow, tmp_path / "out", "B002")
