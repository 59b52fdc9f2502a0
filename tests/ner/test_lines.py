"""Which ends of lines end a mention, and which are where prose was wrapped."""

from itertools import pairwise

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc

from spacy_biobert.ner.lines import starts_after_lines
from spacy_biobert.ner.words import Words

NLP = spacy.blank("en")
WRAPPED = (
    "Patients had been well until carcinoma of the\ncolon was found by colonoscopy in May, and\nWilson disease was"
)


def parts(text):
    """Cut a text at the ends of lines that end what they say."""
    doc = NLP(text)
    starts = [0, *starts_after_lines(doc), len(doc)]
    texts = (doc[start:end].text.strip() for start, end in pairwise(starts))
    return [text for text in texts if text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Asthma\n\nGout", ["Asthma", "Gout"]),
        ("carcinoma of the\n \ncolon", ["carcinoma of the", "colon"]),
        ("1. Asthma\n2. Gout\n(3) fever", ["1. Asthma", "2. Gout", "(3) fever"]),
        ("Asthma\n\u2013 gout", ["Asthma", "\u2013 gout"]),
        ("- asthma\n- gout\n  * fever", ["- asthma", "- gout", "* fever"]),
        ("PMH:\nAsthma\nGout\nHypertension", ["PMH:", "Asthma", "Gout", "Hypertension"]),
        ("Fever\r\nChronic kidney disease.", ["Fever", "Chronic kidney disease."]),
        # Where a line may have been wrapped, it ends nothing.
        ("carcinoma of the\ncolon", ["carcinoma of the\ncolon"]),
        ("hepatitis\n2 years ago", ["hepatitis\n2 years ago"]),
        (WRAPPED, [WRAPPED]),
        (WRAPPED.replace("Wilson", "He"), [*WRAPPED.replace("Wilson", "He").rsplit("\n", 1)]),
        ("", []),
        ("\n", []),
    ],
)
def test_parts(text, expected):
    assert parts(text) == expected


@given(st.text(alphabet="aA1.-* \n\t\r\u2028", max_size=40))
def test_any_text(text):
    doc = NLP(text)
    starts = starts_after_lines(doc)
    assert starts == sorted(set(starts))
    assert all(0 < start <= len(doc) and doc[start - 1].is_space for start in starts)


def test_each_doc_of_a_batch_has_its_own_lines():
    docs = [NLP("Asthma and gout"), NLP("Asthma\n\ngout"), NLP("Fever\n- gout")]
    words = Words.of(docs)
    alone = [Words.of([doc]) for doc in docs]
    assert words.lengths.tolist() == [length for one in alone for length in one.lengths.tolist()] == [3, 1, 1, 1, 2]


def test_white_space_in_several_tokens():
    """As annotated corpora have it: the line is as long as it is up to its end, not up to the last blank."""
    long = "word " * 12
    doc = Doc(NLP.vocab, words=[*long.split(), "\n", "  ", "Wilson", "disease"])
    assert starts_after_lines(doc) == []
