import numpy as np
import pytest
from scipy.sparse import csr_matrix

from spacy_biobert.linking import word_rows
from spacy_biobert.linking.word_rows import WordRows


@pytest.fixture
def rows():
    """Two matrices of words: how often each has each vowel, and how often a letter of the first three."""
    asked = []

    def compute(words):
        asked.append(list(words))
        return tuple(
            csr_matrix(np.array([[word.count(letter) for letter in letters] for word in words], np.float32))
            for letters in ("aei", "abc")
        )

    return WordRows(compute, 3), asked


def test_rows_are_added_up(rows):
    find = rows[0].find
    vowels, letters = find([("banana", "pie"), (), ("pie", "pie")])
    assert vowels.toarray().tolist() == [[3, 1, 1], [0, 0, 0], [0, 2, 2]]
    assert letters.toarray().tolist() == [[3, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_words_are_computed_once(rows):
    rows, asked = rows
    rows.find([("banana", "pie", "banana")])
    rows.find([("pie",), ("ice",)])
    rows.find([("banana",)])
    assert asked == [["banana", "pie"], ["ice"]]


def test_few_are_kept(rows, monkeypatch):
    monkeypatch.setattr(word_rows, "MAX_ENTRIES", 6)
    rows, asked = rows
    for word in ("banana", "pie", "ice", "banana"):
        vowels, _ = rows.find([(word,)])
        assert vowels.toarray().tolist() == [[word.count(letter) for letter in "aei"]]
    assert asked[-1] == ["banana"]
