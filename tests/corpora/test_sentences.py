from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.corpora.sentences import sentence_starts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  ", []),
        ("  One. Two? (Three.) [Four!] 5 is last.", ["One.", "Two?", "(Three.)", "[Four!]", "5 is last."]),
        ('He said "yes." Then E. coli grew.', ['He said "yes."', "Then E. coli grew."]),
        ("Seen in Fig. 2 (Smith et al. 1999) vs. Wilson.", ["Seen in Fig. 2 (Smith et al. 1999) vs. Wilson."]),
        ("A rise (P = 0. 05). Doses of 3.5 mg.", ["A rise (P = 0. 05).", "Doses of 3.5 mg."]),
        ("It ended.. β-Blockers helped. p53 did not.", ["It ended..", "β-Blockers helped. p53 did not."]),
        ("This was final. The end.", ["This was final.", "The end."]),
    ],
)
def test_sentences(text, expected):
    starts = sentence_starts(text)
    assert [text[start:end].strip() for start, end in pairwise([*starts, len(text)])] == expected


@given(st.text(st.sampled_from('. \n!?)("“aA1é0,'), max_size=60))
def test_starts_ascend_and_stand_at_words(text):
    starts = sentence_starts(text)
    assert starts == sorted(set(starts))
    assert all(not text[start].isspace() for start in starts)
    assert bool(starts) == bool(text.strip())


def test_long_words_take_linear_time():
    assert sentence_starts("." * 200_000) == [0]
    assert sentence_starts("a" * 200_000 + ". B") == [0, 200_002]
