"""The pipe in prediction: one vector for each token of any text, whatever stands beside it."""

import copy
import json
import pickle
import shutil

import numpy as np
import pytest
import spacy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin
from spacy_transformers.data_classes import TransformerData
from thinc.api import Adam, ConfigValidationError
from tiny import LISTENER, SENTENCES, add_head, make_examples

from spacy_biobert.encoder.architectures import build_encoder_v1
from spacy_biobert.encoder.bert import Bert
from spacy_biobert.encoder.shim import EncoderShim, encoder_shim
from spacy_biobert.encoder.vectors import TokenVectors

ENCODER = {"@architectures": "spacy_biobert.Encoder.v1"}
LONG = " ".join(SENTENCES * 60)  # about 2,500 pieces, where a window has 32
TEXTS = [LONG, "", "  ", "\n\t \n", "x" * 2000, "a-" * 1000, "\x00\x01", "😀 e\u0301 \u200b癌", *SENTENCES, ""]


def vectors_of(doc):
    data = doc._.trf_data
    assert isinstance(data, TransformerData)
    if not len(doc):
        assert "last_hidden_state" not in data.model_output
        return np.zeros((0, 32), dtype="f")
    hidden = data.model_output.last_hidden_state
    assert hidden.shape == (1, len(doc), 32)
    assert hidden.dtype == np.float32
    assert np.isfinite(hidden).all()
    assert data.align.lengths.tolist() == [1] * len(doc)
    assert data.align.dataXd.ravel().tolist() == list(range(len(doc)))
    return hidden[0]


def assert_same(docs, others, atol=1e-5):
    for doc, other in zip(docs, others, strict=True):
        np.testing.assert_allclose(vectors_of(doc), vectors_of(other), atol=atol)


@pytest.fixture(scope="module")
def nlp(bert_folder):
    nlp = spacy.blank("en")
    model = ENCODER | {"name": str(bert_folder), "window": 32, "overlap": 4}
    nlp.add_pipe("biobert", config={"model": model, "precision": "float32"})
    nlp.initialize()
    return nlp


# --- vectors ---


def test_vectors_are_the_mean_of_their_pieces_hidden_states(nlp, hf_models):
    model, _ = hf_models["bert"]
    doc = nlp("The patient with BRCA1 colitis \n of")
    shim = nlp.get_pipe("biobert")._shim
    words = [shim.checkpoint.tokenizer.pieces(token.text, after_space=True) for token in doc]
    ids = [2, *(piece for word in words for piece in word), 3]
    with torch.inference_mode():
        hidden = model(torch.tensor([ids])).last_hidden_state[0].numpy()
    at = 1
    for vector, word in zip(vectors_of(doc), words, strict=True):
        expected = hidden[at : at + len(word)].mean(axis=0) if word else np.zeros(32)
        np.testing.assert_allclose(vector, expected, atol=1e-5)
        at += len(word)
    assert [] in words
    assert max(map(len, words)) > 1


def test_first_pooling(make_nlp, nlp, hf_models):
    first = make_nlp(pooling="first", overlap=4)
    text = "BRCA1 of the\n"
    model, _ = hf_models["bert"]
    words = [nlp.get_pipe("biobert")._shim.checkpoint.tokenizer.pieces(t.text, after_space=True) for t in nlp(text)]
    with torch.inference_mode():
        ids = [2, *(piece for word in words for piece in word), 3]
        hidden = model(torch.tensor([ids])).last_hidden_state[0].numpy()
    found = vectors_of(first(text))
    np.testing.assert_allclose(found[0], hidden[1], atol=1e-5)
    np.testing.assert_allclose(found[1], hidden[1 + len(words[0])], atol=1e-5)
    assert not found[-1].any()  # the line break, which has no pieces
    for some in ([TEXTS[1]], [TEXTS[2]], TEXTS):
        for doc in first.pipe(some):
            vectors_of(doc)


def test_vectors_do_not_depend_on_the_neighbours(nlp):
    alone = [nlp(text) for text in TEXTS]
    for batch_size in (1, 3, 100):
        assert_same(alone, nlp.pipe(TEXTS, batch_size=batch_size))
    assert_same(alone[::-1], nlp.pipe(TEXTS[::-1]))


