import gzip
import io
import json
import os
import sys
import threading

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
        ("<!-- PMC --><article>", "bioc"),
        ('<article xmlns:xlink="x"><front>', "bioc"),
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


EXPECTED = ["Wilson disease. Blocks 5-HT6."]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PUBTATOR, EXPECTED),
        (BIOC_XML, EXPECTED),
        ('<?xml version="1.0"?>\n' + BIOC_XML, EXPECTED),
        (json.dumps({"documents": [BIOC]}), EXPECTED),
        (json.dumps([{"documents": [BIOC]}], indent=1), EXPECTED),
        (json.dumps({"documents": [BIOC]}, indent=1), EXPECTED),
        (json.dumps([{"text": "fever"}, {"text": "gout"}], indent=1), ["fever", "gout"]),
        ('{"text": "fever"}\n{"text": "gout"}\n', ["fever", "gout"]),
        ("fever\n\n{ gout }\n", ["fever", "{ gout }"]),
        ("", []),
    ],
)
def test_pipes_have_the_formats_that_files_have(tmp_path, monkeypatch, text, expected, packed):
    data = gzip.compress(text.encode()) if packed else text.encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert [document.text for document in read_texts("-")] == expected
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,), daemon=True)
    writer.start()
    assert [document.text for document in read_texts(str(pipe))] == expected
    writer.join()


def test_texts_of_a_pipe_are_read_as_they_come(monkeypatch):
    """Who waits for the end of standard input waits for ever, where a service writes to it."""

    class Endless(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            buffer[:6] = b"fever\n"
            return 6

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Endless())))
    texts = read_texts("-")
    assert [next(texts).text for _ in range(3)] == ["fever"] * 3


def test_files_of_a_folder(tmp_path):
    (tmp_path / "a.TXT").write_text("fever")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"gout"))
    (tmp_path / "c.ann").write_text("T1")
    assert [(document.id, document.text) for document in read_texts(str(tmp_path))] == [
        ("a.TXT", "fever"),
        ("b.txt.gz", "gout"),
    ]
