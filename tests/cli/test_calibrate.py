"""``spacy biobert calibrate``: fit, store, report."""

import pytest
import spacy
import srsly
from spacy.training import Example

from spacy_biobert.cli.stored import write_text

TOK2VEC = {"@architectures": "spacy.HashEmbedCNN.v2", "pretrained_vectors": None, "width": 32, "depth": 2}
TOK2VEC |= {"embed_size": 500, "window_size": 1, "maxout_pieces": 2, "subword_features": True}
FEVER = (["A", "fever", "rose"], [(1, 2, "Disease")])
NOTHING = (["A", "fever", "rose"], [])


@pytest.fixture
def model(tmp_path):
    """The folder of a pipeline that takes every fever for a disease."""
    nlp = spacy.blank("en")
    nlp.add_pipe("biobert_ner", config={"model": {"tok2vec": TOK2VEC}})
    spacy.util.fix_random_seed(0)

    def examples():
        return [Example.from_dict(nlp.make_doc("A fever rose"), {"entities": [(2, 7, "Disease")]})]

    optimizer = nlp.initialize(examples)
    for _ in range(60):
        nlp.update(examples(), sgd=optimizer)
    nlp.to_disk(tmp_path / "model")
    return tmp_path / "model"


def entities(nlp):
    return [(ent.text, ent._.score) for ent in nlp("A fever rose").ents]


def test_stores_the_temperature(invoke, model, make_corpus, tmp_path):
    (before,) = entities(spacy.load(model))
    corpus = make_corpus(tmp_path / "dev.spacy", *[FEVER] * 6, *[NOTHING] * 4)
    status, output = invoke("calibrate", model, corpus)
    assert status == 0
    assert "biobert_ner: 10 entities found, 60.0% right" in output
    loaded = spacy.load(model)
    ner = loaded.get_pipe("biobert_ner")
    recorded = srsly.read_json(model / "meta.json")["performance"]["calibration"]["biobert_ner"]
    temperature = recorded["after"]["temperature"]
    assert temperature != 1.0
    assert ner.cfg["temperature"] == loaded.config["components"]["biobert_ner"]["temperature"] == temperature
    assert recorded["after"]["ece"] < 0.02 < recorded["before"]["ece"]
    (after,) = entities(loaded)
    assert after[0] == before[0]
    assert abs(after[1] - 0.6) < abs(before[1] - 0.6)
    # What is said when loading still wins, and what is saved again is the same.
    config = {"components": {"biobert_ner": {"temperature": 1.0}}}
    assert entities(spacy.load(model, config=config)) == [before]
    loaded.to_disk(tmp_path / "again")
    assert entities(spacy.load(tmp_path / "again")) == [after]


def test_nothing_else_changes(invoke, model, make_corpus, tmp_path):
    files = {path: path.read_bytes() for path in model.rglob("*") if path.is_file()}
    invoke("calibrate", model, make_corpus(tmp_path / "dev.spacy", FEVER, NOTHING))
    changed = {path.name for path, content in files.items() if path.read_bytes() != content}
    assert changed == {"cfg", "config.cfg", "meta.json"}
    assert {path for path in model.rglob("*") if path.is_file()} == set(files)
    before = files[model / "config.cfg"].decode().splitlines()
    after = (model / "config.cfg").read_text(encoding="utf-8").splitlines()
    assert [line for line in after if line not in before] == [line for line in after if line.startswith("temperature")]


def test_nothing_to_fit_is_a_warning(invoke, model, make_corpus, tmp_path):
    files = {path: path.read_bytes() for path in model.rglob("*") if path.is_file()}
    status, output = invoke("calibrate", model, make_corpus(tmp_path / "dev.spacy", (["Well"], [])))
    assert status == 0
    assert "[W520]" in output
    assert {path: path.read_bytes() for path in files} == files


def test_labels_that_the_corpus_does_not_have(invoke, model, make_corpus, tmp_path):
    """Each mention with one counts as wrong, which is told: the temperature goes by it."""
    corpus = make_corpus(tmp_path / "dev.spacy", (["A", "fever", "rose"], [(0, 1, "Article")]))
    status, output = invoke("calibrate", model, corpus)
    assert status == 0
    assert "[W522]" in output


def test_a_threshold_has_to_be_chosen_again(invoke, model, make_corpus, tmp_path):
    nlp = spacy.load(model, config={"components": {"biobert_ner": {"threshold": 0.1}}})
    nlp.to_disk(tmp_path / "strict")
    status, output = invoke("calibrate", tmp_path / "strict", make_corpus(tmp_path / "dev.spacy", FEVER, NOTHING))
    assert status == 0
    assert "[W521]" in output
    assert spacy.load(tmp_path / "strict").get_pipe("biobert_ner").cfg["threshold"] == 0.1


def test_no_recognizer(invoke, ruler, make_corpus, tmp_path):
    status, output = invoke("calibrate", ruler, make_corpus(tmp_path / "dev.spacy", FEVER))
    assert status == 1
    assert "[B520]" in output
    assert "entity_ruler" in output


def test_a_file_is_whole_or_untouched(tmp_path):
    path = tmp_path / "cfg"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "new \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
