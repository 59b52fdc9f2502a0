import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.linking.normalization import name_words, normalize_name


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Ataxia-Telangiectasias", "ataxia telangiectasia"),
        ("\N{GREEK SMALL LETTER ALPHA}-Thalassaemia, type II", "alpha thalassemia type 2"),
        ("β thalassemia", "beta-thalassemia"),
        ("Ά-thalassemia", "alpha thalassemia"),
        ("µ-opioid", "mu opioid"),
        ("\N{GREEK SMALL LETTER FINAL SIGMA} factor", "\N{GREEK SMALL LETTER SIGMA} factor"),
        ("Wilson's disease", "wilson disease"),
        ("Wilson\u2019s Disease", "WILSON DISEASE"),
        ("tumours", "Tumor"),
        ("Haemophilia", "hemophilia"),
        ("oedema", "edema"),
        ("Neuropathies", "neuropathy"),
        ("abscesses", "abscess"),
        ("Sjögren Syndrome", "sjogren syndrome"),
        ("type Ⅱ", "type 2"),
        ("spastic  paraplegia\n(IX)", "Spastic paraplegia 9"),
        ("ﬁbrosis", "fibrosis"),
    ],
)
def test_forms_of_one_name(text, other):
    assert normalize_name(text) == normalize_name(other)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("X-linked ichthyosis", "10 linked ichthyosis"),
        ("diabetes type 1", "diabetes type 2"),
        ("Fanconi anemia", "Anemia, Fanconi"),
        ("virus", "viru"),
        ("paralysis", "paralysi"),
    ],
)
def test_names_that_stay_apart(text, other):
    assert normalize_name(text) != normalize_name(other)


def test_no_words():
    assert name_words("") == name_words(" \n\t") == name_words("+/- (…) 🙂") == ()


@given(st.text())
def test_any_text(text):
    words = name_words(text)
    assert all(word and not any(character.isspace() for character in word) for word in words)
    assert name_words(text) == words


@given(st.text(alphabet=st.characters(codec="ascii")))
def test_case_does_not_count(text):
    assert name_words(text.upper()) == name_words(text.lower())


@given(st.lists(st.text(alphabet="abcXYZ βδ9", min_size=1), max_size=5))
def test_words_come_one_by_one(parts):
    assert name_words(", ".join(parts)) == sum((name_words(part) for part in parts), ())
