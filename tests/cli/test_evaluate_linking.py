import json
import sys

import numpy as np
import pytest
import spacy

from spacy_biobert.linking.bag_encoder import BagEncoder
from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.context_vectors import ContextVectors
from spacy_biobert.linking.kb import KnowledgeBase

CONCEPTS = (
    Concept("MESH:D001943", "Breast Neoplasms", ("Breast Cancer", "Mammary Cancer"), ("Disease",)),
    Concept("MESH:D010051", "Ovarian Neoplasms", ("Ovarian Cancer", "Cancer of the Ovary"), ("Disease",)),
    Concept("MESH:D001241", "Aspirin", ("ASA",), ("Chemical",)),
)
CORPUS = """\
1|t|Breast cancer and aspirin.
1|a|Ovary cancer is new.
1\t0\t13\tBreast cancer\tDisease\tD001943
1\t18\t25\taspirin\tChemical\tD001241
1\t27\t39\tOvary cancer\tDisease\tD010051
"""
NAMES = "2|t|Mamma CA was seen.\n2|a|\n2\t0\t8\tMamma CA\tDisease\tD001943\n"


@pytest.fixture
def kb_folder(tmp_path):
    KnowledgeBase.build(CONCEPTS, tmp_path / "kb")
    return tmp_path / "kb"


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "corpus.txt").write_text(CORPUS)
    (tmp_path / "names.txt").write_text(NAMES)
    return tmp_path / "corpus.txt"


def test_a_knowledge_base_alone(invoke, kb_folder, corpus, tmp_path):
    status, output = invoke(
        "evaluate-linking", kb_folder, corpus, "--names", tmp_path / "names.txt",
        "--output", tmp_path / "out" / "scores.json", "--plot", tmp_path / "out" / "recall.svg",
    )  # fmt: skip
    assert status == 0, output
    assert "corpus: BioSyn protocol" in output
    assert "corpus: strict protocol" in output
    assert "names.txt" in output
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    biosyn, strict = scores["protocols"]
    assert (biosyn["protocol"], biosyn["mentions"], biosyn["accuracy"]) == ("BioSyn", 3, 1)
    assert (strict["protocol"], strict["mentions"], strict["accuracy"]) == ("strict", 3, 1)
    assert biosyn["names"] == strict["names"] + 1
    assert scores["end_to_end"] is None
    assert "BioSyn protocol" in (tmp_path / "out" / "recall.svg").read_text()


def test_end_to_end_and_labels(invoke, kb_folder, corpus, tmp_path):
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "Disease", "pattern": "Breast cancer"}, {"label": "Chemical", "pattern": "aspirin"}])
    nlp.add_pipe("biobert_linker").kb = KnowledgeBase.open(kb_folder)
    nlp.to_disk(tmp_path / "pipeline")
    status, output = invoke(
        "evaluate-linking", tmp_path / "pipeline", corpus, "--labels", "Disease", "--output", tmp_path / "scores.json"
    )
    assert status == 0, output
    assert "not BioSyn's full protocol" in output
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert [protocol["mentions"] for protocol in scores["protocols"]] == [2, 2]
    assert scores["end_to_end"] == {"documents": 1, "precision": 1.0, "recall": 0.5, "f_score": pytest.approx(2 / 3)}


def test_what_cannot_be_scored(invoke, ruler, kb_folder, corpus, tmp_path):
    status, output = invoke("evaluate-linking", ruler, corpus)
    assert status == 1
    assert "[B246]" in output
    status, output = invoke("evaluate-linking", kb_folder, corpus, "--plot", tmp_path / "recall.png")
    assert status == 1
    assert "[B516]" in output
    status, output = invoke("evaluate-linking", kb_folder, corpus, "--labels", "Diseas")
    assert status == 1
    assert "[B515]" in output
    assert "Diseas. There are: Chemical, Disease." in output
    corpus.write_text("1|t|Fever.\n1|a|\n1\t0\t5\tFever\tDisease\n")
    status, output = invoke("evaluate-linking", kb_folder, corpus)
    assert status == 1
    assert "[B236]" in output