def test_vectors_do_not_depend_on_the_budget(make_nlp):
    small, large = (make_nlp(run={"max_batch_pieces": budget}) for budget in (1, 100_000))
    assert_same(small.pipe(TEXTS), large.pipe(TEXTS))


@pytest.mark.parametrize("texts", [[""], ["", ""], [" "], ["\n", ""], ["\x00"], [], ["", "colon cancer"]])
def test_nothing_to_encode(nlp, texts):
    docs = list(nlp.pipe(texts))
    assert [len(vectors_of(doc)) for doc in docs] == [len(doc) for doc in docs]


def test_arrays_own_their_memory(nlp):
    for doc in nlp.pipe(SENTENCES):
        array = doc._.trf_data.model_output.last_hidden_state
        base = array if array.base is None else array.base
        assert base.nbytes == array.nbytes
        assert base.flags.owndata


def test_spaces_and_control_characters_have_zeros(nlp):
    doc = nlp("colon \n \x01 cancer")
    vectors = vectors_of(doc)
    for token in doc:
        assert vectors[token.i].any() != (not token.text.strip(" \n\x01"))


characters = st.characters(exclude_categories=["Cs"])
texts = st.one_of(
    st.text(characters, max_size=80),
    st.text(st.sampled_from("a ß\u0301\u200d\u200b\n\t\x00\x1f\x7f\u2028\xa0😀👩\ufe0f癌إ-,()[]MASKSEP"), max_size=200),
)


def check_any_texts(nlp, some):
    for doc, text in zip(nlp.pipe(some), some, strict=True):
        assert doc.text == text
        vectors_of(doc)


@settings(max_examples=60, deadline=None)
@given(st.lists(texts, max_size=5))
def test_any_text_has_one_vector_a_token(nlp, some):
    check_any_texts(nlp, some)


@pytest.mark.slow
@settings(max_examples=2500, deadline=None)
@given(some=st.lists(texts, min_size=5, max_size=8))
def test_ten_thousand_texts(nlp, some):
    check_any_texts(nlp, some)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.text(characters, min_size=1, max_size=12), max_size=6), max_size=4))
def test_any_tokens_have_one_vector_each(nlp, contents):
    for doc in nlp.pipe([Doc(nlp.vocab, words=words) for words in contents]):
        vectors_of(doc)


# --- one pass for all ---


def test_two_heads_share_one_pass(make_nlp, monkeypatch):
    nlp = make_nlp("ner", "tagger", "textcat")
    calls = []
    forward = Bert.forward
    monkeypatch.setattr(Bert, "forward", lambda self, *args: calls.append(len(args[0])) or forward(self, *args))
    list(nlp.pipe(SENTENCES))
    assert len(calls) == 1
    nlp.update(make_examples(nlp)[1:])
    assert len(calls) == 2


# --- settings ---


def test_bfloat16_changes_little(make_nlp):
    nlp = make_nlp()
    exact = [vectors_of(doc) for doc in nlp.pipe(SENTENCES)]
    nlp.get_pipe("biobert").precision = "bfloat16"
    rounded = [vectors_of(doc) for doc in nlp.pipe(SENTENCES)]
    differences = [np.abs(a - b).max() for a, b in zip(exact, rounded, strict=True)]
    assert 0 < max(differences) < 0.2
    nlp.get_pipe("biobert").precision = "float32"
    for doc, before in zip(nlp.pipe(SENTENCES), exact, strict=True):
        assert np.array_equal(vectors_of(doc), before)


def test_settings_given_to_load_win_over_stored_ones(make_nlp, tmp_path):
    make_nlp(run={"precision": "bfloat16", "max_batch_pieces": 77}).to_disk(tmp_path)
    stored = spacy.load(tmp_path).get_pipe("biobert")
    assert (stored.precision, stored._shim.run.max_batch_pieces) == ("bfloat16", 77)
    assert stored._shim.runtime.arithmetic == "bfloat16"
    given_ = spacy.load(tmp_path, config={"components": {"biobert": {"precision": "float32"}}}).get_pipe("biobert")
    assert (given_.precision, given_._shim.run.max_batch_pieces) == ("float32", 77)
    assert given_._shim.runtime.arithmetic == "float32"


