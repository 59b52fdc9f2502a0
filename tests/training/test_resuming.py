"""A training that was stopped ends as one that was not, whatever the config says."""

import json
import os

import numpy as np
import pytest
import spacy
import srsly
import torch
from safetensors.torch import load_file
from spacy import util
from spacy.tokens import DocBin, Span
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as spacy_train
from thinc.api import Adam, Shim
from tiny import stored_weights

from spacy_biobert.corpora.annotated_labels import set_annotated_labels
from spacy_biobert.training.checkpoint import (
    find_checkpoint,
    read_past,
    read_state,
    read_tensors,
    remove_checkpoints,
    write_checkpoint,
)
from spacy_biobert.training.loop import _warning_of_labels, train
from spacy_biobert.training.state import capture, trained_parts

from .conftest import ADAMW, write_corpus


class Killed(BaseException):
    """Ends training as a signal does, and not as an error."""


@spacy.registry.loggers("test_killer.v1")
def make_killer(step: int = -1):
    """Make a logger that kills training when a step has been made, and keeps what it is told."""

    def set_up(nlp, stdout, stderr):
        seen = 0
        PIPES[:] = nlp.pipe_names

        def log(info):
            nonlocal seen
            LOGGED.append(info and (info["epoch"], info["step"], info["score"], dict(info["losses"])))
            seen += 1
            if seen == step:
                raise Killed

        return log, lambda: None

    return set_up


LOGGED: list = []
CALLS: list = []
PIPES: list = []


@spacy.registry.callbacks("test_before_update.v1")
def make_before_update():
    return lambda nlp, step: CALLS.append((step["step"], step["epoch"]))


@spacy.registry.callbacks("test_before_to_disk.v1")
def make_before_to_disk():
    def mark(nlp):
        nlp.meta["marked"] = True
        return nlp

    return mark


def start(config, **overrides):
    return init_nlp(util.load_config(config, overrides=overrides))


def run(config, output, *stops, **options):
    """Train, killed whenever so many steps have been made or gone through again, and return the weights in the end."""
    for i, stop in enumerate(stops):
        nlp = start(config, **{"training.logger.step": stop})
        with pytest.raises(Killed):
            train(nlp, output, resume=i > 0, **options)
    LOGGED.clear()
    train(start(config), output, resume=bool(stops), **options)
    return stored_weights(output / "model-last")


