"""Vectors of very many names, searched through a graph: here of few, so that what is exact is known."""

import pickle
import subprocess
import sys
import textwrap
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from spacy_biobert.linking.alignment import BagSettings, train_bag_encoder
from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.dense import DenseIndex
from spacy_biobert.linking.fitting import train_ranker
from spacy_biobert.linking.graph import NameGraph
from spacy_biobert.linking.kb import KnowledgeBase

from .conftest import make_linker_nlp
from .test_ranker import link, make_references

pytest.importorskip("usearch", reason="the extra `ann` is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:.*W036")


@pytest.fixture(scope="module")
def encoder(kb):
    return train_bag_encoder(kb, settings=BagSettings(width=16, steps=60, concepts=8))


@pytest.fixture
def few_are_many(monkeypatch):
    monkeypatch.setattr("spacy_biobert.linking.dense.EXACT_NAMES", 3)


@pytest.fixture(scope="module")
def both(kb, encoder):
    """The same index, exact and as a graph."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spacy_biobert.linking.dense.EXACT_NAMES", 3)
        graph = DenseIndex(encoder, kb)
    return DenseIndex(encoder, kb), graph


@given(st.lists(st.one_of(st.text(max_size=20), st.sampled_from(["breast cancer", "copper", "ASA"])), max_size=4))
def test_a_graph_finds_what_is_nearest(both, mentions):
    exact, graph = both
    assert exact.graph is None
    assert graph.graph is not None
    vectors = exact.encoder(mentions)
    for types in (None, [("Chemical",)] * len(mentions)):
        found = graph.search(vectors, 3, types=types)
        for vector, one, other in zip(vectors, exact.search(vectors, 3, types=types), found, strict=True):
            assert len(one) == len(other)
            if len(one):
                best, *others, names = exact.describe(vector, one.tolist())
                nearly, *nearly_others, their_names = graph.describe(vector, other.tolist())
                assert np.allclose(best, nearly, atol=2e-3)
                assert {len(part) for part in (*others, names, *nearly_others, their_names)} == {len(one)}


def test_names_of_one_concept_do_not_hide_the_others(encoder, few_are_many, tmp_path):
    concepts = [
        Concept("M:1", "breast cancer", tuple(f"breast cancer {letter}" for letter in "abcdefghijklmn")),
        Concept("M:2", "ovarian cancer"),
    ]
    index = DenseIndex(encoder, KnowledgeBase.build(concepts, tmp_path / "kb"))
    (found,) = index.search(encoder(["breast cancer"]), 2)
    assert found.tolist() == [0, 1]


def ids(nlp):
    return [identifier for identifier, _ in link(nlp, "breast cancer disease")._.kb_ents]


def test_it_is_stored_with_the_pipeline(kb_folder, encoder, few_are_many, monkeypatch, tmp_path):
    nlp = make_linker_nlp(kb_folder, ranker=True)
    linker = nlp.get_pipe("biobert_linker")
    linker.name_encoder = encoder
    list(train_ranker(linker, make_references(nlp), epochs=2))
    nlp.to_disk(tmp_path / "pipeline")
    folder = tmp_path / "pipeline" / "biobert_linker"

    expected = ids(nlp)
    with monkeypatch.context() as patch:
        patch.setattr(NameGraph, "build", None)  # it is not made again
        loaded = make_linker_nlp(kb_folder, ranker=True).from_disk(tmp_path / "pipeline")
        assert ids(loaded) == expected
        loaded.to_disk(tmp_path / "pipeline")  # over the very file that is open
        assert ids(loaded) == expected
    # Bytes leave it out, and it is made again.
    again = make_linker_nlp(kb_folder, ranker=True).from_bytes(loaded.to_bytes())
    assert ids(again) == expected
    # That of other vectors is not used.
    other = train_bag_encoder(linker.kb, settings=BagSettings(width=8, steps=1))
    loaded.get_pipe("biobert_linker").name_encoder = other
    (folder / "dense.safetensors").write_bytes(other.to_bytes())
    assert ids(make_linker_nlp(kb_folder, ranker=True).from_disk(tmp_path / "pipeline"))


def ranked(linker):
    doc = Doc(linker.vocab, words=["breast", "cancer", "disease"])
    doc.ents = [Span(doc, 0, 3, label="Disease")]
    return linker(doc).ents[0]._.kb_ents


@pytest.fixture
def stored(kb_folder, encoder, few_are_many, tmp_path):
    """The folder of a pipeline with a graph."""
    nlp = make_linker_nlp(kb_folder, ranker=True)
    linker = nlp.get_pipe("biobert_linker")
    linker.name_encoder = encoder
    list(train_ranker(linker, make_references(nlp), epochs=2))
    nlp.to_disk(tmp_path / "pipeline")
    return tmp_path / "pipeline"


@pytest.mark.parametrize("copied", [deepcopy, lambda linker: pickle.loads(pickle.dumps(linker))])
def test_copies_of_a_linker_have_its_graph(stored, monkeypatch, copied):
    monkeypatch.setattr(NameGraph, "build", None)  # it is not made again
    linker = spacy.load(stored).get_pipe("biobert_linker")
    unused = copied(linker)
    expected = ranked(linker)
    assert expected == ranked(unused) == ranked(copied(linker))
    # They take it along where the file is there no more, or another's.
    file = stored / "biobert_linker" / "name_graph.usearch"
    for change in (Path.unlink, Path.touch):
        change(file)
        assert ranked(copied(linker)) == expected


@pytest.mark.slow
def test_spawned_workers_have_the_graph(stored, tmp_path):
    script = f"""
        import multiprocessing, spacy
        from spacy_biobert.linking.graph import NameGraph

        NameGraph.build = None
        if __name__ == "__main__":
            multiprocessing.set_start_method("spawn")
            nlp = spacy.load({str(stored)!r})
            texts = ["breast cancers, copper", "aspirin"] * 2
            for warm in (False, True):
                docs = list(nlp.pipe(texts, n_process=2, batch_size=2))
                print([[ent._.kb_ents for ent in doc.ents] for doc in docs] ==
                      [[ent._.kb_ents for ent in nlp(text).ents] for text in texts])
    """
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(script))
    result = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=120, check=False)
    assert result.stdout.split() == ["True", "True"], result.stderr


def test_damaged(kb_folder, both, tmp_path):
    path = tmp_path / "graph"
    graph = both[1].graph
    graph.save(path)
    assert len(NameGraph.open(path, n_names=len(graph), width=16)) == len(graph)
    with pytest.raises(ValueError, match=r"\[B238\].*expected 3 vectors"):
        NameGraph.open(path, n_names=3, width=16)
    data = path.read_bytes()
    for content in (b"", data[: len(data) // 2], b"x" * len(data)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"\[B238\]"):
            NameGraph.open(path, n_names=len(graph), width=16)
    with pytest.raises(ValueError, match=r"\[B238\]"):
        NameGraph.open(tmp_path / "none", n_names=3, width=16)
