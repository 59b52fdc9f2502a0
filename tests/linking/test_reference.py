import multiprocessing
import pickle
import shutil
import sqlite3
import subprocess
import sys

import pytest

from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.reference import KnowledgeBaseReference

from .conftest import CONCEPTS


@pytest.fixture
def lying(tmp_path):
    """A knowledge base that may be moved and damaged."""
    source = {"name": "small", "version": "2024"}
    return KnowledgeBase.build(CONCEPTS, tmp_path / "kb", source=source)


def test_reference(lying):
    reference = KnowledgeBaseReference.make(lying)
    assert (reference.path, reference.digest) == (str(lying.folder), lying.checksum)
    assert (reference.name, reference.version) == ("small", "2024")
    assert reference.open().checksum == lying.checksum
    assert KnowledgeBaseReference.from_dict(reference.to_dict()) == reference
    assert KnowledgeBaseReference.from_dict(reference.to_dict() | {"later": 1}) == reference


def test_moved(lying, tmp_path):
    reference = KnowledgeBaseReference.make(lying)
    shutil.move(lying.folder, tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match=r"\[B260\].*'small 2024' in .*components.links.kb_path") as caught:
        reference.open(component="links")
    assert str(tmp_path / "kb") in str(caught.value)
    assert reference.open(tmp_path / "elsewhere").checksum == reference.digest


def test_another_knowledge_base(lying, tmp_path):
    reference = KnowledgeBaseReference.make(lying)
    other = KnowledgeBase.build(CONCEPTS[:-1], tmp_path / "other")
    with pytest.raises(ValueError, match=rf"\[B261\].*{other.checksum}, expected {lying.checksum}"):
        reference.open(other.folder)
    KnowledgeBase.build(CONCEPTS[:-1], lying.folder, overwrite=True)
    with pytest.raises(ValueError, match=r"\[B261\].*components.biobert_linker.kb_path"):
        reference.open()


def test_changed_on_disk(lying):
    reference = KnowledgeBaseReference.make(lying)
    connection = sqlite3.connect(lying.folder / "concepts.sqlite")
    with connection:
        connection.execute("UPDATE concepts SET name = 'Wilsom Disease' WHERE row = 0")
    connection.close()
    with pytest.raises(ValueError, match=r"\[B203\].*concepts.sqlite was changed"):
        reference.open()


@pytest.mark.parametrize("data", [{}, {"path": "x"}, {"path": "x", "digest": 1}, {"path": None, "digest": "x"}])
def test_no_reference(data):
    with pytest.raises(ValueError, match=r"\[B262\]"):
        KnowledgeBaseReference.from_dict(data)


def test_pickle_of_one_that_was_replaced(lying):
    data = pickle.dumps(lying)
    KnowledgeBase.build(CONCEPTS[:1], lying.folder, overwrite=True)
    with pytest.raises(ValueError, match=r"\[B208\]"):
        pickle.loads(data)


READ_PICKLE = """
import pickle, sys
kb = pickle.load(open(sys.argv[1], "rb"))
print(kb.checksum, len(kb))
"""


def test_a_pickle_outlives_a_temporary_folder(lying, tmp_path):
    """One made of bytes lies in a folder that ends with it."""
    kb = KnowledgeBase.from_bytes(lying.to_bytes())
    (tmp_path / "kb.pickle").write_bytes(pickle.dumps(kb))
    expected = f"{kb.checksum} {len(kb)}"
    folder = kb.folder
    del kb
    assert not folder.exists()
    command = [sys.executable, "-c", READ_PICKLE, str(tmp_path / "kb.pickle")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


def look_up(sender, kb, mention):
    sender.send(kb.candidates([mention]))


def test_spawn(lying):
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=look_up, args=(sender, lying, "wilson disease"))
    process.start()
    assert receiver.poll(120)
    assert receiver.recv() == lying.candidates(["wilson disease"])
    process.join(60)
    assert process.exitcode == 0
