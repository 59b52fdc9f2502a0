"""The component inside spaCy's machinery."""

import textwrap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import spacy
from spacy.cli.find_threshold import find_threshold
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import fix_random_seed

from .conftest import TOK2VEC, TRAINING, make_examples

TEXT = TRAINING[0][0]
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "*"}


def found(doc):
    return [(ent.text, ent.label_, ent._.score) for ent in doc.ents]


def listening_nlp():
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    nlp.add_pipe("biobert_ner", config={"model": {"tok2vec": LISTENER}})
    return nlp


def train_listening(nlp, n_steps=60, **kwargs):
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: make_examples(nlp))
    for _ in range(n_steps):
        nlp.update(make_examples(nlp), sgd=optimizer, **kwargs)
    return nlp


@pytest.mark.parametrize("store_user_data", [True, False])
def test_doc_bin_keeps_scores(nlp, store_user_data):
    docs = list(nlp.pipe([text for text, _ in TRAINING]))
    data = DocBin(docs=docs, store_user_data=store_user_data).to_bytes()
    for doc, copy in zip(docs, DocBin().from_bytes(data).get_docs(nlp.vocab), strict=True):
        assert found(copy) == found(doc)
        assert all(ent._.score is not None for ent in copy.ents)


def test_doc_bytes_and_copies_keep_scores(nlp):
    doc = nlp(TEXT)
    assert found(Doc(nlp.vocab).from_bytes(doc.to_bytes())) == found(doc)
    assert found(doc.copy()) == found(doc)


def test_two_processes(nlp, tmp_path, warm_python):
    nlp.to_disk(tmp_path / "model")
    script = """
        import sys, spacy, torch
        torch.set_num_threads(2)
        if __name__ == "__main__":
            nlp = spacy.load(sys.argv[1])
            texts = ["Aspirin causes gastric bleeding .", "", "Nothing was found ."] * 5
            expected = [[(ent.text, ent._.score) for ent in nlp(text).ents] for text in texts]
            docs = list(nlp.pipe(texts, n_process=2, batch_size=3))
            assert [doc.text for doc in docs] == texts
            for doc, ents in zip(docs, expected):
                assert [ent.text for ent in doc.ents] == [text for text, _ in ents]
                assert all(abs(ent._.score - score) < 1e-5 for ent, (_, score) in zip(doc.ents, ents))
            assert sum(map(len, expected)) == 10
            print("done")
    """
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(script))
    result = warm_python(path, tmp_path / "model", cwd=tmp_path, timeout=120)
    assert result.stdout.strip() == "done", result.stderr


def test_two_threads(nlp):
    texts = [text for text, _ in TRAINING] * 10
    expected = [found(doc) for doc in nlp.pipe(texts)]
    with ThreadPoolExecutor(2) as pool:
        for docs in pool.map(lambda _: list(nlp.pipe(texts)), range(4)):
            for doc, ents in zip(docs, expected, strict=True):
                assert [found_ent[:2] for found_ent in found(doc)] == [ent[:2] for ent in ents]


def test_memory_zone(nlp):
    expected = found(nlp(TEXT))
    with nlp.memory_zone():
        assert found(nlp(TEXT)) == expected
    assert {"Chemical", "Disease"} <= set(nlp.vocab.strings)
    assert found(nlp(TEXT)) == expected


def test_find_threshold(nlp, tmp_path, capsys):
    nlp.to_disk(tmp_path / "model")
    docs = [example.reference for example in make_examples(nlp)]
    DocBin(docs=docs).to_disk(tmp_path / "dev.spacy")
    threshold, score, scores = find_threshold(
        tmp_path / "model", tmp_path / "dev.spacy", "biobert_ner", "threshold", "ents_r", n_trials=3
    )
    assert (threshold, score) == (0.0, 1.0)
    assert scores[1.0] == 0.0


def test_select_pipes(nlp):
    with nlp.select_pipes(disable="biobert_ner"):
        assert nlp(TEXT).ents == ()
    assert len(nlp(TEXT).ents) == 2


def test_failing_docs_go_to_the_error_handler(nlp):
    nlp.get_pipe("biobert_ner").cfg["temperature"] = 0.0
    errors = []
    nlp.set_error_handler(lambda name, proc, docs, error: errors.append((name, str(error))))
    assert list(nlp.pipe([TEXT])) == []
    assert [name for name, _ in errors] == ["biobert_ner"]


# --- With an encoder ---


def test_learns_through_a_listener(nlp):
    nlp = train_listening(listening_nlp())
    for text, ents in TRAINING:
        assert [ent[:2] for ent in found(nlp(text))] == [(text[start:end], label) for start, end, label in ents]


def test_replace_listeners():
    nlp = train_listening(listening_nlp(), n_steps=20)
    expected = found(nlp(TEXT))
    nlp.replace_listeners("tok2vec", "biobert_ner", ["model.tok2vec"])
    nlp.remove_pipe("tok2vec")
    assert found(nlp(TEXT)) == expected


