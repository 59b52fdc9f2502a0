import sys

import numpy as np
import pytest

from spacy_biobert.encoder import tensorflow as tf_room
from spacy_biobert.encoder.checkpoints import load_checkpoint


@pytest.fixture
def release(tmp_path, bert_folder, monkeypatch):
    """A release for TensorFlow, made of the tiny BERT, and read without TensorFlow."""
    checkpoint = load_checkpoint(bert_folder)
    tensors = checkpoint.tensors()
    found = {"global_step": np.zeros((), dtype=np.int64)}
    for ours, theirs, transposed in tf_room.variables(checkpoint.bert.config):
        found[theirs] = tensors[ours].numpy().T if transposed else tensors[ours].numpy()
    monkeypatch.setattr(tf_room, "read_variables", lambda path: found)
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "bert_config.json").write_bytes((bert_folder / "config.json").read_bytes())
    (folder / "vocab.txt").write_bytes((bert_folder / "vocab.txt").read_bytes())
    for ending in ("index", "data-00000-of-00001"):
        (folder / f"biobert_model.ckpt.{ending}").touch()
    return folder


def test_convert(invoke, release, tmp_path):
    status, output = invoke("convert-checkpoint", release, tmp_path / "out")
    assert status == 0
    assert "2 layers of width 32" in output
    assert "lower-cased" in output
    assert "1 variables left out" in output
    assert load_checkpoint(tmp_path / "out").bert.config.width == 32


def test_what_is_wrong_is_said_without_a_traceback(invoke, release, tmp_path, monkeypatch):
    status, output = invoke("convert-checkpoint", release, release)
    assert status == 1
    assert "[B046]" in output
    status, output = invoke("convert-checkpoint", release, tmp_path / "out", "--checkpoint", "model.ckpt-5")
    assert status == 1
    assert "[B040]" in output
    assert "model.ckpt-5" in output
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    status, output = invoke("convert-checkpoint", release, tmp_path / "out")
    assert status == 1
    assert "pip install spacy-biobert[tensorflow]" in output
