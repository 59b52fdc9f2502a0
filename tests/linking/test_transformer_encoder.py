import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.encoder.checkpoints import load_checkpoint
from spacy_biobert.encoder.precision import int8_available
from spacy_biobert.linking import dense, transformer_encoder
from spacy_biobert.linking.alignment import TransformerSettings, train_transformer_encoder
from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.dense import DenseIndex
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.name_encoder import Remembering, read_name_encoder
from spacy_biobert.linking.ranker import Ranker
from spacy_biobert.linking.sketch import N_NEAR, Sketch
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


def test_runs_are_averaged(kb, bert_folder):
    few = TransformerSettings(steps=3, concepts=8, learn_rate=2e-3)
    steps = []
    together = train_transformer_encoder(
        kb, load_checkpoint(bert_folder), settings=replace(few, runs=2), report=lambda step, _: steps.append(step)
    )
    assert steps == [1, 2, 3, 4, 5, 6]
    one, other = (
        train_transformer_encoder(kb, load_checkpoint(bert_folder), settings=replace(few, seed=seed)) for seed in (0, 1)
    )
    assert not np.allclose(one(["colon cancer"]), other(["colon cancer"]), atol=1e-3)
    weights = (dict(encoder.checkpoint.bert.named_parameters()) for encoder in (together, one, other))
    for mean, first, second in zip(*(some.values() for some in weights), strict=True):
        torch.testing.assert_close(mean, (first + second) / 2)
    # What is used is the mean, too.
    again = TransformerEncoder(together.checkpoint)
    assert np.array_equal(together(["colon cancer"]), again(["colon cancer"]))


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
    linker.name_encoder = trained
    linker.initialize()
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


# --- What is saved where there are many names ---


def count_encoded(monkeypatch):
    """Note what encoders are asked for."""
    encoded: list[str] = []
    encode = TransformerEncoder.__call__
    monkeypatch.setattr(
        TransformerEncoder, "__call__", lambda self, names: (encoded.extend(names), encode(self, names))[1]
    )
    return encoded


def test_a_mention_that_is_spelled_like_a_name_is_not_read_again(kb, encoder, monkeypatch):
    index = DenseIndex(encoder, kb)
    mentions = ["Wilson Disease", "WILSON disease", "wilson diseases", "?", "copper storage"]
    expected = encoder(mentions)
    encoded = count_encoded(monkeypatch)
    vectors = index.encode(mentions)
    assert encoded == ["wilson diseases", "?"]
    assert np.allclose(vectors, expected, atol=2e-3)  # names are kept in half precision
    assert index.encode([]).shape == (0, encoder.width)


def test_case_counts_where_the_encoder_says_so(kb, encoder, monkeypatch):
    index = DenseIndex(encoder, kb)
    encoded = count_encoded(monkeypatch)
    monkeypatch.setattr(TransformerEncoder, "keys", lambda self, names: [(hash(name),) for name in names])
    monkeypatch.setattr(TransformerEncoder, "_plan", lambda self, keys: None)
    index.encode(["Wilson Disease", "wilson disease"])
    assert encoded == ["wilson disease"]


def test_names_with_the_same_pieces_are_read_once(encoder, monkeypatch):
    laid_out = []
    plan = TransformerEncoder._plan
    monkeypatch.setattr(TransformerEncoder, "_plan", lambda self, ids: (laid_out.extend(ids), plan(self, ids))[1])
    vectors = encoder(["breast cancer", "copper", "Breast  Cancer"])
    assert len(laid_out) == 2
    assert np.array_equal(vectors[0], vectors[2])
    assert not np.array_equal(vectors[0], vectors[1])


def random_vectors(n, width, generator):
    """Unit vectors that differ in some directions more than in others, as those of names do."""
    vectors = generator.normal(size=(n, width)) * np.geomspace(1, 0.01, width)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_a_sketch_finds_the_nearest():
    generator = np.random.default_rng(0)
    vectors, queries = random_vectors(30_001, 192, generator), random_vectors(70, 192, generator)
    mask = generator.random(len(vectors)) < 0.1
    masks = [mask if i % 2 else None for i in range(len(queries))]
    for query, allowed, near in zip(queries, masks, Sketch(vectors).near(queries, masks), strict=True):
        assert N_NEAR <= len(near) < 20 * N_NEAR
        assert np.all(np.diff(near) > 0)
        cosines = vectors @ query
        if allowed is not None:
            assert allowed[near].all()
            cosines[~allowed] = -1
        assert set(np.argsort(-cosines)[:20]) <= set(near)


def test_a_sketch_of_few_vectors_finds_all_that_are_near():
    vectors = random_vectors(100, 16, np.random.default_rng(1))
    nothing = np.zeros(len(vectors), bool)
    all_near, none_near = Sketch(vectors).near(vectors[[0, 1]], [None, nothing])
    assert set(np.flatnonzero(vectors @ vectors[0] > 0.05)) <= set(all_near) <= set(range(100))
    assert not len(none_near)


def test_many_names(kb, trained, monkeypatch):
    """Compared in short, and mentions read in int8 where that is faster, the same concepts are found."""
    types = [frozenset({"Disease"}), None, None]
    mentions = ["wilson's disease", "copper stores", "breast tumours"]
    plain = DenseIndex(trained, kb)
    expected = plain.search(plain.encode(mentions), 3, types=types)
    monkeypatch.setattr(dense, "MANY_NAMES", 1)
    index = DenseIndex(trained, kb)
    found = index.search(index.encode(mentions), 3, types=types)
    assert index._sketch is not None
    assert [rows.tolist() for rows in found] == [rows.tolist() for rows in expected]
    assert index.search(np.zeros((1, trained.width), np.float32), 3)[0].tolist() == []


@pytest.mark.parametrize("fastest", ["int8", "bfloat16"])
def test_mentions_are_read_in_int8_where_that_is_faster(bert_folder, kb, monkeypatch, fastest):
    if not int8_available(torch.device("cpu")):
        pytest.skip("this build of PyTorch has no products in int8")
    monkeypatch.setattr(transformer_encoder, "fastest_first", lambda device: (fastest, "float32"))
    encoder = TransformerEncoder(load_checkpoint(bert_folder))
    names = [name for concept in kb.concepts() for name in concept.names]
    reader = encoder.for_mentions(names)
    assert (reader is encoder) == (fastest != "int8")
    assert reader.runtime.arithmetic == ("int8" if fastest == "int8" else encoder.runtime.arithmetic)
    assert np.all((reader(names) * encoder(names)).sum(axis=1) > 0.97)
    exact = TransformerEncoder(load_checkpoint(bert_folder), precision="float32")
    assert exact.for_mentions(names) is exact
    assert encoder.for_mentions([]) is encoder
    remembering = Remembering(encoder)
    assert (remembering.for_mentions(names) is remembering) == (fastest != "int8")


def test_a_linker_that_was_used_can_be_sent_to_a_process(kb, encoder):
    nlp = make_linker_nlp(kb.folder, ranker=True)
    linker = nlp.get_pipe("biobert_linker")
    linker.ranker, linker.name_encoder = Ranker(), encoder
    doc = nlp("aspirin for breast cancers")
    expected = linker.rank([doc])
    sent = pickle.loads(pickle.dumps(linker))
    for one, other in zip(sent.rank([doc])[0], expected[0], strict=True):
        assert [part[0].concept_id for part in one.parts] == [part[0].concept_id for part in other.parts]
        assert one.fits == pytest.approx(other.fits, abs=1e-5)