def test_train_linker(invoke, kb_folder, corpus, tmp_path):
    status, output = invoke(
        "train-linker", kb_folder, tmp_path / "linker", corpus, "--steps", 5, "--width", 8, "--epochs", 2
    )
    assert status == 0, output
    assert "3 concepts" in output
    assert (tmp_path / "linker" / "biobert_linker" / "dense.safetensors").is_file()
    linker = spacy.load(tmp_path / "linker").get_pipe("biobert_linker")
    assert linker.is_trainable
    assert linker.name_encoder.width == 8
    status, output = invoke("evaluate-linking", tmp_path / "linker", corpus)
    assert status == 0, output


def test_biosyns_protocol_end_to_end(invoke, kb_folder, corpus, tmp_path):
    """Names of a corpus join the knowledge base, vectors and a ranker learn, and what was learned is scored."""
    names = tmp_path / "names.txt"
    status, output = invoke("kb", "extend", kb_folder, tmp_path / "more", corpus)
    assert status == 0, output
    status, output = invoke(
        "train-linker", tmp_path / "more", tmp_path / "linker", corpus, "--published", kb_folder, "--names", names,
        "--steps", 5, "--width", 8, "--epochs", 2,
    )  # fmt: skip
    assert status == 0, output
    output_path = tmp_path / "scores.json"
    status, output = invoke("evaluate-linking", tmp_path / "linker", names, "--names", corpus, "--output", output_path)
    assert status == 0, output
    assert "corpus.txt: not the strict protocol's" in output
    scores = json.loads(output_path.read_text())
    assert scores["names_from"] == {"BioSyn": ["corpus.txt"], "strict": ["corpus.txt"]}
    biosyn, _ = scores["protocols"]
    assert biosyn["names"] == KnowledgeBase.open(tmp_path / "more").n_names


