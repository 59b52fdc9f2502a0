import gzip
import json

import pytest

from spacy_biobert.corpora.convert import convert_corpus
from spacy_biobert.corpora.formats import guess_format
from spacy_biobert.corpora.spacy_files import read_docs
from spacy_biobert.corpora.texts import read_texts
from spacy_biobert.corpora.tokenizer import blank_pipeline

PUBTATOR = "1|t|Wilson disease.\n1|a|Blocks 5-HT6.\n1\t0\t14\tWilson disease\tDisease\tD006527\n"
BIOC = {"id": "1", "passages": [{"offset": 0, "text": "Wilson disease."}, {"offset": 16, "text": "Blocks 5-HT6."}]}
BIOC_XML = (
    "<collection><document><id>1</id><passage><offset>0</offset><text>Wilson disease.</text></passage>"
    "<passage><offset>16</offset><text>Blocks 5-HT6.</text></passage></document></collection>"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PUBTATOR, "pubtator"),
        ("\n\n" + PUBTATOR, "pubtator"),
        ("Wilson\tB-Disease\n", "lines"),
        ("|\tO\n", "lines"),
        ("{\tO\n", "lines"),
        ("[ O\n{ O\n", "lines"),
        ("<\tO\n", "lines"),
        ("", "lines"),
        ("<b>fever</b>", "lines"),
        ("name|sex|age\n", "lines"),
        ('<?xml version="1.0"?><collection/>', "bioc"),
        ("<collection>", "bioc"),
        ('{"documents": []}', "bioc"),
        ('{\n  "documents": []}', "bioc"),
        ('[{"documents": []}]', "bioc"),
        ('[\n {"id": "1", "passages": []}]', "bioc"),
        ('{"PubTator3": []}', "bioc"),
        ('<?xml version="1.0"?>\n<PubmedArticleSet>', "pubmed"),
        ('{"text": "a \\"passages\\": []"}\n', "json"),
        ('[{"text": "fever"}]', "json"),
    ],
)
def test_formats_are_told_apart(tmp_path, text, expected):
    path = tmp_path / "corpus"
    for data in (text.encode(), b"\xef\xbb\xbf" + text.encode(), gzip.compress(text.encode())):
        path.write_bytes(data)
        assert guess_format(path) == expected
    assert guess_format(tmp_path) == "brat"


@pytest.mark.parametrize(
    "text",
    [
        PUBTATOR,
        "\n" + PUBTATOR,
        PUBTATOR.replace("|t|", "|a|"),
        BIOC_XML,
        "<!DOCTYPE collection>" + BIOC_XML,
        json.dumps({"documents": [BIOC]}),
        json.dumps([{"documents": [BIOC]}], indent=1),
        json.dumps([BIOC]),
        json.dumps({"PubTator3": [BIOC]}),
        json.dumps(BIOC) + "\n",
    ],
)
def test_what_is_converted_is_what_is_annotated(tmp_path, text):
    """Two ways of telling formats would not agree for long."""
    path = tmp_path / "corpus"
    path.write_text(text, encoding="utf8")
    nlp = blank_pipeline()
    convert_corpus(path, tmp_path / "corpus.spacy", nlp=nlp)
    (doc,) = read_docs(tmp_path / "corpus.spacy", nlp.vocab)
    assert [document.text for document in read_texts(str(path))] == [doc.text] == ["Wilson disease. Blocks 5-HT6."]