@pytest.mark.parametrize(
    ("code", "run", "encoder"),
    [
        ("B020", {"device": "cuda:99"}, {}),
        ("B020", {"device": "abacus"}, {}),
        ("B020", {"device": "meta"}, {}),
        ("B021", {"precision": "float8"}, {}),
        ("B024", {"train_precision": "int8"}, {}),
        ("B023", {"max_batch_pieces": 0}, {}),
        ("B015", {}, {"window": 2}),
        ("B015", {}, {"window": 32, "overlap": 15}),
        ("B015", {}, {"overlap": -1}),
        ("B016", {}, {"window": 65}),
    ],
)
def test_settings_without_meaning(make_nlp, code, run, encoder):
    with pytest.raises(ValueError, match=code):
        make_nlp(run=run, **encoder)


def test_a_window_may_be_as_long_as_the_position_table(make_nlp):
    nlp = make_nlp(window=64)
    (batch,) = nlp.get_pipe("biobert")._shim.plan([nlp.make_doc("the " * 62)]).batches
    assert batch.lengths.tolist() == [64]
    vectors_of(nlp("the " * 100))


@pytest.mark.parametrize("option", ["pooling", "save_dtype", "casing"])
def test_words_without_meaning(make_nlp, option):
    """spaCy itself checks a config's words and says which there are; who calls the function hears it from us."""
    with pytest.raises(ConfigValidationError, match=option):
        make_nlp(**{option: "nonsense"})
    with pytest.raises(ValueError, match=rf"\[B0(22|09)\].*{option}.*'nonsense'"):
        build_encoder_v1("somewhere", **{option: "nonsense"})


def test_precision_without_meaning_on_a_loaded_pipeline(nlp):
    with pytest.raises(ValueError, match="B021"):
        nlp.get_pipe("biobert").precision = "float8"
    assert nlp.get_pipe("biobert").precision == "float32"


def test_a_model_that_is_no_encoder():
    nlp = spacy.blank("en")
    with pytest.raises(ValueError, match="B017"):
        nlp.add_pipe("biobert", config={"model": {"@architectures": "spacy.HashEmbedCNN.v2", **{
            "width": 8, "depth": 1, "embed_size": 8, "window_size": 1, "maxout_pieces": 1, "subword_features": False,
            "pretrained_vectors": None}}})  # fmt: skip


