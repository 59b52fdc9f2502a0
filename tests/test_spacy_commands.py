"""spaCy's own commands on the whole pipeline, as users call them: a process for each, real files, a real wheel."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_biobert.corpora.convert import convert_corpus
from spacy_biobert.corpora.tokenizer import blank_pipeline
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.sources import READERS

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "assets" / "sample"
RECIPE = ROOT / "configs" / "ner_linker.cfg"
TEXT = "Wilson disease was treated with penicillamine; the ATP7B gene was sequenced."


def check(done: subprocess.CompletedProcess) -> str:
    """Return what a process printed; fail with all of it."""
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_anew(*args: object, folder: Path, **environment: str) -> str:
    """Run Python with arguments in a folder."""
    env = {**os.environ, "HF_HUB_OFFLINE": "1", **environment}
    command = [sys.executable, *map(str, args)]
    return check(subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, env=env))


@pytest.fixture
def run(warm_python):
    """Run Python with arguments in a folder, without the time that importing the large libraries takes."""
    return lambda *args, folder: check(warm_python(*args, cwd=folder))


@pytest.fixture(scope="module")
def project(tmp_path_factory, bert_folder) -> Path:
    """A folder with a corpus, a knowledge base and a recipe that trains a tiny encoder for a few steps."""
    folder = tmp_path_factory.mktemp("project")
    nlp = blank_pipeline(RECIPE)
    for name, limit in (("train", 8), ("dev", 3)):
        convert_corpus(SAMPLE / f"{name}.pubtator", folder / f"{name}.spacy", nlp=nlp, limit=limit)
    KnowledgeBase.build(READERS["jsonl"](SAMPLE / "knowledge_base.jsonl"), folder / "kb")
    overrides = {
        "paths.train": "train.spacy",
        "paths.dev": "dev.spacy",
        "paths.kb": "kb",
        "paths.encoder": str(bert_folder),
        "components.biobert.model.window": 64,
        "components.biobert.precision": "float32",
        "components.biobert.train_precision": "float32",
        "training.max_steps": 6,
        "training.eval_frequency": 3,
        "training.optimizer.learn_rate.warmup_steps": 2,
    }
    spacy.util.load_config(RECIPE, overrides=overrides).to_disk(folder / "config.cfg")
    return folder


@pytest.fixture(scope="module")
def model(project) -> Path:
    """The pipeline that `spacy train` makes."""
    run_anew("-m", "spacy", "train", "config.cfg", "--output", "trained", folder=project)
    return project / "trained" / "model-best"


def test_fill_config_keeps_every_choice(run, project):
    run("-m", "spacy", "init", "fill-config", "config.cfg", "filled.cfg", folder=project)
    before = spacy.util.load_config(project / "config.cfg")
    after = spacy.util.load_config(project / "filled.cfg")
    assert after["components"]["biobert"]["model"]["window"] == 64
    assert after["components"]["biobert_linker"]["top_n"] == before["components"]["biobert_linker"]["top_n"]
    assert after["components"]["biobert"]["max_batch_pieces"] is None


def test_debug_config(run, project):
    assert "Config is valid" in run("-m", "spacy", "debug", "config", "config.cfg", folder=project)


@pytest.mark.parametrize("component", ["transformer", "biobert_ner"])
def test_debug_model(run, project, component):
    # The command looks for an encoder under the name `transformer`, and under no other.
    text = (project / "config.cfg").read_text(encoding="utf-8")
    text = text.replace('["biobert",', '["transformer",').replace("[components.biobert]", "[components.transformer]")
    text = text.replace("[components.biobert.model]", "[components.transformer.model]")
    (project / "debug.cfg").write_text(text, encoding="utf-8")
    printed = run("-m", "spacy", "debug", "model", "debug.cfg", component, "-P0", "-P1", "-P2", "-P3", folder=project)
    assert "STEP 2 - after training" in printed
    assert "STEP 3 - prediction" in printed


def test_init_labels_are_used(run, project):
    run("-m", "spacy", "init", "labels", "config.cfg", "labels", folder=project)
    labels = json.loads((project / "labels" / "biobert_ner.json").read_text(encoding="utf-8"))
    assert set(labels) == {"Chemical", "Disease", "Gene"}


def test_train_and_evaluate(run, project, model):
    run("-m", "spacy", "evaluate", model, "dev.spacy", "--output", "scores.json", folder=project)
    scores = json.loads((project / "scores.json").read_text(encoding="utf-8"))
    assert 0 <= scores["ents_f"] <= 1
    assert "link_micro_f" in scores


def test_train_a_ranker_that_reads_token_vectors(run, project):
    options = {
        "--components.biobert_linker.ranker": "true",
        "--components.biobert_linker.context_vectors": "true",
        "--training.annotating_components": '["biobert"]',
    }
    arguments = [part for option in options.items() for part in option]
    run("-m", "spacy", "train", "config.cfg", "--output", "ranked", *arguments, folder=project)
    nlp = spacy.load(project / "ranked" / "model-last")
    assert len(nlp.get_pipe("biobert_linker").ranker.context_vectors) > 0
    assert all(doc.has_annotation("ENT_IOB") for doc in nlp.pipe([TEXT, ""]))


def test_recipes_are_filled(run, project):
    for recipe in (RECIPE, ROOT / "configs" / "ner.cfg"):
        run("-m", "spacy", "init", "fill-config", recipe, "filled.cfg", folder=project)
        load = spacy.util.load_config
        assert load(project / "filled.cfg", interpolate=False) == load(recipe, interpolate=False)


def test_assemble_from_trained_components(run, project, model):
    names = ["biobert", "biobert_ner", "biobert_linker"]
    config = {"nlp": {"lang": "en", "pipeline": names, "tokenizer": {"@tokenizers": "spacy_biobert.Tokenizer.v1"}}}
    config["components"] = {name: {"source": str(model)} for name in names}
    spacy.util.load_config(RECIPE).from_str("").merge(config).to_disk(project / "assemble.cfg")
    run("-m", "spacy", "assemble", "assemble.cfg", "assembled", folder=project)
    assembled, trained = spacy.load(project / "assembled"), spacy.load(model)
    assert [ent.text for ent in assembled(TEXT).ents] == [ent.text for ent in trained(TEXT).ents]
    vectors = [nlp(TEXT)._.trf_data.model_output.last_hidden_state for nlp in (assembled, trained)]
    assert abs(vectors[0] - vectors[1]).max() < 1e-5


def test_loads_without_what_it_was_made_from(run, project, model, tmp_path):
    code = (
        "import spacy, sys\n"
        "nlp = spacy.load(sys.argv[1])\n"
        "nlp.get_pipe('biobert_ner').cfg['threshold'] = 0.0\n"
        "print(len(nlp(sys.argv[2])))"
    )
    moved = tmp_path / "moved"
    model.rename(moved)
    try:
        assert int(run("-c", code, moved, TEXT, folder=tmp_path)) > 0
    finally:
        moved.rename(model)


def test_bytes_and_doc_bin_keep_scores_and_links(model):
    nlp = spacy.load(model)
    twin = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    texts = [line for line in (SAMPLE / "abstracts.txt").read_text(encoding="utf-8").splitlines() if line][:3]

    def found(docs):
        return [
            [(ent.start, ent.end, ent.label_, ent.kb_id_, ent._.score, ent._.kb_ents) for ent in doc.ents]
            for doc in docs
        ]

    docs = list(nlp.pipe(texts))
    assert found(twin.pipe(texts)) == found(docs)
    stored = DocBin(docs=docs, store_user_data=True).to_bytes()
    assert found(DocBin().from_bytes(stored).get_docs(nlp.vocab)) == found(docs)


def test_two_processes(project, model):
    # The corpus has more docs than a worker takes at once; a deadlock would run into the timeout of `run_anew`.
    code = f"""
