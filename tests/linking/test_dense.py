import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.linking.alignment import WARMUP_STEPS, BagSettings, _align, multi_similarity_loss, train_bag_encoder
from spacy_biobert.linking.bag_encoder import BagEncoder
from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.dense import DenseIndex
from spacy_biobert.linking.features import extract_features
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.name_encoder import load_name_encoder, read_name_encoder

SETTINGS = BagSettings(width=16, steps=60, concepts=8)


@pytest.fixture(scope="module")
def encoder(kb):
    return train_bag_encoder(kb, settings=SETTINGS)


@pytest.fixture(scope="module")
def index(kb, encoder):
    return DenseIndex(encoder, kb)


@given(st.lists(st.text(max_size=30), max_size=5))
def test_vectors(encoder, names):
    vectors = encoder(names)
    assert vectors.shape == (len(names), encoder.width)
    lengths = np.linalg.norm(vectors, axis=1)
    assert np.all((np.abs(lengths - 1) < 1e-4) | (lengths == 0))
    for name, vector in zip(names, vectors, strict=True):
        assert np.allclose(encoder([name])[0], vector, atol=1e-5)


def test_a_name_without_known_features_is_zero(encoder):
    assert not encoder(["", "?!", "\N{CJK UNIFIED IDEOGRAPH-4E00}"]).any()


def test_training_draws_synonyms_together(kb, encoder):
    start = train_bag_encoder(kb, settings=BagSettings(width=16, steps=1, concepts=8, learn_rate=1e-6))

    def contrast(model):
        """How much nearer a synonym is than another concept that shares a word."""
        one, synonym, other = model(["Breast Neoplasms", "Breast Cancer", "Ovarian Cancer"])
        return synonym @ one - synonym @ other

    assert contrast(encoder) > contrast(start) + 0.2


def test_training_is_deterministic(kb, encoder):
    again = train_bag_encoder(kb, settings=SETTINGS)
    assert np.array_equal(again.vectors, encoder.vectors)


def test_corpus_mentions_are_learned(kb):
    taught = train_bag_encoder(kb, {"MESH:D001241": ["heart pill"]}, settings=SETTINGS)
    pill, aspirin = taught(["heart pill", "Aspirin"])
    assert pill @ aspirin > 0.5


def test_search(index):
    vectors = index.encoder(["breast cancer", "?"])
    near, nothing = index.search(vectors, 3)
    assert index.concept_ids[near[0]] == "MESH:D001943"
    assert len(near) == 3
    assert len(nothing) == 0
    rows = [index.rows["MESH:D003300"], index.rows["MESH:D001943"]]
    best, _, canonical, names = index.describe(vectors[0], rows)
    assert best[1] == pytest.approx(1, abs=1e-4)
    assert best[0] < best[1]
    assert names[1] == "Breast Cancer"
    assert canonical[1] == pytest.approx(float(index.encoder(["Breast Neoplasms"])[0] @ vectors[0]), abs=1e-5)


def test_search_is_exhaustive(kb, index):
    mention = index.encoder(["copper disease"])
    every = [index.rows[concept.id] for concept in kb.concepts()]
    best = index.describe(mention[0], every).best
    (near,) = index.search(mention, len(every))
    positive = [row for row in np.argsort(-best, kind="stable") if best[row] > 0]
    assert near.tolist() == positive


@given(st.lists(st.sampled_from(range(14)), min_size=1, max_size=14), st.sampled_from(["breast cancer", "copper", "?"]))
def test_nearest_three_names(kb, index, rows, mention):
    """However many names the concepts have, and whichever stand beside them."""
    rows = [row % len(index.concept_ids) for row in rows]
    (vector,) = index.encoder([mention])
    of_three = index.describe(vector, rows).of_three
    for row, mean in zip(rows, of_three, strict=True):
        cosines = index.encoder(kb.get(index.concept_ids[row]).names) @ vector
        assert mean == pytest.approx(np.sort(cosines)[::-1][:3].mean(), abs=1e-5)


