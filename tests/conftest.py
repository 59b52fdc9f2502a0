"""Fixtures that several rooms use: tiny random checkpoints, pipelines on them, and processes that start at once.

Large libraries are imported where they are used: the process that hands tests to the others needs none of them.
"""

import os
from pathlib import Path

# Before torch is imported: several workers with several threads each would be in one another's way.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("RAYON_NUM_THREADS", "1")

import hypothesis
import pytest
from warm import WarmPython

# How long an example takes says more about what else the machine does than about the code.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


def pytest_collection_modifyitems(items):
    """Put files that start new processes first: they take longest, and one that comes last is waited for."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: not hasattr(item.module, "subprocess"))


@pytest.fixture(scope="session")
def hf_models(tmp_path_factory):
    """Hugging Face's model of each family, with the folder it has been saved to."""
    from tiny import FAMILIES, build_hf_model

    found = {}
    for family in FAMILIES:
        folder = tmp_path_factory.mktemp(family)
        model = build_hf_model(family, folder).eval()
        model.save_pretrained(folder)
        found[family] = (model, folder)
    return found


@pytest.fixture(scope="session")
def bert_folder(hf_models) -> Path:
    """Checkpoint folder of a tiny uncased BERT: width 32, 2 layers, 64 positions."""
    return hf_models["bert"][1]


@pytest.fixture(scope="session")
def warm_python():
    """Run Python in a process of its own that need not import the large libraries first."""
    python = WarmPython()
    yield python.run
    python.close()


@pytest.fixture
def broken_folder(bert_folder, tmp_path) -> Path:
    """A copy of the BERT checkpoint that a test may break."""
    folder = tmp_path / "broken"
    folder.mkdir()
    for file in bert_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


@pytest.fixture
def make_nlp(bert_folder):
    """Build and initialize a pipeline of an encoder and heads on it, in float32, without dropout."""

    import spacy
    from tiny import add_head, make_examples

    def make(*heads: str, folder: Path = bert_folder, window: int = 32, run: dict | None = None, **encoder):
        nlp = spacy.blank("en")
        model = {"@architectures": "spacy_biobert.Encoder.v1", "name": str(folder), "window": window, **encoder}
        settings = {"precision": "float32", "train_precision": "float32", "device": "cpu"} | (run or {})
        nlp.add_pipe("biobert", config={"model": model, **settings})
        for head in heads:
            add_head(nlp, head)
        spacy.util.fix_random_seed(0)
        nlp.initialize(lambda: make_examples(nlp))
        return nlp

    return make