def test_use_before_initialize(bert_folder, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("biobert", config={"model": ENCODER | {"name": str(bert_folder)}})
    with pytest.raises(ValueError, match="B030"):
        nlp("text")
    with pytest.raises(ValueError, match="B030"):
        nlp.to_disk(tmp_path)


def test_a_checkpoint_that_is_not_there(make_nlp, tmp_path):
    with pytest.raises(FileNotFoundError, match="B014") as caught:
        make_nlp(folder=tmp_path / "no" / "such" / "folder")
    assert str(tmp_path) in str(caught.value)


# --- copies and disk ---


def test_pipeline_needs_no_checkpoint_once_it_is_stored(make_nlp, broken_folder, tmp_path):
    nlp = make_nlp("ner", folder=broken_folder)
    before = list(nlp.pipe(TEXTS))
    shutil.rmtree(broken_folder)
    nlp.to_disk(tmp_path / "stored")
    (tmp_path / "stored").rename(tmp_path / "moved")
    again = spacy.load(tmp_path / "moved")
    assert_same(before, again.pipe(TEXTS), atol=0)
    names = [path.name for path in (tmp_path / "moved" / "biobert").rglob("*") if path.is_file()]
    assert sorted(names) == ["cfg", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    # Stored over the folder that its weights may still be mapped from.
    again.to_disk(tmp_path / "moved")
    assert_same(before, again.pipe(TEXTS), atol=0)
    assert_same(before, spacy.load(tmp_path / "moved").pipe(TEXTS), atol=0)


@pytest.mark.parametrize("family", ["bert-cased", "roberta", "distilbert", "electra"])
def test_every_family_in_a_pipeline(hf_models, tmp_path, make_nlp, family):
    nlp = make_nlp("tagger", folder=hf_models[family][1])
    nlp.update(make_examples(nlp))
    before = list(nlp.pipe(TEXTS))
    nlp.to_disk(tmp_path)
    assert_same(before, spacy.load(tmp_path).pipe(TEXTS), atol=0)
    assert_same(before, spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes()).pipe(TEXTS), atol=0)


@pytest.mark.parametrize(("save_dtype", "tolerance"), [("float32", 0), ("float16", 0.02), ("int8", 0.2)])
def test_save_dtype(make_nlp, tmp_path, save_dtype, tolerance):
    nlp = make_nlp(save_dtype=save_dtype)
    before = list(nlp.pipe(SENTENCES))
    nlp.to_disk(tmp_path)
    from_disk = spacy.load(tmp_path)
    from_bytes = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert_same(before, from_disk.pipe(SENTENCES), atol=tolerance)
    assert_same(from_disk.pipe(SENTENCES), from_bytes.pipe(SENTENCES), atol=0)
    assert next(from_disk.get_pipe("biobert")._shim.checkpoint.bert.parameters()).dtype == torch.float32


def test_bytes_of_a_pipeline_without_weights(bert_folder):
    nlp = spacy.blank("en")
    nlp.add_pipe("biobert", config={"model": ENCODER | {"name": str(bert_folder), "window": 32}})
    again = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    again.initialize()
    assert vectors_of(again("colon cancer")).any()


@pytest.mark.parametrize("stored", ["disk", "bytes"])
def test_a_checkpoint_that_reads_less_than_its_position_table_is_stored_so(make_nlp, broken_folder, tmp_path, stored):
    """Its tokenizer's settings say so; a pipeline that is stored and loaded may read no longer windows either."""
    (broken_folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 40}))
    with pytest.raises(ValueError, match=r"B016.*41.*40"):
        make_nlp(folder=broken_folder, window=41)
    nlp = make_nlp(folder=broken_folder, window=40)
    if stored == "disk":
        nlp.to_disk(tmp_path / "stored")
        again = spacy.load(tmp_path / "stored")
    else:
        again = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert again.get_pipe("biobert")._shim.checkpoint.max_pieces == 40


