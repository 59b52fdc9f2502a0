"""A trimmed encoder computes what the whole one computes, and can still spell every word."""

import json
from collections import Counter

import pytest
import torch
from tiny import SENTENCES, SPECIAL, WORDS, encode
from tokenizers import processors

from spacy_biobert.encoder.checkpoints import load_checkpoint
from spacy_biobert.pretraining.vocabulary import count_pieces, count_words, extend_vocabulary, trim_vocabulary

TEXTS = ["The patient of the patient", "cancer; the gene", "colitis"]


@pytest.fixture(scope="module", params=["bert", "bert-cased"])
def whole(request, hf_models):
    return load_checkpoint(hf_models[request.param][1])


@pytest.fixture
def words(whole):
    return count_words(TEXTS, whole.tokenizer.tokenizer)


def smallest_size(checkpoint):
    vocab = checkpoint.tokenizer.tokenizer.get_vocab()
    return len(SPECIAL) + sum(len(piece.removeprefix("##")) == 1 for piece in vocab)


def pieces_of(checkpoint, word):
    return [checkpoint.tokenizer.tokenizer.id_to_token(i) for i in checkpoint.tokenizer.pieces(word, after_space=True)]


def test_words_are_counted_as_the_tokenizer_splits_them(hf_models):
    uncased = load_checkpoint(hf_models["bert"][1]).tokenizer.tokenizer
    assert count_words(["The the, THE"], uncased) == {"the": 3, ",": 1}
    cased = load_checkpoint(hf_models["bert-cased"][1]).tokenizer.tokenizer
    assert count_words(["The the"], cased) == {"The": 1, "the": 1}


def test_pieces_are_counted_with_their_words(hf_models):
    tokenizer = load_checkpoint(hf_models["bert"][1]).tokenizer.tokenizer
    counts = count_pieces(Counter({"colitis": 3, "the": 2}), tokenizer)
    named = {tokenizer.id_to_token(i): count for i, count in counts.items()}
    assert named == {"c": 3, "##o": 3, "##l": 3, "##itis": 3, "the": 2}


def test_the_most_frequent_pieces_stay(whole, words):
    trimmed = trim_vocabulary(whole, words, smallest_size(whole) + 3)
    kept = {word for word in WORDS if word in trimmed.tokenizer.tokenizer.get_vocab()}
    assert len(kept) + ("The" in trimmed.tokenizer.tokenizer.get_vocab()) == 3
    assert {"the", "patient"} <= kept
    assert trimmed.bert.config.vocab_size == smallest_size(whole) + 3


@pytest.mark.parametrize("extra", [0, 4, 1000])
def test_hidden_states_stay_where_the_pieces_do(whole, words, extra):
    before = whole.tokenizer.to_json()
    trimmed = trim_vocabulary(whole, words, smallest_size(whole) + extra)
    assert whole.tokenizer.to_json() == before  # the whole one is left as it is
    # Words of single characters are spelled alike by both, whatever has been dropped.
    names = ["q", "##x", "7", "."]
    vectors = []
    for checkpoint in (whole, trimmed):
        special = {role: getattr(checkpoint.tokenizer, role) for role in ("cls", "sep", "pad")}
        ids = [checkpoint.tokenizer.tokenizer.token_to_id(name) for name in names]
        vectors.append(encode(checkpoint.bert, [ids], **special))
    assert torch.equal(*vectors)


def test_nothing_becomes_unknown(whole, words):
    trimmed = trim_vocabulary(whole, words, smallest_size(whole))
    for text in SENTENCES:
        for word in text.split():
            assert "[UNK]" not in pieces_of(trimmed, word)
            spelled = "".join(piece.removeprefix("##") for piece in pieces_of(trimmed, word))
            assert spelled.lower() == word.lower()


def test_trimmed_encoder_round_trips(whole, words, tmp_path):
    trimmed = trim_vocabulary(whole, words, smallest_size(whole) + 2)
    trimmed.save(tmp_path)
    again = load_checkpoint(tmp_path, settled=True)
    assert again.bert.config == trimmed.bert.config
    for role in ("cls", "sep", "pad", "unk"):
        assert getattr(again.tokenizer, role) == getattr(trimmed.tokenizer, role)
    for word in ("colitis", "the", "BRCA1"):
        assert pieces_of(again, word) == pieces_of(trimmed, word)
    assert json.loads((tmp_path / "config.json").read_text())["vocab_size"] == smallest_size(whole) + 2
    # A folder made by hand is judged by its vocabulary; this one still passes that.
    assert load_checkpoint(tmp_path).max_pieces == whole.max_pieces


@pytest.mark.parametrize("kind", ["template", "bert"])
def test_closing_step_gets_the_new_ids(whole, words, kind):
    tokenizer = whole.tokenizer.tokenizer
    cls, sep = ("[CLS]", whole.tokenizer.cls), ("[SEP]", whole.tokenizer.sep)
    tokenizer.post_processor = (
        processors.BertProcessing(sep, cls)
        if kind == "bert"
        else processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[cls, sep])
    )
    trimmed = trim_vocabulary(whole, words, smallest_size(whole) + 2)
    encoded = trimmed.tokenizer.tokenizer.encode("the")
    assert encoded.tokens == ["[CLS]", "the", "[SEP]"]
    assert encoded.ids[0] == trimmed.tokenizer.cls
    assert encoded.ids[-1] == trimmed.tokenizer.sep


def test_words_that_cost_most_get_pieces_of_their_own(whole):
    """A word of four pieces seen twice costs six more than one of its own would, one of two seen four times, four."""
    table = whole.bert.embeddings.word.weight.detach()
    words = Counter({"ab": 4, "qzxw": 2, "the": 100})
    spelled = [whole.tokenizer.tokenizer.token_to_id(piece) for piece in ("q", "##z", "##x", "##w")]
    extended = extend_vocabulary(whole, words, len(table) + 1)
    assert pieces_of(extended, "qzxw") == ["qzxw"]
    assert pieces_of(extended, "ab") == pieces_of(whole, "ab") == ["a", "##b"]
    ours = extended.bert.embeddings.word.weight.detach()
    assert torch.equal(ours[:-1], table)
    torch.testing.assert_close(ours[-1], table[spelled].mean(dim=0))
    # As many as there is room for, and no more than the text has.
    assert extend_vocabulary(whole, words, len(table) + 9).bert.config.vocab_size == len(table) + 2


def test_too_small_a_size(whole, words):
    with pytest.raises(ValueError, match=rf"B411.*{smallest_size(whole)}"):
        trim_vocabulary(whole, words, smallest_size(whole) - 1)


def test_other_kinds_of_vocabulary(hf_models):
    with pytest.raises(ValueError, match=r"B410.*BPE"):
        trim_vocabulary(load_checkpoint(hf_models["roberta"][1]), Counter(), 1000)