def test_frozen_and_annotating_encoder():
    nlp = train_listening(listening_nlp(), n_steps=5)
    before = nlp.get_pipe("tok2vec").model.to_bytes()
    optimizer = nlp.resume_training()
    losses = []
    for _ in range(20):
        examples = make_examples(nlp)
        step = nlp.update(examples, sgd=optimizer, exclude=["tok2vec"], annotates=["tok2vec"], losses={})
        losses.append(step["biobert_ner"])
    assert losses[-1] < losses[0]
    assert nlp.get_pipe("tok2vec").model.to_bytes() == before


def test_annotating_head_shows_its_entities_to_later_components():
    nlp = train_listening(listening_nlp())
    seen = []
    Language.component("ner_test_probe", func=lambda doc: seen.append(found(doc)) or doc)
    nlp.add_pipe("ner_test_probe")
    examples = make_examples(nlp)
    nlp.update(examples, annotates=["tok2vec", "biobert_ner", "ner_test_probe"])
    assert [[text for text, _, _ in ents] for ents in seen] == [
        [ent.text for ent in example.reference.ents] for example in examples
    ]


def test_unannotated_batch_still_reaches_the_encoder():
    """An encoder runs its backward pass when its last listener has answered: all of them must."""
    nlp = train_listening(listening_nlp(), n_steps=1)
    listener = nlp.get_pipe("biobert_ner").model.get_ref("tok2vec")
    called = []
    receive = listener.receive

    def spy(batch_id, outputs, backprop):
        receive(batch_id, outputs, lambda gradient: called.append(gradient) or backprop(gradient))

    listener.receive = spy
    doc = nlp.make_doc(TEXT)
    nlp.update([Example(doc, doc.copy())])
    assert len(called) == 1
    assert not np.concatenate(called[0]).any()


MISSING_ENCODER = r"\[B106\] 'biobert_ner'.*`biobert`"


def test_no_encoder_is_an_error_when_initializing():
    nlp = spacy.blank("en")
    nlp.add_pipe("biobert_ner")
    with pytest.raises(ValueError, match=MISSING_ENCODER):
        nlp.initialize(lambda: make_examples(nlp))


def transformer_head():
    """A head whose listener has been connected once, as in a loaded pipeline, with no encoder before it."""
    nlp = spacy.blank("en")
    ner = nlp.add_pipe("biobert_ner")
    for node in ner.model.walk():
        if node.name == "transformer-listener":
            node.set_dim("nO", 4)
    ner.add_label("Disease")
    ner.model.set_dim("nO", 5)
    output = ner.model.get_ref("output_layer")
    output.set_dim("nO", 5)
    output.set_dim("nI", 4)
    output.initialize()
    return nlp, ner


def test_no_encoder_is_an_error_when_predicting():
    nlp, _ = transformer_head()
    with pytest.raises(ValueError, match=MISSING_ENCODER):
        nlp(TEXT)
    assert nlp("").ents == ()


def test_no_encoder_is_an_error_when_training():
    nlp, ner = transformer_head()
    example = make_examples(nlp, [("fever", [(0, 5, "Disease")])])
    with pytest.raises(ValueError, match=MISSING_ENCODER):
        ner.update(example)


def test_reads_what_an_encoder_left_on_the_doc():
    from spacy_transformers.data_classes import TransformerData

    nlp, ner = transformer_head()
    if not Doc.has_extension("trf_data"):
        Doc.set_extension("trf_data", default=None)
    doc, empty = nlp.make_doc(TEXT), nlp.make_doc("")
    doc._.trf_data = TransformerData.zeros(len(doc), 4, xp=np)
    empty._.trf_data = TransformerData.empty()
    output = ner.model.get_ref("output_layer")
    output.set_param("b", np.array([0, 0, 0, 0, 1], dtype="f"))
    assert [len(doc.ents) for doc in ner.pipe([doc, empty])] == [5, 0]
    with pytest.raises(ValueError, match=MISSING_ENCODER):
        list(ner.pipe([doc, nlp.make_doc("fever")]))


def test_tokens_that_changed_after_the_encoder():
    from spacy_transformers.data_classes import TransformerData

    nlp, ner = transformer_head()
    doc = nlp.make_doc(TEXT)
    doc._.trf_data = TransformerData.zeros(len(doc), 4, xp=np)
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
    with pytest.raises(ValueError, match=r"\[B119\] .*before the encoder"):
        ner(doc)


def test_annotating_head_needs_an_annotating_encoder():
    """spaCy's listeners would give it zeros instead."""
    nlp = train_listening(listening_nlp(), n_steps=0)
    with pytest.raises(ValueError, match=MISSING_ENCODER + r".*annotating_components"):
        nlp.update(make_examples(nlp), annotates=["biobert_ner"])


def test_disabled_encoder_is_an_error():
    nlp = train_listening(listening_nlp(), n_steps=0)
    with nlp.select_pipes(disable="tok2vec"), pytest.raises(ValueError, match=MISSING_ENCODER):
        nlp(TEXT)
    with nlp.select_pipes(disable="tok2vec"), pytest.raises(ValueError, match=MISSING_ENCODER):
        nlp.update(make_examples(nlp))
