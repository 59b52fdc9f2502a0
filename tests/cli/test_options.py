import pytest
import spacy

from spacy_biobert.cli.messages import percent
from spacy_biobert.cli.options import listed, mapped
from spacy_biobert.cli.pipelines import describe_pipeline


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, None), ("", ()), (",", ()), ("a", ("a",)), ("a,,b,", ("a", "b")), (" a b , c", ("a b", "c"))],
)
def test_lists_have_no_empty_parts(text, expected):
    assert listed(text) == expected


def test_pairs():
    assert mapped("--label-map", None) == {}
    assert mapped("--label-map", ["a=b", "c=", "T=1=d", "a=e"]) == {"a": "e", "c": "", "T=1": "d"}
    for pair in ("a", "=b", ""):
        with pytest.raises(ValueError, match=r"\[B331\].*--label-map OLD=NEW"):
            mapped("--label-map", [pair])


def test_shares_in_percent():
    assert [percent(share) for share in (None, 0.0, 0.12345, 1.0)] == ["-", "0.00", "12.35", "100.00"]


def test_what_a_page_says_of_its_pipeline():
    nlp = spacy.blank("en")
    nlp.add_pipe("biobert_ner")
    text = describe_pipeline(nlp)
    assert text.startswith("biobert_ner · version 0.0.0 · biobert_ner at temperature 1, threshold 0 · spaCy 3.")
    assert describe_pipeline(spacy.blank("en")).startswith("no components · version 0.0.0 · spaCy 3.")