def test_search_by_type(index):
    (near,) = index.search(index.encoder(["copper"]), 20, types=[("Chemical",)])
    found = {index.concept_ids[row] for row in near}
    # Concepts without types are always allowed.
    assert "MESH:D003300" in found <= {"MESH:D003300", "MESH:D001241", "MESH:D004195"}


def test_bytes(encoder, tmp_path):
    data = encoder.to_bytes()
    again = read_name_encoder(data, "here")
    assert np.array_equal(again.codes, encoder.codes)
    assert np.allclose(again(["copper"]), encoder(["copper"]), atol=1e-2)
    path = tmp_path / "dense.safetensors"
    path.write_bytes(data)
    assert load_name_encoder(path).to_bytes() == data


def test_damaged_files(encoder, tmp_path):
    with pytest.raises(ValueError, match=r"\[B238\].*'here'"):
        read_name_encoder(encoder.to_bytes()[:50], "here")
    with pytest.raises(FileNotFoundError, match=r"\[B244\].*train-linker"):
        load_name_encoder(tmp_path / "none")
    with pytest.raises(ValueError, match=r"\[B237\]"):
        BagEncoder(np.zeros(3, np.uint64), np.zeros((2, 4), np.float32))


def test_many_names_need_a_package(kb, encoder, monkeypatch):
    monkeypatch.setattr("spacy_biobert.linking.dense.EXACT_NAMES", 3)
    monkeypatch.setitem(sys.modules, "usearch", None)
    with pytest.raises(ImportError, match=r"\[B247\].*spacy-biobert\[ann\]"):
        DenseIndex(encoder, kb)


def test_nothing_to_learn_from(tmp_path):
    lonely = KnowledgeBase.build([Concept("M:1", "one"), Concept("M:2", "two")], tmp_path / "kb")
    with pytest.raises(ValueError, match=r"\[B240\]"):
        train_bag_encoder(lonely, settings=SETTINGS)
    with pytest.raises(ValueError, match=r"\[B221\] steps is 0"):
        train_bag_encoder(lonely, settings=BagSettings(steps=0))


def test_loss_by_hand():
    """Two names of one concept at a right angle, a third name equal to the first."""
    vectors = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    loss = multi_similarity_loss(vectors, torch.tensor([0, 0, 1]), alpha=2.0, beta=50.0, base=0.5, margin=0.1)
    pulled = np.log1p(np.exp(1.0)) / 2  # similarity 0, for the first two
    first = pulled + np.log1p(np.exp(25.0)) / 50  # and its twin of another concept
    second = pulled + np.log1p(np.exp(-25.0)) / 50
    assert loss.item() == pytest.approx((first + second) / 3, rel=1e-5)
    assert multi_similarity_loss(vectors[:2], torch.tensor([0, 0])).item() == pytest.approx(0.0)
    # A name alone of its concept has nothing to be drawn to, and is not pushed: nothing says what is too near.
    assert multi_similarity_loss(vectors, torch.tensor([0, 1, 2])).item() == 0


def test_the_learning_rate_rises_and_falls():
    rates = []

    class Batches:
        def batch(self):
            return np.arange(2), np.zeros(2, np.int64)

    class Listening(torch.optim.SGD):
        def step(self):
            rates.append(self.param_groups[0]["lr"])

    weights = torch.nn.Parameter(torch.eye(2))
    steps = 2 * WARMUP_STEPS
    settings = BagSettings(steps=steps, learn_rate=0.5)
    _align(Batches(), lambda rows: weights[rows], Listening([weights], lr=1.0), settings, None)
    assert len(rates) == steps
    assert rates[0] == pytest.approx(0.5 / WARMUP_STEPS)
    assert rates[WARMUP_STEPS - 1] == pytest.approx(0.5 * (1 - (WARMUP_STEPS - 1) / steps))
    assert rates[-1] == pytest.approx(0.5 / steps)


def test_features_are_counted(encoder):
    codes, _ = extract_features([("copper",)])
    assert set(codes) <= set(encoder.codes)
