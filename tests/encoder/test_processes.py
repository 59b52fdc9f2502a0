"""More than one process, more than one thread, and what an import costs."""

import os
import pickle
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tiny import SENTENCES

from spacy_biobert.encoder.pieces import PieceTable

TEXTS = [f"{sentence} {word}" for sentence in SENTENCES for word in ("one", "two", "three", "")] * 3


def run_python(script: str, *arguments: str, seconds: int = 120) -> str:
    """Run a script in a process of its own; one that hangs is ended and fails."""
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    command = [sys.executable, "-c", textwrap.dedent(script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


PIPES = """
    import sys, multiprocessing, numpy, spacy, torch
    torch.set_num_threads(2)
    texts = sys.argv[3:]

    def main():
        multiprocessing.set_start_method(sys.argv[2])
        nlp = spacy.load(sys.argv[1])
        def tags(docs):
            return [[token.tag_ for token in doc] for doc in docs]
        cold = list(nlp.pipe(texts, n_process=2, batch_size=8))
        alone = list(nlp.pipe(texts))  # from here on the parent has run its thread pool
        warm = list(nlp.pipe(texts, n_process=2, batch_size=8))
        assert tags(cold) == tags(alone) == tags(warm)
        assert [doc.text for doc in warm] == texts
        # Workers keep the vectors: they are large, and can be made again.
        assert all(doc._.trf_data is None for doc in cold + warm)
        assert all(doc._.trf_data is not None for doc in alone)
        print("done")

    if __name__ == "__main__":
        main()
"""


def test_forked_workers_cold_and_warm(make_nlp, tmp_path):
    """After a forward pass on several threads, a forked worker that waits for them would wait for ever."""
    make_nlp("tagger").to_disk(tmp_path)
    assert run_python(PIPES, str(tmp_path), "fork", *TEXTS).strip() == "done"


@pytest.mark.slow
def test_spawned_workers(make_nlp, tmp_path):
    """macOS and Windows send the pipeline to their workers."""
    make_nlp("tagger").to_disk(tmp_path / "nlp")
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(PIPES))
    command = [sys.executable, str(script), str(tmp_path / "nlp"), "spawn", *TEXTS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip() == "done"


def test_pipe_can_be_sent_to_a_process(make_nlp):
    nlp = make_nlp("tagger", save_dtype="int8", run={"max_batch_pieces": 99})
    pipe = nlp.get_pipe("biobert")
    again = pickle.loads(pickle.dumps(pipe))
    assert again._shim.run == pipe._shim.run
    docs = [nlp.make_doc(text) for text in TEXTS]
    for ours, theirs in zip(pipe.predict(docs), again.predict(docs), strict=True):
        assert np.array_equal(ours, theirs)


def test_threads_share_a_pipeline(make_nlp):
    nlp = make_nlp("tagger", run={"precision": "auto"})
    expected = [nlp(text)._.trf_data for text in TEXTS]
    encoder = nlp.get_pipe("biobert")
    for _ in range(3):
        # Everything that is made when first needed has to be made again, by two threads at once.
        encoder._shim.configure()
        encoder._shim._table = PieceTable(encoder._shim.checkpoint.tokenizer)
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(nlp, TEXTS))
        for doc, data in zip(found, expected, strict=True):
            ours, theirs = doc._.trf_data, data
            if len(doc):
                a, b = (some.model_output.last_hidden_state for some in (ours, theirs))
                np.testing.assert_allclose(a, b, atol=1e-5)


def test_import_loads_no_torch():
    loaded = run_python("""
        import sys
        import spacy_biobert
        print(*(name for name in ("torch", "transformers", "spacy", "thinc", "numpy") if name in sys.modules))
    """)
    assert loaded.strip() == ""


def test_runtime_is_free_of_spacy():
    """It can be used, and measured, where spaCy is not installed."""
    loaded = run_python("""
        import sys
        from spacy_biobert.encoder import checkpoints, pieces, runtime, windows
        print(*(name for name in ("spacy", "thinc", "transformers", "spacy_transformers") if name in sys.modules))
    """)
    assert loaded.strip() == ""


FORKED_MEANWHILE = """
    import os, sys, spacy
    from spacy_biobert.encoder.shim import encoder_shim

    nlp = spacy.load(sys.argv[1])
    expected = [token.tag_ for token in nlp(sys.argv[2])]
    shim = encoder_shim(nlp.get_pipe("biobert").model)
    # What a thread that is in the middle of it holds.
    shim._table._lock.acquire()
    shim._table._rows[0] = 10**9
    shim.runtime._lock.acquire()
    child = os.fork()
    if child == 0:
        os._exit([token.tag_ for token in nlp(sys.argv[2])] != expected)
    assert os.waitpid(child, 0)[1] == 0
    print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_forked_while_a_thread_is_busy(make_nlp, tmp_path):
    """A worker that is forked then must not wait for a thread that it does not have."""
    make_nlp("tagger").to_disk(tmp_path)
    assert "done" in run_python(FORKED_MEANWHILE, str(tmp_path), SENTENCES[0], seconds=60)