KILLER = {"@loggers": "test_killer.v1", "step": -1}
STREAM = {"max_epochs": -1, "max_steps": 9}
KINDS = {
    "averages": (("tagger", "ner"), {"optimizer": ADAMW | {"use_averages": True, "layer_decay": 0.8}}),
    "thinc's Adam": (("biobert_ner", "tagger"), {"optimizer": {"@optimizers": "Adam.v1", "learn_rate": 0.01}}),
    "RAdam": (("tagger",), {"optimizer": {"@optimizers": "RAdam.v1", "learn_rate": 0.01}}),
    "accumulated": (("ner",), {"accumulate_gradient": 3, "dropout": 0.3}),
    "annotating": (("senter", "tagger"), {"annotating_components": ["tagger"]}),
    "epochs": (("tagger",), {"max_epochs": 2, "max_steps": 0}),
    "stream": (("tagger", "ner"), STREAM),
    "patience": (("tagger",), {"patience": 7, "max_steps": 0, "eval_frequency": 2}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_resumed_training_ends_the_same(make_config, tmp_path, kind):
    heads, training = KINDS[kind]
    config = make_config(*heads, logger=KILLER, **training)
    expected = run(config, tmp_path / "whole")
    logged = list(LOGGED)
    assert len(logged) > 6
    found = run(config, tmp_path / "resumed", 3, 6)
    assert found == expected
    assert logged == LOGGED, "the logger is told of all steps"
    assert stored_weights(tmp_path / "resumed" / "model-best") == stored_weights(tmp_path / "whole" / "model-best")
    assert not (tmp_path / "resumed" / "checkpoints").exists()


def test_sourced_and_frozen_components(make_config, tmp_path):
    """The encoder is trained on, its old head is left alone."""
    train(start(make_config("tagger", folder=tmp_path / "first")), tmp_path / "first" / "out")
    path = make_config(
        "tagger", "ner", folder=tmp_path / "second", frozen_components=["tagger"], logger=KILLER,
        score_weights={"ents_f": 1.0},
    )  # fmt: skip
    config = util.load_config(path)
    for name in ("biobert", "tagger"):
        config["components"][name] = {"source": str(tmp_path / "first" / "out" / "model-best")}
    config.to_disk(path)
    expected = run(path, tmp_path / "whole")
    assert PIPES == ["biobert", "ner"], "the logger makes no column for what is frozen"
    assert run(path, tmp_path / "resumed", 6) == expected


def test_a_step_that_is_owed(make_config, tmp_path):
    """No head answers to the last part of a batch, whose docs are not annotated: the encoder's step comes later."""
    config = make_config("ner", logger=KILLER, accumulate_gradient=2, dropout=0.0, eval_frequency=1)
    write_corpus(config.parent / "train.spacy", 23, 0, annotated=lambda words: len(words) < 8)
    expected = run(config, tmp_path / "whole")
    with pytest.raises(Killed):
        train(start(config, **{"training.logger.step": 7}), tmp_path / "resumed")
    gradients = load_file(find_checkpoint(tmp_path / "resumed" / "checkpoints") / "gradients.safetensors")
    assert any(name.startswith("biobert/") for name in gradients), "a step is owed"
    train(start(config), tmp_path / "resumed", resume=True)
    assert stored_weights(tmp_path / "resumed" / "model-last") == expected


def test_checkpoints_between_evaluations(make_config, tmp_path):
    config = make_config("tagger", logger=KILLER)
    expected = run(config, tmp_path / "whole")
    logged = list(LOGGED)
    assert run(config, tmp_path / "resumed", 8, every=3) == expected
    assert logged == LOGGED


@pytest.mark.parametrize("training", [{}, {"max_epochs": 2, "optimizer": ADAMW | {"use_averages": True}}, STREAM])
def test_equal_to_spacy_train(make_config, tmp_path, training):
    config = make_config("biobert_ner", "tagger", **training)
    train(start(config), tmp_path / "ours")
    (tmp_path / "theirs").mkdir()
    spacy_train(start(config), tmp_path / "theirs")
    for name in ("model-last", "model-best"):
        assert stored_weights(tmp_path / "ours" / name) == stored_weights(tmp_path / "theirs" / name)
        ours, theirs = (srsly.read_json(tmp_path / side / name / "meta.json") for side in ("ours", "theirs"))
        assert ours == theirs
    assert sorted(path.name for path in (tmp_path / "ours").iterdir()) == ["model-best", "model-last"]


def test_callbacks(make_config, tmp_path):
    config = make_config(
        "tagger",
        logger=KILLER,
        before_update={"@callbacks": "test_before_update.v1"},
        before_to_disk={"@callbacks": "test_before_to_disk.v1"},
    )
    CALLS.clear()
    run(config, tmp_path / "whole")
    calls = list(CALLS)
    assert [step for step, _ in calls] == list(range(14))
    with pytest.raises(Killed):
        train(start(config, **{"training.logger.step": 7}), tmp_path / "out")
    CALLS.clear()
    train(start(config), tmp_path / "out", resume=True)
    assert calls == CALLS
    assert srsly.read_json(tmp_path / "out" / "model-best" / "meta.json")["marked"]


def test_seed_may_be_missing(make_config, tmp_path):
    """Then the order of examples is that of the first start."""
    config = make_config("tagger", logger=KILLER, seed=None)
    with pytest.raises(Killed):
        train(start(config, **{"training.logger.step": 6}), tmp_path / "out")
    before = read_state(find_checkpoint(tmp_path / "out" / "checkpoints"))
    with pytest.raises(Killed):
        train(start(config, **{"training.logger.step": 10}), tmp_path / "out", resume=True)
    after = read_state(find_checkpoint(tmp_path / "out" / "checkpoints"))
    assert after["step"] > before["step"]
    assert after["data"] == before["data"]


# --- what is wrong ---


@pytest.fixture
def stopped(make_config, tmp_path):
    """The config and the output folder of a training that was killed."""
    config = make_config("tagger", logger=KILLER)
    with pytest.raises(Killed):
        train(start(config, **{"training.logger.step": 6}), tmp_path / "out")
    return config, tmp_path / "out"


def test_config_must_be_the_same(stopped):
    config, output = stopped
    before = stored_weights(output / "model-last")
    changed = start(config, **{"training.dropout": 0.5, "components.biobert.model.overlap": 4})
    with pytest.raises(
        ValueError, match=r"(?s)B425.*biobert.model.overlap: 0 then, 4 now.*training.dropout: 0.2 then, 0.5"
    ):
        train(changed, output, resume=True)
    assert stored_weights(output / "model-last") == before


@pytest.mark.parametrize(("name", "n", "seed", "error"), [
    ("train", 22, 0, "B426.*training.*23 docs and has 22"), ("train", 23, 5, "B427.*training.*23 docs"),
    ("dev", 7, 1, "B426.*development"), ("dev", 6, 5, "B427.*development"),
])  # fmt: skip
def test_data_must_be_the_same(stopped, name, n, seed, error):
    config, output = stopped
    before = stored_weights(output / "model-last")
    write_corpus(config.parent / f"{name}.spacy", n, seed)
    with pytest.raises(ValueError, match=error):
        train(start(config), output, resume=True)
    assert stored_weights(output / "model-last") == before
    train(start(config), output)


def test_labels_that_were_looked_for_must_be_the_same(stopped):
    config, output = stopped
    nlp = spacy.blank("en")
    docs = list(DocBin().from_disk(config.parent / "train.spacy").get_docs(nlp.vocab))
    for doc in docs:
        set_annotated_labels(doc, ["Disease"])
    DocBin(docs=docs, store_user_data=True).to_disk(config.parent / "train.spacy")
    with pytest.raises(ValueError, match="B427"):
        train(start(config), output, resume=True)


def test_another_version_is_said(stopped, capsys):
    config, output = stopped
    path = find_checkpoint(output / "checkpoints") / "state.json"
    state = json.loads(path.read_text())
    state["versions"]["torch"] = "0.1"
    path.write_text(json.dumps(state))
    train(start(config), output, resume=True)
    told = " ".join(capsys.readouterr().out.split())
    assert "[W420] This is not the software that wrote the checkpoint: torch 0.1 then" in told


@pytest.mark.parametrize("file", ["state.json", "weights.safetensors"])
def test_damage_is_said(stopped, file):
    config, output = stopped
    path = find_checkpoint(output / "checkpoints") / file
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="B424"):
        train(start(config), output, resume=True)


def test_nothing_to_resume(make_config, tmp_path):
    """Then training begins, and without the option an old checkpoint is of no account."""
    config = make_config("tagger", logger=KILLER)
    train(start(config), tmp_path / "out", resume=True)
    expected = stored_weights(tmp_path / "out" / "model-last")
    with pytest.raises(Killed):
        train(start(config, **{"training.logger.step": 6}), tmp_path / "out")
    train(start(config), tmp_path / "out")
    assert stored_weights(tmp_path / "out" / "model-last") == expected


def test_a_best_pipeline_that_was_moved_out_of_the_way_is_put_back(stopped):
    """As a kill leaves it between two renames; the training is killed again before it finds a better one."""
    config, output = stopped
    expected = stored_weights(output / "model-best")
    os.replace(output / "model-best", output / ".model-best.old")
    with pytest.raises(Killed):
        train(start(config, **{"training.logger.step": 7}), output, resume=True)
    assert stored_weights(output / "model-best") == expected
    assert not (output / ".model-best.old").exists()


def test_errors_leave_the_checkpoint(make_config, tmp_path, capsys):
    config = make_config("tagger", logger=KILLER)
    nlp = start(config)
    made = 0

    def fail(*args, **kwargs):
        nonlocal made
        made += 1
        if made == 7:
            raise RuntimeError("out of paper")
        return type(nlp).update(nlp, *args, **kwargs)

    nlp.update = fail
    with pytest.raises(RuntimeError, match="out of paper"):
        train(nlp, tmp_path / "out")
    assert "out of paper" in capsys.readouterr().out
    state = read_state(find_checkpoint(tmp_path / "out" / "checkpoints"))
    assert state["step"] == 4
    assert spacy.load(tmp_path / "out" / "model-last")


def test_weights_must_be_the_same(stopped):
    """Where an initialization is not what it was, though the config is."""
    config, output = stopped
    nlp = start(config)
    output_layer = nlp.get_pipe("tagger").model.get_ref("softmax")
    output_layer.set_param("b", output_layer.get_param("b")[:-1])
    with pytest.raises(ValueError, match=r"B422.*tagger"):
        train(nlp, output, resume=True)


def test_weights_that_cannot_be_taken_down():
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("tagger")
    optimizer = Adam(0.01)
    optimizer((-1, "stranger"), np.zeros(2, np.float32), np.ones(2, np.float32))
    with pytest.raises(ValueError, match=r"\[B423\].*\(stranger\)"):
        capture(trained_parts(nlp), optimizer)
    tagger.model.shims.append(Shim(None))
    with pytest.raises(ValueError, match=r"\[B421\] The weights of 'tagger' are in a Shim"):
        trained_parts(nlp)
    trained_parts(nlp, frozen=["tagger"])


def test_checkpoint_holds_what_it_should(stopped):
    _, output = stopped
    (folder,) = (output / "checkpoints").iterdir()
    assert folder.name == "step-00000004"
    assert {path.suffix for path in folder.iterdir()} == {".json", ".safetensors"}
    names = load_file(folder / "exp_avg.safetensors").keys()
    assert names == load_file(folder / "exp_avg_sq.safetensors").keys()
    assert any("embeddings.word" in name for name in names)


def tensors(value):
    return {"weights": {"one": torch.full((1000,), float(value))}}


def test_what_is_written_is_read_and_what_was_before_is_gone(tmp_path):
    """What a process that was killed has left unfinished is no part of it."""
    root = tmp_path / "checkpoints"
    write_checkpoint(root, 1, {"step": 1}, tensors(1))
    (root / "unfinished").mkdir()
    (root / "unfinished" / "left.safetensors").write_bytes(b"half")
    folder = write_checkpoint(root, 2, {"step": 2}, tensors(2))
    assert read_past(root) == (folder, {"step": 2})
    assert list(root.iterdir()) == [folder]
    assert read_tensors(folder).keys() == {"weights"}


@pytest.mark.parametrize("failing", ["save_file", "json.dumps"])
def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch, failing):
    root = tmp_path / "checkpoints"
    write_checkpoint(root, 1, {"step": 1}, tensors(1))

    def fail(*args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(f"spacy_biobert.training.checkpoint.{failing}", fail)
    with pytest.raises(OSError, match="no space left"):
        write_checkpoint(root, 2, {"step": 2}, tensors(2))
    assert read_past(root).state == {"step": 1}
    assert (read_tensors(find_checkpoint(root))["weights"]["one"] == 1).all()


def test_of_two_checkpoints_the_later_counts(tmp_path):
    """Both are there where the process was killed before it removed the first."""
    for step in (2, 10):
        write_checkpoint(tmp_path / f"{step}", step, {"step": step}, {})
        os.replace(tmp_path / f"{step}" / f"step-{step:08d}", tmp_path / f"step-{step:08d}")
    assert read_past(tmp_path).state == {"step": 10}


def test_tensors_that_were_read_are_no_view_of_the_file(tmp_path):
    folder = write_checkpoint(tmp_path / "checkpoints", 1, {}, tensors(1))
    found = read_tensors(folder)["weights"]["one"]
    with (folder / "weights.safetensors").open("r+b") as file:
        file.write(bytes(os.path.getsize(file.name)))
    assert (found == 1).all()


def test_checkpoints_are_removed_as_a_whole(tmp_path, monkeypatch):
    """A kill in between leaves nothing that a training would go on from."""
    root = tmp_path / "checkpoints"
    folder = write_checkpoint(root, 1, {"step": 1}, tensors(1))

    def half(path, **options):
        for state in path.rglob("state.json"):
            state.unlink()
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("spacy_biobert.training.checkpoint.shutil.rmtree", half)
        with pytest.raises(Killed):
            remove_checkpoints(root)
    assert find_checkpoint(root) is None
    write_checkpoint(root, 1, {"step": 1}, tensors(1))
    remove_checkpoints(root)
    assert not folder.exists()
    assert not list(tmp_path.iterdir())


def test_labels_of_what_is_frozen_are_not_learned():
    nlp = spacy.blank("en")
    nlp.add_pipe("ner").add_label("Gene")
    nlp.add_pipe("ner", name="old").add_label("Disease")
    assert _warning_of_labels(nlp, {"frozen_components": []}, {"Disease"}) == ""
    warning = _warning_of_labels(nlp, {"frozen_components": ["old"]}, {"Disease"})
    assert "[W422] Entities are learned with the labels Gene, and" in warning
    assert _warning_of_labels(nlp, {"frozen_components": ["old"]}, {"Disease", "Gene"}) == ""


def test_labels_that_cannot_be_found_are_said(make_config, tmp_path, capsys):
    """Before the first score of 0, not after the last."""
    config = make_config("biobert_ner", max_steps=1, eval_frequency=1)
    run(config, tmp_path / "right")
    assert "W422" not in capsys.readouterr().out
    doc = next(DocBin().from_disk(tmp_path / "dev.spacy").get_docs(spacy.blank("en").vocab))
    doc.spans["gold"] = [Span(doc, 0, 1, label="Disease")]
    doc.set_ents([Span(doc, 0, 1, label="DISEASE")])
    DocBin(docs=[doc]).to_disk(tmp_path / "dev.spacy")
    run(config, tmp_path / "group")
    assert "W422" not in capsys.readouterr().out
    del doc.spans["gold"]
    DocBin(docs=[doc]).to_disk(tmp_path / "dev.spacy")
    run(config, tmp_path / "wrong")
    assert "[W422] Entities are learned with the labels Disease" in " ".join(capsys.readouterr().out.split())
