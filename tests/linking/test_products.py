import multiprocessing
import subprocess
import sys
from textwrap import dedent

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from spacy_biobert.linking import products
from spacy_biobert.linking.products import largest_products


def matrices(n_rows, n_columns):
    cells = st.sampled_from([0.0, 0.0, 0.5, 1.0, 2.0])
    return st.lists(st.lists(cells, min_size=n_columns, max_size=n_columns), min_size=n_rows, max_size=n_rows)


@pytest.mark.parametrize("n_threads", [1, 2])
@given(left=matrices(3, 4), right=matrices(4, 6), count=st.integers(1, 8))
def test_any_product(n_threads, left, right, count):
    left, right = np.array(left, np.float32), np.array(right, np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "n_native_threads", lambda: n_threads)
        found = largest_products(csr_matrix(left), csr_matrix(right), count)
    assert found.shape == (3, 6)
    for row, expected in enumerate(left @ right):
        entries = slice(found.indptr[row], found.indptr[row + 1])
        assert found.data[entries].tolist() == expected[found.indices[entries]].tolist()
        best = sorted(expected[expected > 0], reverse=True)[:count]
        assert sorted(found.data[entries], reverse=True) == best


def test_equal_entries_are_chosen_by_their_row_alone():
    ones = csr_matrix(np.ones((1, 5), np.float32))
    right = csr_matrix(np.ones((5, 300), np.float32))
    alone = largest_products(ones, right, 10)
    others = csr_matrix(np.vstack([np.eye(5, dtype=np.float32), np.ones((1, 5), np.float32)]))
    together = largest_products(others, right, 10)
    assert set(together.indices[together.indptr[5] :]) == set(alone.indices)


def test_a_column_that_is_there_twice_counts_twice():
    twice = csr_matrix((np.ones(2, np.float32), np.array([1, 1], np.int32), np.array([0, 2], np.int32)), shape=(1, 3))
    assert largest_products(twice, csr_matrix(np.eye(3, dtype=np.float32)), 3).toarray().tolist() == [[0, 2, 0]]


FORK = """
    import multiprocessing
    from spacy_biobert.linking import threads

    threads.n_processors = lambda: 2

    from spacy_biobert.linking.kb import KnowledgeBase
    from spacy_biobert.linking.concepts import Concept
    import sys

    concepts = [Concept(id=f"T:{i}", name=f"disease {i} of the kidney") for i in range(500)]
    kb = KnowledgeBase.build(concepts, sys.argv[1])
    mentions = [f"kidney disease {i}" for i in range(300)]
    before = kb.candidates(mentions)
    assert threads.n_native_threads() == 2

    def child():
        assert threads.n_native_threads() == 1
        assert kb.candidates(mentions) == before

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == 0
    assert kb.candidates(mentions) == before
    print("done")
"""


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
def test_a_forked_process_waits_for_no_thread_of_its_parent(tmp_path):
    script = [sys.executable, "-c", dedent(FORK), str(tmp_path / "kb")]
    done = subprocess.run(script, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "done", done.stderr
