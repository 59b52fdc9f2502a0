import re
import unicodedata

import pytest
import spacy
from hypothesis import example, given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.util import load_model_from_config, registry

from spacy_biobert.corpora.tokenizer import blank_pipeline, make_tokenizer

CONFIG = """
[paths]
train = null

[nlp]
lang = "en"
pipeline = ["ner"]

[nlp.tokenizer]
@tokenizers = "spacy_biobert.Tokenizer.v1"
split_numbers = true

[components]

[components.ner]
factory = "no such factory"

[corpora]

[corpora.train]
@readers = "spacy.Corpus.v1"
path = ${paths.train}
"""


def pipeline(**options) -> Language:
    config = {"nlp": {"lang": "en", "tokenizer": {"@tokenizers": "spacy_biobert.Tokenizer.v1", **options}}}
    return load_model_from_config(config, auto_fill=True)


NLP = pipeline()
NLP_NUMBERS = pipeline(split_numbers=True)
HARD = "The CYP)-induced (3.5 mg/kg) 1,25-(OH)2D3/TNF-\u03b1_rise, p<0.001; [Ca]2+ ... 'x'.\n\n  10,000 na\u0308ive.5."


def words(nlp: Language, text: str) -> list[str]:
    return [token.text for token in nlp(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CYP)-induced", "CYP ) - induced"),
        ("heparin-induced thrombocytopenia.", "heparin - induced thrombocytopenia ."),
        ("BRCA1/2 (IL-2)", "BRCA1 / 2 ( IL - 2 )"),
        ("3.5 mg, 10,000 p<0.001.", "3.5 mg , 10,000 p < 0.001 ."),
        ("1,25-dihydroxy", "1,25 - dihydroxy"),
        (".5 a.5 5.a 5. a,b ..", ". 5 a . 5 5 . a 5 . a , b . ."),
        ("x_1 TNF-\u03b1→β ±2°C", "x _ 1 TNF - \u03b1 → β ± 2 ° C"),
        ("don't", "don ' t"),
        ("http://a.org", "http : / / a . org"),
    ],
)
def test_punctuation_is_cut_off_and_numbers_stay_whole(text, expected):
    assert words(NLP, text) == expected.split()


def test_numbers_can_be_cut_too():
    assert words(NLP_NUMBERS, "3.5 (1,25)") == ["3", ".", "5", "(", "1", ",", "25", ")"]
    assert words(NLP_NUMBERS, "CYP)-induced.") == ["CYP", ")", "-", "induced", "."]


def test_accents_and_joiners_stay_with_their_letter():
    assert words(NLP, "nai\u0308ve co\u00adop \u03b1\u0301") == ["nai\u0308ve", "co\u00adop", "\u03b1\u0301"]


@given(st.text() | st.text(st.sampled_from("aB1.,-/()[]_ \n\té\u2019\u0308")))
@example("0.0¹ 3.5mg p1.1a,1")
@pytest.mark.parametrize("nlp", [NLP, NLP_NUMBERS])
def test_any_text_survives_and_no_token_mixes_words_and_marks(nlp, text):
    doc = nlp.tokenizer(text)
    assert doc.text == text
    for token in doc:
        # A point or comma stays in its number, and so in what is written together with it: "3.5mg".
        rest = re.sub(r"(?<=[0-9])[.,](?=[0-9])", "", token.text) if nlp is NLP else token.text
        assert len(token) == 1 or not any(unicodedata.category(char).startswith("P") for char in rest)


@given(st.text(st.sampled_from("aB1.,-/() \n_"), max_size=40))
@pytest.mark.parametrize("nlp", [NLP, NLP_NUMBERS])
def test_explanation_agrees(nlp, text):
    explained = [word for _, word in nlp.tokenizer.explain(text)]
    assert explained == [token.text for token in nlp.tokenizer(text) if not token.is_space]


@pytest.mark.parametrize("nlp", [NLP, NLP_NUMBERS])
def test_survives_storage(nlp, tmp_path):
    expected = words(nlp, HARD)
    nlp.to_disk(tmp_path)
    assert words(spacy.load(tmp_path), HARD) == expected
    assert words(spacy.blank("en").from_bytes(nlp.to_bytes()), HARD) == expected
    tokenizer = make_tokenizer()(nlp)
    tokenizer.from_bytes(nlp.tokenizer.to_bytes())
    assert [token.text for token in tokenizer(HARD)] == expected


def test_registered():
    assert registry.tokenizers.get("spacy_biobert.Tokenizer.v1") is make_tokenizer


def test_long_runs_take_linear_time():
    for text in ("-" * 100_000, "a" * 100_000, "a-" * 50_000, "1." * 50_000):
        assert NLP.tokenizer(text).text == text


def test_pipeline_that_tokenizes_as_a_config_says(tmp_path):
    config = tmp_path / "config.cfg"
    config.write_text(CONFIG, encoding="utf8")
    nlp = blank_pipeline(config)
    assert nlp.pipe_names == []
    assert [token.text for token in nlp.make_doc("(3.5)")] == ["(", "3", ".", "5", ")"]
    assert [token.text for token in blank_pipeline().make_doc("(3.5)")] == ["(", "3.5", ")"]


def test_config_without_a_language(tmp_path):
    config = tmp_path / "config.cfg"
    config.write_text("[training]\nseed = 0\n", encoding="utf8")
    with pytest.raises(ValueError, match=r"\[B332\] '.*config\.cfg' has no \[nlp\] section"):
        blank_pipeline(config)
    with pytest.raises(FileNotFoundError, match=r"\[B301\]"):
        blank_pipeline(tmp_path / "absent.cfg")
