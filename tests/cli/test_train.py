"""`spacy biobert train` is `spacy train`, and ends the same when it is killed on the way, again and again."""

import os
import random
import signal
import subprocess
import sys

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from thinc.util import gpu_is_available
from tiny import SENTENCES, add_head, stored_weights

# What spaCy's --code imports: a process that ends itself, by the signal that nothing can catch, at the place that its
# environment names. The config says nothing of it, for a resumed training must have the same.
CODE = """
import os
import signal
from pathlib import Path

import spacy
from spacy.language import Language

from spacy_biobert.training import checkpoint, pipelines

WHERE, WHEN = os.environ.get("KILL", "nowhere:0").split(":")
seen = 0


def pass_by(where):
    global seen
    seen += where == WHERE
    if where == WHERE and seen == int(WHEN):
        os.kill(os.getpid(), signal.SIGKILL)


@spacy.registry.callbacks("test_kill.v1")
def make_callback():
    def before_update(nlp, step):
        if WHERE == "step" and step["step"] == int(WHEN):
            os.kill(os.getpid(), signal.SIGKILL)

    return before_update


def watch(module, name, where):
    original = getattr(module, name)

    def watched(*args, **kwargs):
        pass_by(where)
        return original(*args, **kwargs)

    setattr(module, name, watched)


watch(checkpoint, "save_file", "writing a checkpoint")
watch(checkpoint.os, "replace", "renaming")
watch(checkpoint.shutil, "rmtree", "removing")
watch(Language, "to_disk", "writing a pipeline")
"""


def spacy_cli(*arguments, kill="nowhere:0"):
    """Run one of spaCy's commands in a new process, which puts sets of strings in an order of its own."""
    return subprocess.run(
        [sys.executable, "-m", "spacy", *map(str, arguments)],
        env={**os.environ, "KILL": kill, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory, bert_folder):
    """A folder with a config, corpora and the code above: an encoder, our head and two of spaCy's."""
    folder = tmp_path_factory.mktemp("train")
    (folder / "code.py").write_text(CODE)
    nlp, rng = spacy.blank("en"), random.Random(0)
    words = sorted({word for sentence in SENTENCES for word in sentence.split()})
    for name, n in (("train", 20), ("dev", 5)):
        docs = []
        for _ in range(n):
            some = rng.choices(words, k=rng.randint(3, 12))
            doc = Doc(nlp.vocab, words=some, tags=["X" if len(word) > 3 else "Y" for word in some])
            doc.set_ents([Span(doc, i, i + 1, label="Disease") for i, word in enumerate(some) if word == "cancer"])
            docs.append(doc)
        DocBin(docs=docs).to_disk(folder / f"{name}.spacy")
    model = {"@architectures": "spacy_biobert.Encoder.v1", "name": str(bert_folder), "window": 32}
    model |= {"save_dtype": "float32", "attention_dropout": 0.1}
    nlp.add_pipe("biobert", config={"model": model, "precision": "float32", "train_precision": "float32"})
    for head in ("biobert_ner", "tagger", "ner"):
        add_head(nlp, head)
    config = nlp.config.copy()
    for name in ("train", "dev"):
        config["corpora"][name]["path"] = str(folder / f"{name}.spacy")
    config["training"] |= {
        "dropout": 0.2,
        "max_steps": 12,
        "eval_frequency": 3,
        "before_update": {"@callbacks": "test_kill.v1"},
        "optimizer": {"@optimizers": "spacy_biobert.AdamW.v1", "learn_rate": 0.005, "use_averages": True},
    }
    config["training"]["batcher"]["size"] = 60
    config.to_disk(folder / "config.cfg")
    return folder


def command(project, output, *more):
    return ("biobert", "train", project / "config.cfg", "-o", project / output, "-c", project / "code.py", *more)


@pytest.fixture(scope="module")
def expected(project):
    """The weights that a training without a break ends with."""
    done = spacy_cli(*command(project, "whole", "--training.seed", 3))
    assert done.returncode == 0, done.stdout + done.stderr
    return stored_weights(project / "whole" / "model-last"), stored_weights(project / "whole" / "model-best")


# Each name, a place; each number, how often the process passes there before it is killed.
CHAINS = {
    "steps": ["step:2", "step:8"],
    "files": ["writing a checkpoint:8", "writing a pipeline:2", "renaming:5", "removing:5"],
}


@pytest.mark.timeout(900)  # up to six processes one after the other
@pytest.mark.parametrize("chain", ["steps", pytest.param("files", marks=pytest.mark.slow)])
def test_killed_at_several_places(project, expected, chain, warm_python):
    def start(*more, kill="nowhere:0"):
        return warm_python("-m", "spacy", *command(project, chain, *more), cwd=project, env={"KILL": kill})

    for kill in CHAINS[chain]:
        done = start("--training.seed", 3, "--resume", kill=kill)
        assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
    # A seed that is left out is another seed: it is told, and does no harm.
    done = start("--resume")
    assert done.returncode == 1
    assert "training.seed: 3 then, 0 now" in done.stdout
    assert "Traceback" not in done.stderr
    done = spacy_cli(*command(project, chain, "--training.seed", 3, "--resume"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Going on after step" in " ".join(done.stdout.split())
    assert (stored_weights(project / chain / "model-last"), stored_weights(project / chain / "model-best")) == expected
    assert sorted(path.name for path in (project / chain).iterdir()) == ["model-best", "model-last"]


@pytest.mark.parametrize(
    ("text", "message"), [("no docs", "[B368] {path} cannot be read"), (None, "[B301] There is no file '{path}'")]
)
def test_corpus_that_cannot_be_read(invoke, project, tmp_path, text, message):
    path = tmp_path / "text.spacy"
    if text is not None:
        path.write_text(text, encoding="utf8")
    config = spacy.util.load_config(project / "config.cfg")
    one = {"@readers": "spacy.Corpus.v1", "path": str(path), "gold_preproc": False}
    mixed = {"@readers": "spacy_biobert.MixedCorpus.v1", "corpora": {"one": one}, "shares": {"one": 1}}
    for name, reader in (("train", mixed), ("dev", one)):
        config.merge({"corpora": {name: reader}}, remove_extra=False).to_disk(tmp_path / f"{name}.cfg")
        arguments = (tmp_path / f"{name}.cfg", "-o", tmp_path / "out", "-c", project / "code.py")
        status, output = invoke("train", *arguments)
        assert (status, message.format(path=path) in output) == (1, True)
        assert not (tmp_path / "out").exists()


def test_no_corpus(invoke, project, tmp_path):
    command = ("train", project / "config.cfg", "-o", tmp_path / "out", "-c", project / "code.py")
    status, output = invoke(*command, "--corpora.dev.path", "null")
    assert status == 1
    assert "[B514] The corpus [corpora.dev] has no path" in output


def test_a_corpus_in_another_format(invoke, project, tmp_path):
    (tmp_path / "dev.pubtator").write_text("1|t|Fever.\n1|a|\n")
    path = tmp_path / "dev.pubtator"
    command = ("train", project / "config.cfg", "-o", tmp_path / "out", "-c", project / "code.py")
    status, output = invoke(*command, "--corpora.dev.path", path)
    assert status == 1
    assert "[B508]" in output


@pytest.mark.skipif(gpu_is_available(), reason="spaCy can use a GPU here")
def test_a_gpu_that_spacy_cannot_use(invoke, project, tmp_path):
    command = ("train", project / "config.cfg", "-o", tmp_path / "out", "-c", project / "code.py")
    status, output = invoke(*command, "--gpu-id", 0)
    assert status == 1
    assert "[B513]" in output
    assert "[cuda]" in output