import spacy, torch

torch.set_num_threads(2)
if __name__ == "__main__":
    nlp = spacy.load({str(model)!r})
    texts = ["Wilson disease and ATP7B.", "", "Penicillamine."] * 20

    def found(docs):
        return [[(ent.text, ent.kb_id_, ent._.score) for ent in doc.ents] for doc in docs]

    cold = list(nlp.pipe(texts, n_process=2, batch_size=8))
    one = found(nlp.pipe(texts))
    warm = list(nlp.pipe(texts, n_process=2, batch_size=8))
    for docs in (cold, warm):
        assert [len(ents) for ents in found(docs)] == [len(ents) for ents in one]
        assert all(doc._.trf_data is None for doc in docs), "token vectors were sent back"
        print(len(docs))
"""
    (project / "processes.py").write_text(code, encoding="utf-8")
    assert run_anew("processes.py", folder=project).split() == ["60", "60"]


def test_memory_zone(model):
    nlp = spacy.load(model)
    for _ in range(2):
        with nlp.memory_zone():
            assert len(nlp(TEXT)) > 0


def test_wheel_is_whole(run, project, model, tmp_path):
    """Package, build with the tools that are installed, install into an empty folder, load by name."""
    run("-m", "spacy", "package", model, tmp_path, "--name", "tiny", "--build", "none", folder=project)
    (source,) = tmp_path.glob("en_tiny-*")
    pip = ["-m", "pip", "--disable-pip-version-check", "--quiet"]
    run_anew(*pip, "wheel", source, "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, folder=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    run_anew(*pip, "install", wheel, "--no-deps", "--no-index", "--target", tmp_path / "site", folder=tmp_path)
    code = "import spacy; nlp = spacy.load('en_tiny'); print(nlp.pipe_names, len(nlp('Wilson disease')))"
    printed = run_anew("-c", code, folder=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert printed.strip() == "['biobert', 'biobert_ner', 'biobert_linker'] 2"
    requires = (source / "setup.py").read_text(encoding="utf-8") + (source / "meta.json").read_text(encoding="utf-8")
    assert "spacy-biobert" in requires or "spacy_biobert" in requires
