"""A checkpoint is either whole or refused, with a message that names the file."""

import json

import huggingface_hub
import numpy as np
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from huggingface_hub.utils import filter_repo_objects
from safetensors.torch import load_file, save_file
from tiny import change_config

from spacy_biobert.encoder.checkpoints import load_checkpoint


def change_weights(folder, change):
    path = folder / "model.safetensors"
    tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
    change(tensors)
    path.unlink()
    save_file(tensors, path)


def refuse(folder, code, *, where=None, error=ValueError):
    with pytest.raises(error, match=rf"^\[{code}\]") as caught:
        load_checkpoint(folder)
    assert str(where or folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- files ---


def test_missing_config(broken_folder):
    (broken_folder / "config.json").unlink()
    assert "config.json is missing" in refuse(broken_folder, "B001", error=FileNotFoundError)


def test_missing_weights(broken_folder):
    (broken_folder / "model.safetensors").unlink()
    refuse(broken_folder, "B001", error=FileNotFoundError)


def test_empty_folder(tmp_path):
    refuse(tmp_path, "B001", error=FileNotFoundError)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_truncated_safetensors(broken_folder, share):
    path = broken_folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refuse(broken_folder, "B002", where=path)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("zipped", [True, False])
def test_truncated_pytorch_file(broken_folder, share, zipped):
    state = load_file(broken_folder / "model.safetensors")
    path = broken_folder / "pytorch_model.bin"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    (broken_folder / "model.safetensors").unlink()
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refuse(broken_folder, "B002", where=path)


def test_pytorch_file_that_would_run_code(broken_folder):
    class Harm:
        def __reduce__(self):
            return (exec, ("raise SystemExit('it ran')",))

    (broken_folder / "model.safetensors").unlink()
    torch.save({"harm": Harm()}, broken_folder / "pytorch_model.bin")
    refuse(broken_folder, "B002", where=broken_folder / "pytorch_model.bin")


def test_pytorch_file_of_something_else(broken_folder):
    (broken_folder / "model.safetensors").unlink()
    torch.save([torch.ones(3)], broken_folder / "pytorch_model.bin")
    refuse(broken_folder, "B002", where=broken_folder / "pytorch_model.bin")


def test_missing_shard(hf_models, broken_folder):
    (broken_folder / "model.safetensors").unlink()
    hf_models["bert"][0].save_pretrained(broken_folder, max_shard_size="20KB")
    shard = sorted(broken_folder.glob("model-*.safetensors"))[1]
    shard.unlink()
    assert shard.name in refuse(broken_folder, "B001", error=FileNotFoundError)


def test_the_longest_window_is_what_table_and_tokenizer_both_allow(broken_folder):
    for said, expected in ((None, 64), (40, 40), (64, 64), (512, 64), (1e30, 64)):
        (broken_folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": said}))
        assert load_checkpoint(broken_folder).max_pieces == expected


@pytest.mark.parametrize("index", ["{}", '{"weight_map": {}}', '{"weight_map": []}', '{"weight_map": "x"}'])
def test_index_without_shards(broken_folder, index):
    (broken_folder / "model.safetensors").unlink()
    (broken_folder / "model.safetensors.index.json").write_text(index)
    refuse(broken_folder, "B001", error=FileNotFoundError)


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "\xff\xfe"])
def test_damaged_config(broken_folder, content):
    path = broken_folder / "config.json"
    path.write_bytes(content.encode("latin1"))
    refuse(broken_folder, "B002", where=path)


# --- settings ---


def test_other_families(broken_folder):
    change_config(broken_folder, model_type="gpt2")
    message = refuse(broken_folder, "B003")
    assert "gpt2" in message
    assert "roberta" in message


def test_missing_setting(broken_folder):
    change_config(broken_folder, hidden_size="absent")
    assert "hidden_size" in refuse(broken_folder, "B004")


@pytest.mark.parametrize(
    "change", [{"hidden_act": "swish"}, {"position_embedding_type": "relative_key"}, {"num_attention_heads": 5}]
)
def test_settings_that_are_not_computed(broken_folder, change):
    change_config(broken_folder, **change)
    assert str(next(iter(change.values()))) in refuse(broken_folder, "B005")


# --- tensors ---


@pytest.mark.parametrize("name", ["embeddings.word_embeddings.weight", "encoder.layer.1.attention.self.key.bias"])
def test_missing_tensor(broken_folder, name):
    change_weights(broken_folder, lambda tensors: tensors.pop(name))
    assert name in refuse(broken_folder, "B006")


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("embeddings.word_embeddings.weight", (97, 16)),
        ("encoder.layer.0.attention.self.key.weight", (32, 16)),
        ("encoder.layer.0.attention.self.value.weight", (16, 32)),
        ("encoder.layer.1.output.dense.bias", (31,)),
    ],
)
def test_wrong_shape(broken_folder, name, shape):
    change_weights(broken_folder, lambda tensors: tensors.update({name: torch.zeros(shape)}))
    message = refuse(broken_folder, "B010")
    assert name in message
    assert str(shape) in message


def test_more_layers_than_weights(broken_folder):
    change_config(broken_folder, num_hidden_layers=3)
    assert "encoder.layer.2" in refuse(broken_folder, "B006")


def test_tokenizer_bigger_than_the_embedding(broken_folder):
    with (broken_folder / "vocab.txt").open("a") as file:
        file.write("another\npiece\n")
    message = refuse(broken_folder, "B011")
    assert "99" in message
    assert "97" in message


