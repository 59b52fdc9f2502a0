"""On a GPU: the same vectors, entities and training as on a CPU, whether or not spaCy itself runs there."""

from collections.abc import Iterator

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc
from tiny import SENTENCES, make_examples

from spacy_biobert.corpora.annotated_labels import set_annotated_labels
from spacy_biobert.encoder.checkpoints import load_checkpoint
from spacy_biobert.encoder.shim import GPU_BATCH_PIECES
from spacy_biobert.linking.transformer_encoder import TransformerEncoder
from spacy_biobert.pretraining.pretrain import pretrain
from spacy_biobert.pretraining.pretrainer import Settings

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that PyTorch can use: CUDA")

GPU = {"device": "cuda:0"}
TEXTS = [*SENTENCES, "", "  ", "x" * 500, "😀 e\u0301 \u200b癌", " ".join(SENTENCES * 40)]


@pytest.fixture(params=["PyTorch alone", "spaCy too"])
def spacy_on(request) -> Iterator[str]:
    """Let PyTorch alone use the GPU, by the component's setting; or spaCy and thinc, too, which need CuPy."""
    if request.param == "spaCy too":
        pytest.importorskip("cupy", reason="spaCy itself runs on a GPU by CuPy, which is not installed")
        spacy.require_gpu(0)
        yield "auto"
        spacy.require_cpu()
    else:
        yield "cuda:0"


def hidden_of(doc: Doc) -> np.ndarray:
    """Return a doc's vectors on the CPU."""
    if not len(doc):
        return np.zeros((0, 32), dtype="f")
    hidden = doc._.trf_data.model_output.last_hidden_state[0]
    return hidden.get() if hasattr(hidden, "get") else np.asarray(hidden)


def test_vectors_are_those_of_the_cpu(make_nlp, spacy_on):
    there = make_nlp(run={"device": spacy_on})
    here = make_nlp(run={"device": "cpu"})
    assert there.get_pipe("biobert")._shim.run.batch_pieces == GPU_BATCH_PIECES
    for mine, other in zip(there.pipe(TEXTS), here.pipe(TEXTS), strict=True):
        np.testing.assert_allclose(hidden_of(mine), hidden_of(other), atol=1e-4)


def test_first_pieces_and_small_batches(make_nlp, spacy_on):
    there = make_nlp(run={"device": spacy_on, "max_batch_pieces": 40}, pooling="first")
    here = make_nlp(run={"device": "cpu"}, pooling="first")
    for mine, other in zip(there.pipe(TEXTS), here.pipe(TEXTS), strict=True):
        np.testing.assert_allclose(hidden_of(mine), hidden_of(other), atol=1e-4)


def test_half_precision_is_near(make_nlp):
    there = make_nlp(run=GPU | {"precision": "auto"})
    assert there.get_pipe("biobert")._shim.runtime.arithmetic == "bfloat16"
    here = make_nlp(run={"device": "cpu"})
    for mine, other in zip(there.pipe(SENTENCES), here.pipe(SENTENCES), strict=True):
        difference = hidden_of(mine) - hidden_of(other)
        assert np.linalg.norm(difference) < 0.03 * np.linalg.norm(hidden_of(other))


def test_int8_is_refused(make_nlp):
    with pytest.raises(ValueError, match="B024"):
        make_nlp(run=GPU | {"precision": "int8"})


@pytest.mark.parametrize("train_precision", ["float32", "auto"])
def test_heads_learn(make_nlp, spacy_on, train_precision):
    nlp = make_nlp("biobert_ner", "ner", "tagger", run={"device": spacy_on, "train_precision": train_precision})
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.003
    history = [nlp.update(make_examples(nlp), sgd=optimizer) for _ in range(60)]
    for name in ("biobert_ner", "ner", "tagger"):
        assert history[-1][name] < 0.7 * history[0][name], name


def test_learning_is_that_of_the_cpu(make_nlp, spacy_on):
    """One step of the same weights on the same examples, partly without annotation, moves them alike."""
    moved = {}
    for device in (spacy_on, "cpu"):
        if device == "cpu":
            spacy.require_cpu()
        nlp = make_nlp("biobert_ner", run={"device": device})
        examples = make_examples(nlp)
        set_annotated_labels(examples[0].reference, ["Chemical"])
        nlp.update(examples, sgd=nlp.create_optimizer())
        weights = nlp.get_pipe("biobert")._shim.checkpoint.bert.state_dict()
        moved[device] = {name: some.cpu() for name, some in weights.items()}
    for name, weights in moved["cpu"].items():
        torch.testing.assert_close(moved[spacy_on][name], weights, atol=2e-4, rtol=1e-3)


def test_stored_on_a_gpu_and_loaded_on_a_cpu(make_nlp, spacy_on, tmp_path):
    there = make_nlp("biobert_ner", run={"device": spacy_on})
    expected = [hidden_of(doc) for doc in there.pipe(SENTENCES)]
    there.to_disk(tmp_path)
    copies = there.to_bytes()
    spacy.require_cpu()
    here = spacy.load(tmp_path, config={"components.biobert.device": "cpu"})
    for doc, vectors in zip(here.pipe(SENTENCES), expected, strict=True):
        np.testing.assert_allclose(hidden_of(doc), vectors, atol=1e-4)
    again = here.from_bytes(copies)
    for doc, vectors in zip(again.pipe(SENTENCES), expected, strict=True):
        np.testing.assert_allclose(hidden_of(doc), vectors, atol=1e-4)


def test_pretraining(bert_folder, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("\n".join(SENTENCES * 2000), encoding="utf8")
    settings = Settings(passes=2, learn_rate=3e-3, step_pieces=1024, batch_pieces=512)
    result = pretrain(bert_folder, [text], tmp_path / "out", settings, window=32, device="cuda:0")
    assert result.after < 0.8 * result.before
    load_checkpoint(tmp_path / "out" / "encoder")


def test_names(bert_folder):
    names = ["colon cancer", "colitis", "", "BRCA1 mutation"] * 3
    there = TransformerEncoder(load_checkpoint(bert_folder), device="cuda:0", precision="float32")
    here = TransformerEncoder(load_checkpoint(bert_folder), device="cpu", precision="float32")
    np.testing.assert_allclose(there(names), here(names), atol=1e-5)