def test_a_pipelines_encoder_learns_to_read_names(invoke, ruler, kb_folder, bert_folder, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("biobert", config={"model": {"name": str(bert_folder), "window": 32}})
    nlp.initialize()
    nlp.to_disk(tmp_path / "pipeline")
    arguments = ("train-linker", kb_folder, tmp_path / "linker", "--steps", 2)
    status, output = invoke(*arguments, "--encoder", tmp_path / "pipeline")
    assert status == 0, output
    linker = spacy.load(tmp_path / "linker").get_pipe("biobert_linker")
    assert linker.name_encoder.width == nlp.get_pipe("biobert").model.get_dim("nO")
    status, output = invoke(*arguments, "--encoder", ruler)
    assert status == 1
    assert "[B510]" in output


def test_a_ranker_that_reads_token_vectors(invoke, ruler, kb_folder, corpus, bert_folder, tmp_path, monkeypatch):
    nlp = spacy.blank("en")
    nlp.add_pipe("biobert", config={"model": {"name": str(bert_folder), "window": 32}})
    nlp.initialize()
    nlp.to_disk(tmp_path / "pipeline")
    arguments = ("train-linker", kb_folder, tmp_path / "linker", corpus, "--steps", 2, "--width", 8, "--epochs", 2)
    status, output = invoke(*arguments, "--context", tmp_path / "pipeline")
    assert status == 0, output
    linker = spacy.load(tmp_path / "linker").get_pipe("biobert_linker")
    assert linker.cfg["context_vectors"]
    assert len(linker.ranker.context_vectors) == 3
    # By itself it has no vectors to look at; behind the encoder it has, and gold mentions are shown with theirs.
    seen = []
    column = ContextVectors.column
    monkeypatch.setattr(ContextVectors, "column", lambda *given: seen.append(column(*given)) or seen[-1])
    nlp.add_pipe("biobert_linker", source=spacy.load(tmp_path / "linker"))
    nlp.to_disk(tmp_path / "both")
    for folder, expected in ((tmp_path / "linker", False), (tmp_path / "both", True)):
        status, output = invoke("evaluate-linking", folder, corpus)
        assert status == 0, output
        assert {one is not None for one in seen} == {expected}
        seen.clear()
    status, output = invoke(*arguments, "--context", ruler)
    assert status == 1
    assert "[B510]" in output


def test_what_the_vectors_learn_as_names(invoke, kb_folder, corpus, bert_folder, tmp_path, monkeypatch):
    learned = []

    def train(kb, *arguments, **options):
        learned.append(arguments[-1])
        return BagEncoder(np.zeros(1, np.uint64), np.zeros((1, 4), np.float32))

    monkeypatch.setattr("spacy_biobert.linking.alignment.train_transformer_encoder", train)
    monkeypatch.setattr("spacy_biobert.linking.alignment.train_bag_encoder", train)
    names = {"MESH:D001943": ["Breast cancer"], "MESH:D001241": ["aspirin"], "MESH:D010051": ["Ovary cancer"]}
    more = {"MESH:D001943": ["Mamma CA"]}
    named = ("--names", tmp_path / "names.txt")
    encoder = ("--encoder", bert_folder)
    for options, expected in [((), {}), (named, more), (encoder, names), ((*encoder, *named), more)]:
        status, output = invoke("train-linker", kb_folder, tmp_path / "linker", corpus, "--epochs", 1, *options)
        assert status == 0, output
        assert learned.pop() == expected


def test_train_vectors_alone(invoke, kb_folder, tmp_path):
    status, output = invoke("train-linker", kb_folder, tmp_path / "linker", "--steps", 2, "--width", 8)
    assert status == 0, output
    assert "no ranker" in output
    assert not spacy.load(tmp_path / "linker").get_pipe("biobert_linker").is_trainable


def test_very_many_names_need_a_package_before_anything_is_learned(invoke, kb_folder, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_biobert.linking.dense.EXACT_NAMES", 3)
    monkeypatch.setitem(sys.modules, "usearch", None)
    arguments = ("train-linker", kb_folder, tmp_path / "linker", "--steps", 2, "--width", 8)
    # Vectors alone are not searched yet.
    status, output = invoke(*arguments)
    assert status == 0, output
    monkeypatch.setattr("spacy_biobert.linking.alignment.train_bag_encoder", None)
    status, output = invoke(*arguments, corpus)
    assert status == 1
    assert "[B247]" in output


def test_train_a_transformer(invoke, kb_folder, corpus, bert_folder, tmp_path):
    arguments = ("train-linker", kb_folder, tmp_path / "linker", corpus, "--encoder", bert_folder)
    more = ("--epochs", 2, "--published", kb_folder, "--runs", 2, "--learn-rate", 1e-4)
    status, output = invoke(*arguments, "--steps", 3, *more)
    assert status == 0, output
    linker = spacy.load(tmp_path / "linker").get_pipe("biobert_linker")
    assert linker.name_encoder.width == 32
    assert (tmp_path / "linker" / "biobert_linker" / "name_vectors.safetensors").is_file()
    status, output = invoke("evaluate-linking", tmp_path / "linker", corpus)
    assert status == 0, output
    status, output = invoke("train-linker", kb_folder, tmp_path / "more", "--encoder", tmp_path / "none")
    assert status == 1
    assert "[B014]" in output


@pytest.mark.parametrize(("content", "code"), [(None, "B508"), ("1|t|Mamma CA.\n1|a|\n", "B236")])
def test_train_on_nothing(invoke, kb_folder, tmp_path, content, code):
    nothing = tmp_path / "nothing"
    if content is None:
        nothing.mkdir()
    else:
        nothing.write_text(content)
    status, output = invoke("train-linker", kb_folder, tmp_path / "linker", nothing, "--steps", 2)
    assert status == 1
    assert f"[{code}]" in output
    assert not (tmp_path / "linker").exists()


@pytest.mark.parametrize("options", [("--epochs", 7), ("--runs", 2), ("--width", 8, "--encoder", "x")])
def test_train_linker_refuses_what_would_do_nothing(invoke, kb_folder, tmp_path, options):
    status, output = invoke("train-linker", kb_folder, tmp_path / "linker", *options)
    assert status == 1
    assert f"[B518] {options[0]} would do nothing" in output
    assert not (tmp_path / "linker").exists()
