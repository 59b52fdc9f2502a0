import threading

import pytest

from spacy_biobert.linking import threads
from spacy_biobert.linking.threads import map_in_threads, n_processors


def test_results_are_in_order(monkeypatch):
    monkeypatch.setattr(threads, "n_processors", lambda: 3)
    assert map_in_threads(lambda number: -number, range(50)) == [-number for number in range(50)]


def test_items_are_worked_on_at_the_same_time(monkeypatch):
    monkeypatch.setattr(threads, "n_processors", lambda: 2)
    both = threading.Barrier(2, timeout=30)
    # Each waits for the other.
    assert len(map_in_threads(lambda _: both.wait(), [0, 1])) == 2


def test_one_processor_starts_no_thread(monkeypatch):
    monkeypatch.setattr(threads, "n_processors", lambda: 1)
    assert map_in_threads(lambda _: threading.current_thread(), [0, 1]) == [threading.current_thread()] * 2


def test_errors_reach_the_caller(monkeypatch):
    monkeypatch.setattr(threads, "n_processors", lambda: 2)
    with pytest.raises(ZeroDivisionError):
        map_in_threads(lambda number: 1 / number, [1, 0])


def test_there_is_a_processor():
    assert n_processors() >= 1


def test_look_ups_in_threads_find_the_same(kb, monkeypatch):
    mentions = [f"{word} {number}" for number in range(100) for word in ("wilson disease", "breast cancer", "copper")]
    monkeypatch.setattr(threads, "n_processors", lambda: 1)
    alone = kb.candidates(mentions)
    monkeypatch.setattr(threads, "n_processors", lambda: 3)
    assert kb.candidates(mentions) == alone