def test_tokenizer_with_gaps_is_measured_by_its_highest_id(broken_folder):
    """A line that stands twice leaves an id without a piece: fewer pieces, but ids beyond the embedding."""
    lines = (broken_folder / "vocab.txt").read_text().splitlines()
    (broken_folder / "vocab.txt").write_text("\n".join([*lines[:-1], *["the"] * 3, lines[-1]]))
    refuse(broken_folder, "B011")


def test_embedding_bigger_than_the_tokenizer_is_fine(broken_folder):
    """Tables are often padded to a round number of rows."""
    change_weights(
        broken_folder,
        lambda tensors: tensors.update(
            {"embeddings.word_embeddings.weight": torch.cat([tensors["embeddings.word_embeddings.weight"]] * 2)}
        ),
    )
    change_config(broken_folder, vocab_size=194)
    assert load_checkpoint(broken_folder).bert.config.vocab_size == 194


# --- names and the hub ---


@pytest.mark.parametrize("name", ["no/such/folder/anywhere", "/no/such folder", "*"])
def test_name_that_is_neither_folder_nor_repository(name):
    with pytest.raises(FileNotFoundError, match="B014") as caught:
        load_checkpoint(name)
    assert name in str(caught.value)


class Hub:
    """Stands for the model hub: knows what is cached, and what it would give."""

    def __init__(self, monkeypatch, cached, remote):
        self.cached, self.remote, self.asked = cached, remote, []
        monkeypatch.setattr(huggingface_hub, "snapshot_download", self.download)

    def download(self, name, *, revision, allow_patterns, local_files_only=False):
        self.asked.append(("cache" if local_files_only else "hub", name, revision))
        found = self.cached if local_files_only else self.remote
        if found is None:
            raise LocalEntryNotFoundError("not here") if local_files_only else OSError("no connection")
        return str(found)


def test_cached_repository_needs_no_connection(monkeypatch, bert_folder):
    hub = Hub(monkeypatch, cached=bert_folder, remote=None)
    assert load_checkpoint("some/biobert", revision="v1").bert.config.width == 32
    assert hub.asked == [("cache", "some/biobert", "v1")]


def test_repository_that_is_not_cached_is_downloaded(monkeypatch, bert_folder):
    hub = Hub(monkeypatch, cached=None, remote=bert_folder)
    assert load_checkpoint("some/biobert").bert.config.width == 32
    assert [place for place, *_ in hub.asked] == ["cache", "hub"]


@pytest.mark.parametrize("form", ["whole", "sharded"])
def test_all_that_is_read_is_downloaded(monkeypatch, hf_models, broken_folder, tmp_path, form):
    """The hub gives the files that match the patterns, and no others."""
    if form == "sharded":
        (broken_folder / "model.safetensors").unlink()
        hf_models["bert"][0].save_pretrained(broken_folder, max_shard_size="20KB")
    (broken_folder / "README.md").write_text("not needed")

    def download(name, *, revision, allow_patterns, local_files_only=False):
        if local_files_only:
            raise LocalEntryNotFoundError("not here")
        files = filter_repo_objects([path.name for path in broken_folder.iterdir()], allow_patterns=allow_patterns)
        for file in files:
            (tmp_path / "cache" / file).write_bytes((broken_folder / file).read_bytes())
        return str(tmp_path / "cache")

    (tmp_path / "cache").mkdir()
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert load_checkpoint("some/biobert").bert.config.width == 32
    assert not (tmp_path / "cache" / "README.md").exists()


def test_cache_of_the_tokenizer_alone_is_completed(monkeypatch, bert_folder, broken_folder):
    (broken_folder / "model.safetensors").unlink()
    hub = Hub(monkeypatch, cached=broken_folder, remote=bert_folder)
    assert load_checkpoint("some/biobert").bert.config.width == 32
    assert [place for place, *_ in hub.asked] == ["cache", "hub"]


def test_no_connection_and_no_cache(monkeypatch):
    Hub(monkeypatch, cached=None, remote=None)
    with pytest.raises(FileNotFoundError, match=r"B014.*some/biobert.*no connection"):
        load_checkpoint("some/biobert")


# --- saving ---


def test_saving_over_the_folder_that_weights_are_mapped_from(broken_folder, tmp_path):
    checkpoint = load_checkpoint(broken_folder)
    before = {
        name: weights.detach().clone() for name, weights in load_checkpoint(broken_folder).bert.named_parameters()
    }
    checkpoint.save(broken_folder, "float16")
    checkpoint.save(broken_folder, "float32")
    for name, weights in checkpoint.bert.named_parameters():
        assert torch.equal(weights, before[name]), name
    assert load_file(broken_folder / "model.safetensors")["encoder.layer.0.output.dense.weight"].dtype == torch.float32
    assert not list(broken_folder.glob("*.part"))


def test_training_leaves_the_checkpoint_on_disk_alone(broken_folder):
    files = {path.name: path.read_bytes() for path in broken_folder.iterdir()}
    checkpoint = load_checkpoint(broken_folder)
    with torch.no_grad():
        for weights in checkpoint.bert.parameters():
            weights.add_(1.0)
    assert {path.name: path.read_bytes() for path in broken_folder.iterdir()} == files


def test_weights_are_float32_and_trainable(bert_folder):
    checkpoint = load_checkpoint(bert_folder)
    for weights in checkpoint.bert.parameters():
        assert weights.dtype == torch.float32
        assert weights.requires_grad
        assert np.isfinite(weights.detach().numpy()).all()
