import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.encoder.checkpoints import load_checkpoint
from spacy_biobert.linking.alignment import TransformerSettings, train_transformer_encoder
from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.dense import DenseIndex
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.name_encoder import read_name_encoder
from spacy_biobert.linking.synonyms import names_of_concepts
from spacy_biobert.linking.transformer_encoder import MAX_PIECES, TransformerEncoder

from .conftest import make_linker_nlp

SETTINGS = TransformerSettings(steps=150, concepts=8, learn_rate=2e-3)


@pytest.fixture(scope="module")
def encoder(bert_folder):
    return TransformerEncoder(load_checkpoint(bert_folder), precision="float32")


@pytest.fixture(scope="module")
def trained(kb, bert_folder):
    return train_transformer_encoder(kb, load_checkpoint(bert_folder), settings=SETTINGS)


@given(st.lists(st.text(max_size=30), max_size=5))
def test_vectors(encoder, names):
    vectors = encoder(names)
    assert vectors.shape == (len(names), encoder.width)
    lengths = np.linalg.norm(vectors, axis=1)
    assert np.all((np.abs(lengths - 1) < 1e-4) | (lengths == 0))
    for name, vector in zip(names, vectors, strict=True):
        assert np.allclose(encoder([name])[0], vector, atol=1e-5)


def test_the_order_of_words_counts(encoder):
    one, other = encoder(["colon cancer", "cancer colon"])
    assert one @ other < 0.9999


def test_long_names_are_cut(encoder):
    assert np.isfinite(encoder(["cancer " * 5000])).all()
    assert np.allclose(*encoder(["cancer " * MAX_PIECES, "cancer " * (MAX_PIECES + 9)]), atol=1e-5)


def test_what_a_corpus_mentions_by_concept(kb):
    mentions = [("WD", ("OMIM:277900",)), ("it", ("MESH:D001943", "MESH:D010051")), ("new", ("MESH:none",)), ("x", ())]
    assert names_of_concepts(kb, mentions) == {"MESH:D006527": ["WD"]}


def test_training_draws_synonyms_together(kb, bert_folder, trained):
    start = TransformerEncoder(load_checkpoint(bert_folder))

    def contrast(model):
        """How much nearer a synonym is than another concept that shares a word."""
        one, synonym, other = model(["Breast Neoplasms", "Breast Cancer", "Ovarian Cancer"])
        return synonym @ one - synonym @ other

    assert contrast(trained) > contrast(start) + 0.1


def test_training_is_deterministic(kb, bert_folder, trained):
    again = train_transformer_encoder(kb, load_checkpoint(bert_folder), settings=SETTINGS)
    assert np.array_equal(again(["copper"]), trained(["copper"]))


def test_settings_are_checked(kb, bert_folder):
    with pytest.raises(ValueError, match=r"\[B221\] concepts is 0"):
        train_transformer_encoder(kb, load_checkpoint(bert_folder), settings=TransformerSettings(concepts=0))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float16", 1e-2), ("int8", 5e-2)])
def test_bytes(encoder, dtype, tolerance):
    again = read_name_encoder(encoder.to_bytes(dtype), "here")
    assert isinstance(again, TransformerEncoder)
    assert np.abs(again(["colon cancer"]) - TransformerEncoder(encoder.checkpoint)(["colon cancer"])).max() < tolerance


def test_damaged_bytes(encoder):
    data = encoder.to_bytes()
    with pytest.raises(ValueError, match=r"\[B238\].*'here'"):
        read_name_encoder(data[:-20], "here")


def test_a_pipeline_keeps_the_vectors_of_its_names(kb, kb_folder, trained, tmp_path, monkeypatch):
    nlp = make_linker_nlp(kb_folder, ranker=True)
    linker = nlp.get_pipe("biobert_linker")
    linker.dense = trained
    linker.initialize(lambda: [])
    before = [ent._.kb_ents for ent in nlp("Wilson disease and copper").ents]
    nlp.to_disk(tmp_path / "nlp")
    data = linker.to_bytes()
    encoded: list[str] = []
    encode = TransformerEncoder.__call__
    monkeypatch.setattr(
        TransformerEncoder, "__call__", lambda self, names: (encoded.extend(names), encode(self, names))[1]
    )
    for load in (lambda pipe: pipe.from_disk(tmp_path / "nlp" / "biobert_linker"), lambda pipe: pipe.from_bytes(data)):
        twin = make_linker_nlp(kb_folder, ranker=True)
        load(twin.get_pipe("biobert_linker"))
        encoded.clear()
        after = [ent._.kb_ents for ent in twin("Wilson disease and copper").ents]
        assert [ids for ids, _ in after[0]] == [ids for ids, _ in before[0]]
        assert [score for _, score in after[0]] == pytest.approx([score for _, score in before[0]], abs=1e-3)
        assert len(encoded) <= 2  # the mentions alone


def test_another_knowledge_base_gets_vectors_of_its_own(kb, trained, tmp_path):
    index = DenseIndex(trained, kb)
    other = KnowledgeBase.build([Concept("M:1", "one thing"), Concept("M:2", "another")], tmp_path / "kb")
    from spacy_biobert.linking.dense import read_vectors

    stored = index.to_bytes()
    assert read_vectors(stored, other, "here") is None
    kept = read_vectors(stored, kb, "here")
    assert kept is not None
    assert kept.shape == (kb.n_names, trained.width)
    with pytest.raises(ValueError, match=r"\[B238\].*'here'"):
        read_vectors(stored[:40], kb, "here")
