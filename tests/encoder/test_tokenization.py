"""The vocabulary decides the casing, and pieces are those of Hugging Face's own tokenizers."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import CASED_WORDS, SPECIAL, WORDS, train_bpe, write_vocabulary
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from spacy_biobert.encoder.checkpoints import load_checkpoint
from spacy_biobert.encoder.tokenization import load_tokenizer

TEXTS = [
    "the",
    "Patient",
    "BRCA1",
    "colitis",
    "naïve",
    "Müller",
    "p53-mutation",
    "癌",
    "x" * 120,
    "[MASK]",
    "β-catenin",
]


def write_tokenizer_json(folder, *, cased: bool, normalizer) -> None:
    pieces = [*SPECIAL, *"abcdefgh", *WORDS, *([*"ABC", *CASED_WORDS] if cased else [])]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))


def names(pieces, word):
    return [pieces.tokenizer.id_to_token(i) for i in pieces.pieces(word, after_space=True)]


# --- casing ---


def test_cased_vocabulary_without_settings_keeps_capitals(tmp_path):
    write_vocabulary(tmp_path, cased=True)
    assert names(load_tokenizer(tmp_path), "BRCA") == ["BRCA"]


def test_uncased_vocabulary_without_settings_lowers_and_strips_accents(tmp_path):
    write_vocabulary(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    assert names(tokenizer, "Patient") == ["patient"]
    assert names(tokenizer, "Tïtis") == ["t", "##itis"]


def test_an_added_token_does_not_make_a_vocabulary_cased(tmp_path):
    """Fine-tuned models often have one in the place of names: @GENE$."""
    write_tokenizer_json(tmp_path, cased=False, normalizer=normalizers.BertNormalizer(lowercase=True))
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    tokenizer.add_tokens(["@GENE$"])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    loaded = load_tokenizer(tmp_path)
    assert names(loaded, "Patient") == names(loaded, "patient")
    assert names(loaded, "@GENE$") == ["@GENE$"]


def test_cased_vocabulary_keeps_accents(tmp_path):
    write_vocabulary(tmp_path, cased=True)
    assert names(load_tokenizer(tmp_path), "é") == ["[UNK]"]


@pytest.mark.parametrize("settings", [{"do_lower_case": False}, {"do_lower_case": None}, {}])
def test_settings_that_agree_with_a_cased_vocabulary(tmp_path, settings):
    write_vocabulary(tmp_path, cased=True, settings=settings)
    assert names(load_tokenizer(tmp_path), "The") == ["The"]


def test_cased_vocabulary_with_lowering_settings_is_an_error(tmp_path):
    write_vocabulary(tmp_path, cased=True, settings={"do_lower_case": True})
    with pytest.raises(ValueError, match="B012") as caught:
        load_tokenizer(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert names(load_tokenizer(tmp_path, "keep"), "BRCA") == ["BRCA"]
    assert names(load_tokenizer(tmp_path, "lower"), "The") == ["the"]


def test_uncased_vocabulary_with_keeping_settings_is_an_error(tmp_path):
    write_vocabulary(tmp_path, settings={"do_lower_case": False})
    with pytest.raises(ValueError, match="B013") as caught:
        load_tokenizer(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert names(load_tokenizer(tmp_path, "lower"), "The") == ["the"]
    assert names(load_tokenizer(tmp_path, "keep"), "The") == ["[UNK]"]


@pytest.mark.parametrize("casing", ["auto", "keep", "lower"])
@pytest.mark.parametrize("cased", [True, False])
@pytest.mark.parametrize("lowers", [True, False])
def test_tokenizer_json_is_checked_and_overruled_too(tmp_path, casing, cased, lowers):
    write_tokenizer_json(tmp_path, cased=cased, normalizer=normalizers.BertNormalizer(lowercase=lowers))
    if casing == "auto" and cased == lowers:
        with pytest.raises(ValueError, match="B012" if cased else "B013"):
            load_tokenizer(tmp_path, casing)
        return
    tokenizer = load_tokenizer(tmp_path, casing)
    expected = lowers if casing == "auto" else casing == "lower"
    assert names(tokenizer, "The") == (["the"] if expected else ["The"] if cased else ["[UNK]"])


def test_what_tokenizer_json_does_counts_not_what_a_second_file_says(tmp_path):
    write_tokenizer_json(tmp_path, cased=True, normalizer=normalizers.BertNormalizer(lowercase=False))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}))
    assert names(load_tokenizer(tmp_path), "The") == ["The"]


@pytest.mark.parametrize("normalizer", [None, normalizers.NFC()])
def test_other_normalizers_are_made_to_lower(tmp_path, normalizer):
    write_tokenizer_json(tmp_path, cased=False, normalizer=normalizer)
    with pytest.raises(ValueError, match="B013"):
        load_tokenizer(tmp_path)
    assert names(load_tokenizer(tmp_path, "lower"), "The") == ["the"]


def test_lowering_that_cannot_be_undone_is_said(tmp_path):
    steps = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    write_tokenizer_json(tmp_path, cased=True, normalizer=steps)
    with pytest.raises(ValueError, match="B012"):
        load_tokenizer(tmp_path)
    with pytest.raises(ValueError, match="B019") as caught:
        load_tokenizer(tmp_path, "keep")
    assert str(tmp_path) in str(caught.value)
    assert names(load_tokenizer(tmp_path, "lower"), "The") == ["the"]


def test_casing_without_meaning(tmp_path):
    with pytest.raises(ValueError, match=r"B009.*'upper'"):
        load_tokenizer(tmp_path, "upper")


def test_casing_survives_storing(hf_models, tmp_path):
    load_checkpoint(hf_models["bert-cased"][1], casing="lower").save(tmp_path)
    again = load_checkpoint(tmp_path, settled=True)
    assert names(again.tokenizer, "The") == ["the"]


# --- pieces ---


@pytest.mark.parametrize("cased", [True, False])
def test_pieces_equal_hugging_face(tmp_path, cased):
    from transformers import BertTokenizerFast

    write_vocabulary(tmp_path, cased=cased)
    theirs = BertTokenizerFast(str(tmp_path / "vocab.txt"), do_lower_case=not cased)
    ours = load_tokenizer(tmp_path)
    for word in TEXTS:
        assert ours.pieces(word, after_space=True) == theirs.encode(word, add_special_tokens=False), word


@pytest.mark.parametrize("said", [{"strip_accents": False}, {"tokenize_chinese_chars": False}])
def test_settings_beside_a_word_list_are_followed(tmp_path, said):
    from transformers import BertTokenizerFast

    write_vocabulary(tmp_path, settings=said)
    with (tmp_path / "vocab.txt").open("a", encoding="utf8") as file:
        file.write("##癌\n##ï\n##癌癌\n")
    theirs = BertTokenizerFast(str(tmp_path / "vocab.txt"), do_lower_case=True, **said)
    ours = load_tokenizer(tmp_path)
    for word in ("Tïtis", "a癌", "a癌癌"):
        assert ours.pieces(word, after_space=True) == theirs.encode(word, add_special_tokens=False), word


def test_a_tokenizer_that_cuts_and_pads_does_neither_here(tmp_path):
    """Sentence encoders are published with both; windows are made of all pieces, and a word has no padding."""
    write_tokenizer_json(tmp_path, cased=False, normalizer=normalizers.BertNormalizer(lowercase=True))
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=6)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    loaded = load_tokenizer(tmp_path)
    words = ["the", "gene", "of", "patient", "the", "gene"]
    assert names(loaded, " ".join(words)) == words
    assert names(loaded, "the") == ["the"]
    written = json.loads(loaded.to_json())
    assert (written["truncation"], written["padding"]) == (None, None)


def test_byte_level_pieces_equal_hugging_face_on_running_text(hf_models):
    from transformers import RobertaTokenizerFast

    folder = hf_models["roberta"][1]
    theirs = RobertaTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"))
    ours = load_tokenizer(folder)
    # Running text, cut as spaCy cuts it: no space stands before the full stop.
    text = [("colon", True), ("cancer", True), ("of", True), ("BRCA1", True), (".", False)]
    pieces = [piece for word, after in text for piece in ours.pieces(word, after_space=after)]
    assert pieces == theirs.encode(" colon cancer of BRCA1.", add_special_tokens=False)


def test_lines_of_a_vocabulary_end_at_newlines_alone(tmp_path):
    """Some vocabularies have separators as pieces; splitting there would shift every piece after them."""
    lines = [*SPECIAL, "\u2028", "\x85", "\x1c", "the"]
    (tmp_path / "vocab.txt").write_text("\n".join(lines) + "\n", encoding="utf8")
    assert load_tokenizer(tmp_path).pieces("the", after_space=True) == [len(lines) - 1]


def test_windows_line_ends(tmp_path):
    (tmp_path / "vocab.txt").write_bytes("\r\n".join([*SPECIAL, "the", "of"]).encode())
    assert load_tokenizer(tmp_path).pieces("of", after_space=True) == [len(SPECIAL) + 1]


@settings(max_examples=100, deadline=None)
@given(word=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30), after=st.booleans())
@pytest.mark.parametrize("family", ["bert", "bert-cased", "roberta"])
def test_any_word_has_pieces_within_the_vocabulary(hf_models, family, word, after):
    tokenizer = tokenizers_of(hf_models, family)
    pieces = tokenizer.pieces(word, after_space=after)
    assert all(0 <= piece < tokenizer.tokenizer.get_vocab_size() for piece in pieces)
    if word.isascii() and word.isalnum():
        assert pieces


_LOADED = {}


def tokenizers_of(hf_models, family):
    if family not in _LOADED:
        _LOADED[family] = load_tokenizer(hf_models[family][1])
    return _LOADED[family]


# --- lengths ---


@pytest.mark.parametrize(("said", "expected"), [(None, 64), (1e30, 64), (int(1e30), 64), (-1, 64), (0, 64), (40, 40)])
def test_longest_window(broken_folder, said, expected):
    (broken_folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": said}))
    assert load_checkpoint(broken_folder).max_pieces == expected


def test_longest_window_of_roberta_leaves_out_the_offset(hf_models):
    assert load_checkpoint(hf_models["roberta"][1]).max_pieces == 64


# --- damage ---


def test_no_vocabulary(broken_folder):
    (broken_folder / "vocab.txt").unlink()
    with pytest.raises(FileNotFoundError, match="B007") as caught:
        load_checkpoint(broken_folder)
    assert str(broken_folder) in str(caught.value)


def test_vocabulary_without_special_pieces(tmp_path):
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\nthe\n")
    with pytest.raises(ValueError, match=r"B008.*\[SEP\]") as caught:
        load_tokenizer(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("content", ["{", "[]", '"text"', "\xff"])
@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_damaged_tokenizer_files(broken_folder, name, content):
    (broken_folder / name).write_bytes(content.encode("latin1"))
    with pytest.raises(ValueError, match="B002") as caught:
        load_tokenizer(broken_folder)
    assert str(broken_folder / name) in str(caught.value)


def test_damaged_merges(tmp_path):
    train_bpe(tmp_path)
    (tmp_path / "merges.txt").write_text("one two three four\n")
    with pytest.raises(ValueError, match="B002") as caught:
        load_tokenizer(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("cased", [False, True])
def test_a_stored_tokenizer_keeps_its_casing_in_other_tools(hf_models, tmp_path, cased):
    from transformers import AutoTokenizer

    from spacy_biobert.encoder.checkpoints import load_checkpoint

    checkpoint = load_checkpoint(hf_models["bert-cased" if cased else "bert"][1])
    checkpoint.save(tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    for word in ("Gene", "gene", "BRCA"):
        assert theirs(word, add_special_tokens=False)["input_ids"] == checkpoint.tokenizer.pieces(
            word, after_space=False
        )