def test_a_stored_pipeline_that_lost_a_file(make_nlp, tmp_path):
    make_nlp().to_disk(tmp_path)
    (tmp_path / "biobert" / "model" / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="B001") as caught:
        spacy.load(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("how", [copy.deepcopy, lambda model: model.copy()])
def test_copies_have_weights_of_their_own(make_nlp, how):
    """Copies are exact, even where what is stored is rounded."""
    nlp = make_nlp("tagger", save_dtype="int8", run={"precision": "float32"})
    model = nlp.get_pipe("biobert").model
    docs = [nlp.make_doc(text) for text in SENTENCES]
    before = model.predict(docs)
    twin = how(model)
    for ours, theirs in zip(before, twin.predict(docs), strict=True):
        assert np.array_equal(ours, theirs)
    with torch.no_grad():
        for weights in nlp.get_pipe("biobert")._shim.checkpoint.bert.parameters():
            weights.add_(1.0)
    for ours, theirs in zip(before, twin.predict(docs), strict=True):
        assert np.array_equal(ours, theirs)


def test_deep_copied_pipeline(make_nlp):
    nlp = make_nlp("tagger")
    twin = copy.deepcopy(nlp)
    assert_same(nlp.pipe(TEXTS), twin.pipe(TEXTS), atol=0)
    before = [vectors_of(doc) for doc in nlp.pipe(SENTENCES)]
    for _ in range(2):  # a tagger starts from zeros, and its first gradient is nothing
        twin.update(make_examples(twin))
    for doc, vectors in zip(nlp.pipe(SENTENCES), before, strict=True):
        assert np.array_equal(vectors_of(doc), vectors)
    assert not np.allclose(vectors_of(twin(SENTENCES[0])), before[0], atol=1e-6)


# --- vectors stay behind ---


def test_vectors_are_not_stored_with_docs(nlp):
    doc = nlp(SENTENCES[0])
    doc.user_data["note"] = "kept"
    content = doc.to_bytes()
    assert len(content) < 20_000
    again = Doc(nlp.vocab).from_bytes(content)
    assert again._.trf_data is None
    assert again.user_data["note"] == "kept"
    packed = DocBin(store_user_data=True, docs=[doc]).to_bytes()
    unpacked = next(DocBin().from_bytes(packed).get_docs(nlp.vocab))
    assert unpacked._.trf_data is None
    assert unpacked.user_data["note"] == "kept"
    assert vectors_of(doc).any()  # the doc itself keeps them


def test_data_of_spacy_transformers_is_stored_as_before(nlp):
    doc = nlp.make_doc("two words")
    doc._.trf_data = TransformerData.zeros(2, 4)
    again = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    assert type(again._.trf_data) is TransformerData
    assert again._.trf_data.model_output["last_hidden_state"].shape == (1, 2, 4)


def test_docs_without_tokens_have_empty_data():
    data = TokenVectors.from_array(np.zeros((0, 8), dtype="f"))
    assert not data.model_output
    assert not len(data.align.lengths)


def test_memory_zone(nlp):
    expected = vectors_of(nlp(SENTENCES[1]))
    for _ in range(3):
        with nlp.memory_zone():
            doc = nlp(SENTENCES[1] + " unheardof")
            assert vectors_of(doc)[:-1].shape == expected.shape
            del doc
    assert np.allclose(vectors_of(nlp(SENTENCES[1])), expected, atol=1e-5)


# --- beside others ---


def test_wildcard_listener_with_two_encoders_is_refused(bert_folder):
    for first, second in (("transformer", "biobert"), ("biobert", "transformer")):
        nlp = spacy.blank("en")
        nlp.add_pipe(first)
        nlp.add_pipe(second)
        with pytest.raises(ValueError, match="B018") as caught:
            add_head(nlp, "ner")
        assert "'transformer'" in str(caught.value)
        assert "'ner'" in str(caught.value)


def test_named_listeners_with_two_encoders_are_fine():
    for first, second in (("transformer", "biobert"), ("biobert", "transformer")):
        nlp = spacy.blank("en")
        nlp.add_pipe(first)
        add_head(nlp, "tagger", upstream=first)
        nlp.add_pipe(second)
        add_head(nlp, "ner", upstream=second)
        assert nlp.get_pipe(first).listening_components == ["tagger"]
        assert nlp.get_pipe(second).listening_components == ["ner"]


def test_a_head_behind_another_encoder_than_its_own_is_refused():
    """It would be trained on its own encoder's vectors, and predict from the other's."""
    for first, second in (("transformer", "biobert"), ("biobert", "transformer")):
        nlp = spacy.blank("en")
        nlp.add_pipe(first)
        nlp.add_pipe(second)
        with pytest.raises(ValueError, match=rf"B035.*'{first}'.*before '{second}'"):
            add_head(nlp, "tagger", upstream=first)


def test_two_of_these_encoders():
    nlp = spacy.blank("en")
    nlp.add_pipe("biobert", name="one")
    add_head(nlp, "tagger", upstream="one")
    nlp.add_pipe("biobert", name="two")
    add_head(nlp, "ner", upstream="two")
    assert [nlp.get_pipe(name).listening_components for name in ("one", "two")] == [["tagger"], ["ner"]]
    with pytest.raises(ValueError, match="B018"):
        add_head(nlp, "morphologizer")
    nlp.remove_pipe("morphologizer")
    with pytest.raises(ValueError, match="B035"):
        add_head(nlp, "senter", upstream="one")


@pytest.mark.parametrize("upstream", ["*", "biobert"])
def test_an_encoder_that_is_disabled_is_no_rival(make_nlp, bert_folder, upstream):
    nlp = make_nlp()
    nlp.add_pipe("biobert", name="other", config={"model": ENCODER | {"name": str(bert_folder), "window": 32}})
    with nlp.select_pipes(disable=["other"]):
        add_head(nlp, "tagger", upstream=upstream)
        nlp.initialize(lambda: make_examples(nlp))
        assert nlp.get_pipe("biobert").listening_components == ["tagger"]
        assert learns(nlp)


def test_an_encoder_that_was_removed_is_no_rival():
    nlp = spacy.blank("en")
    nlp.add_pipe("biobert")
    nlp.add_pipe("transformer")
    nlp.remove_pipe("transformer")
    add_head(nlp, "tagger")
    assert nlp.get_pipe("biobert").listening_components == ["tagger"]


# --- errors that a handler takes ---


def test_docs_that_failed_do_not_go_on(make_nlp, monkeypatch):
    nlp = make_nlp("tagger")
    encoder, failed = nlp.get_pipe("biobert"), []
    predict = encoder.predict

    def fail(docs):
        if any(doc.text == SENTENCES[1] for doc in docs):
            raise MemoryError("too long")
        return predict(docs)

    monkeypatch.setattr(encoder, "predict", fail)
    nlp.set_error_handler(lambda name, pipe, docs, error: failed.extend((name, doc.text) for doc in docs))
    texts = [doc.text for doc in nlp.pipe(SENTENCES, batch_size=1)]
    assert texts == [text for text in SENTENCES if text != SENTENCES[1]]
    assert failed == [("biobert", SENTENCES[1])]


def test_listeners_come_and_go(make_nlp):
    nlp = make_nlp("ner", "tagger")
    encoder = nlp.get_pipe("biobert")
    assert encoder.listening_components == ["ner", "tagger"]
    listener = encoder.listener_map["ner"][0]
    assert encoder.remove_listener(listener, "ner")
    assert not encoder.remove_listener(listener, "ner")
    assert encoder.listening_components == ["tagger"]
    nlp.remove_pipe("tagger")
    assert encoder.listening_components == ["ner"]  # pipelines find their listeners anew


def test_config_with_a_listener_reads_like_spacy_transformers():
    assert LISTENER["@architectures"].startswith("spacy-transformers.")
    assert "doc._.trf_data" in spacy.blank("en").get_factory_meta("biobert").assigns


def test_another_of_these_encoders_that_was_removed_is_no_rival(bert_folder):
    nlp = spacy.blank("en")
    config = {"model": {"@architectures": "spacy_biobert.Encoder.v1", "name": str(bert_folder), "window": 32}}
    nlp.add_pipe("biobert", name="first", config=config)
    nlp.add_pipe("biobert", name="second", config=config)
    other = spacy.blank("en")
    other.add_pipe("second", source=nlp)
    add_head(other, "tagger")
    assert other.get_pipe("second").listening_components == ["tagger"]
    nlp.remove_pipe("first")
    add_head(nlp, "tagger")
    assert nlp.get_pipe("second").listening_components == ["tagger"]
    assert pickle.loads(pickle.dumps(nlp.get_pipe("second"))).name == "second"


def test_a_head_that_was_disabled_is_trained(make_nlp, tmp_path):
    """spaCy connects enabled components only, and `enable_pipe` makes no good of it."""
    make_nlp("tagger").to_disk(tmp_path)
    nlp = spacy.load(tmp_path, disable=["tagger"])
    nlp.enable_pipe("tagger")
    encoder = nlp.get_pipe("biobert")
    assert encoder.listening_components == []
    before = encoder.model.predict([nlp.make_doc("a cold")])[0]
    assert learns(nlp)
    assert not np.array_equal(encoder.model.predict([nlp.make_doc("a cold")])[0], before)


@pytest.mark.parametrize("copied", [False, True])
def test_a_head_that_was_disabled_is_trained_beside_another(make_nlp, tmp_path, copied):
    make_nlp("tagger", "textcat").to_disk(tmp_path)
    nlp = spacy.load(tmp_path, disable=["tagger"])
    if copied:
        nlp = copy.deepcopy(nlp)
    nlp.enable_pipe("tagger")
    assert nlp.get_pipe("biobert").listening_components == ["textcat"]
    assert learns(nlp)
    assert sorted(nlp.get_pipe("biobert").listening_components) == ["tagger", "textcat"]


def test_a_head_that_is_added_while_another_is_disabled_is_trained_beside_it(make_nlp):
    nlp = make_nlp("tagger")
    with nlp.select_pipes(disable=["tagger"]):
        add_head(nlp, "textcat")
        nlp.get_pipe("textcat").initialize(lambda: make_examples(nlp), nlp=nlp)
    assert learns(nlp)
    assert sorted(nlp.get_pipe("biobert").listening_components) == ["tagger", "textcat"]


def test_an_encoder_that_was_sourced_does_not_serve_the_heads_of_its_source(make_nlp):
    nlp = make_nlp("tagger")
    other = spacy.blank("en")
    other.add_pipe("biobert", source=nlp)
    add_head(other, "textcat")
    other.get_pipe("textcat").initialize(lambda: make_examples(other), nlp=other)
    assert learns(other)
    assert other.get_pipe("biobert").listening_components == ["textcat"]


@pytest.fixture
def narrow_folder(bert_folder, tmp_path):
    """A checkpoint with the same vocabulary as `bert_folder`, half as wide."""
    import transformers

    folder = tmp_path / "narrow"
    config = transformers.BertConfig.from_pretrained(bert_folder)
    config.hidden_size = 16
    transformers.BertModel(config).save_pretrained(folder)
    shutil.copy(bert_folder / "vocab.txt", folder)
    return folder


def test_a_head_of_an_encoder_of_another_width_is_refused(make_nlp, narrow_folder):
    """By thinc it would be "Shape mismatch for blis.gemm", when a text is annotated."""
    wide, narrow = make_nlp("tagger"), make_nlp(folder=narrow_folder)
    with pytest.raises(ValueError, match=r"\[B036\] 'tagger'.*width 32.*'biobert' makes them 16 wide"):
        narrow.add_pipe("tagger", source=wide)


def test_weights_of_another_width_are_refused(make_nlp, narrow_folder, tmp_path):
    make_nlp("tagger").to_disk(tmp_path / "wide")
    with pytest.raises(ValueError, match=r"\[B037\].*width 32.*width 16.*spacy.load"):
        make_nlp("tagger", folder=narrow_folder).from_disk(tmp_path / "wide")


def test_a_sourced_head_learns_with_a_new_encoder(make_nlp, tmp_path):
    """As `spacy train` initializes: what was sourced is disabled for that while."""
    nlp = make_nlp("tagger")
    with nlp.select_pipes(disable=["tagger"]):
        nlp.initialize(lambda: make_examples(nlp))
    assert learns(nlp)


def test_a_sourced_head_learns_with_a_new_encoder_beside_a_new_head(make_nlp):
    nlp = make_nlp("tagger", "textcat")
    with nlp.select_pipes(disable=["tagger"]):
        nlp.initialize(lambda: make_examples(nlp))
    assert learns(nlp)


def learns(nlp):
    """Tell whether a gradient reaches the encoder; by the second step, for a head's weights are zeros at first."""
    optimizer = Adam(0.01)
    nlp.update(make_examples(nlp), sgd=optimizer)
    return nlp.update(make_examples(nlp), sgd=optimizer)["biobert"] > 0


def test_scores_of_arithmetics_end_with_the_weights_that_they_are_of(make_nlp):
    """Training that goes on must not be done, or used, in an arithmetic that was scored on other weights."""
    nlp = make_nlp("tagger")
    encoder = nlp.get_pipe("biobert")
    encoder.precision_scores = {"float32": 0.9, "bfloat16": 0.9, "int8": 0.9}
    assert learns(nlp)
    assert encoder.precision_scores == {}


def test_scores_of_arithmetics_live_in_a_copy(make_nlp):
    nlp = make_nlp("tagger")
    encoder = nlp.get_pipe("biobert")
    encoder.precision_scores = {"float32": 0.9, "int8": 0.8}
    shim = encoder_shim(encoder.model)
    again = EncoderShim(shim.settings).from_bytes(shim.to_bytes())
    assert again.precision_scores == encoder.precision_scores
