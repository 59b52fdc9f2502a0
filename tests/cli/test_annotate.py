"""``spacy biobert annotate``: the table, the page and the JSON lines."""

import gzip
import json
import os
import threading

import pytest
import spacy
import srsly
from typer.testing import CliRunner

from spacy_biobert.cli import app


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("\ufefffever after aspirin\r\n\n  \n<b>no</b> entity\n", encoding="utf-8")
    return path


def test_as_a_user_runs_it(ruler, texts, tmp_path, warm_python):
    command = ["-m", "spacy", "biobert", "annotate", ruler, texts, "--html", tmp_path / "o" / "r.html"]
    done = warm_python(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line.split()[:3] for line in done.stdout.splitlines() if "fever" in line or "aspirin" in line] == [
        ["1", "fever", "Disease"],
        ["1", "aspirin", "Chemical"],
    ]
    page = (tmp_path / "o" / "r.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;no&lt;/b&gt; entity" in page
    assert "entity_ruler" in page


def test_json_lines(invoke, ruler, texts, tmp_path):
    status, _ = invoke("annotate", ruler, texts, "--jsonl", tmp_path / "o" / "a.jsonl", "--quiet")
    first, second = srsly.read_jsonl(tmp_path / "o" / "a.jsonl")
    assert status == 0
    assert [(entity["text"], entity["start"], entity["end"]) for entity in first["entities"]] == [
        ("fever", 0, 5),
        ("aspirin", 12, 19),
    ]
    assert second == {"title": "4", "text": "<b>no</b> entity", "entities": []}


def test_standard_input(invoke, ruler):
    status, output = invoke("annotate", ruler, "-", input="no\nfever\n")
    assert status == 0
    assert "2 fever Disease" in output


def test_lines_end_at_line_breaks_alone(invoke, ruler, tmp_path):
    text = "no\u2028fever\x0caspirin\nfever\n"
    (tmp_path / "texts.txt").write_text(text, encoding="utf8")
    for source, options in ((tmp_path / "texts.txt", {}), ("-", {"input": text})):
        assert invoke("annotate", ruler, source, "--jsonl", tmp_path / "a.jsonl", "--quiet", **options)[0] == 0
        assert len(list(srsly.read_jsonl(tmp_path / "a.jsonl"))) == 2


def test_a_linker_without_a_knowledge_base(invoke, ruler, texts, tmp_path):
    nlp = spacy.load(ruler)
    nlp.add_pipe("biobert_linker")
    nlp.to_disk(tmp_path / "linker")
    status, output = invoke("annotate", tmp_path / "linker", texts)
    assert status == 1
    assert "[B241]" in output


def test_a_folder_of_something_else(invoke, texts, tmp_path):
    (tmp_path / "config.cfg").write_text("[nlp]\n")
    (tmp_path / "meta.json").write_text("{}")
    status, output = invoke("annotate", tmp_path, texts)
    assert status == 1
    assert "[B507]" in output


def test_pubtator_keeps_document_ids(invoke, ruler, tmp_path):
    path = tmp_path / "x.pubtator"
    path.write_text("77|t|A fever.\n77|a|And aspirin.\n77\t2\t7\tfever\tDisease\tD005334\n", encoding="utf-8")
    status, output = invoke("annotate", ruler, path, "--jsonl", tmp_path / "a.jsonl")
    (text,) = srsly.read_jsonl(tmp_path / "a.jsonl")
    assert status == 0
    assert (text["title"], text["text"]) == ("77", "A fever.\nAnd aspirin.")
    assert "77 aspirin Chemical" in output


def test_a_pipe_without_the_characters(ruler, tmp_path):
    """What cannot be shown is no reason to lose what was annotated."""
    nlp = spacy.load(ruler)
    nlp.get_pipe("entity_ruler").add_patterns([{"label": "Disease", "pattern": "Sjögren"}])
    nlp.to_disk(tmp_path / "model")
    (tmp_path / "texts.txt").write_text("Sjögren\n", encoding="utf-8")
    command = ["annotate", str(tmp_path / "model"), str(tmp_path / "texts.txt")]
    done = CliRunner(charset="ascii").invoke(app, [*command, "--html", str(tmp_path / "page.html")])
    assert done.exit_code == 0, done.output
    assert "Sj?gren" in done.output
    assert "Sjögren" in (tmp_path / "page.html").read_text(encoding="utf-8")
    done = CliRunner(charset="ascii").invoke(app, [*command, "--jsonl", "-"])
    assert json.loads(done.stdout_bytes)["text"] == "Sjögren"


def test_no_entity_at_all(invoke, ruler):
    status, output = invoke("annotate", ruler, "-", input="nothing\n")
    assert status == 0
    assert "No entity was found in 1 texts." in output


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_no_text(invoke, ruler, tmp_path, content):
    (tmp_path / "empty.txt").write_text(content)
    status, output = invoke("annotate", ruler, tmp_path / "empty.txt")
    assert status == 1
    assert "[B506]" in output


def test_no_file(invoke, ruler, tmp_path):
    status, output = invoke("annotate", ruler, tmp_path / "absent.txt")
    assert status == 1
    assert "[B301]" in output


def test_not_utf8(invoke, ruler, tmp_path):
    (tmp_path / "latin.txt").write_bytes("fièvre".encode("latin-1"))
    status, output = invoke("annotate", ruler, tmp_path / "latin.txt")
    assert status == 1
    assert "[B302]" in output
    assert "iconv -f latin1" in output


def test_malformed_pubtator(invoke, ruler, tmp_path):
    path = tmp_path / "x.pubtator"
    path.write_text("77|t|A fever.\n77\t0\t99\tfever\tDisease\tD005334\n", encoding="utf-8")
    status, output = invoke("annotate", ruler, path)
    assert status == 1
    assert "[B313]" in output


def test_no_pipeline(invoke, texts):
    status, output = invoke("annotate", "en_no_such_pipeline", texts)
    assert status == 1
    assert "[B507]" in output


# --- What texts come in ---

PUBMED = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2025//EN" "https://dtd.nlm.nih.gov/x.dtd">
<PubmedArticleSet>
<PubmedArticle><MedlineCitation Status="MEDLINE"><PMID Version="1">11</PMID><Article>
<ArticleTitle>A <i>fever</i>
 &amp; more.</ArticleTitle>
<Abstract><AbstractText Label="METHODS">Of aspirin.</AbstractText><AbstractText>No.</AbstractText></Abstract>
</Article><CommentsCorrectionsList><CommentsCorrections><PMID>99</PMID></CommentsCorrections></CommentsCorrectionsList>
</MedlineCitation></PubmedArticle>
<PubmedArticle><MedlineCitation><PMID>12</PMID><Article><ArticleTitle>Fever.</ArticleTitle></Article></MedlineCitation>
</PubmedArticle>
<PubmedBookArticle><BookDocument><PMID>13</PMID><Book><BookTitle>GeneReviews</BookTitle></Book><ArticleTitle>Wilson
Disease</ArticleTitle><Abstract><AbstractText>Copper.</AbstractText></Abstract></BookDocument></PubmedBookArticle>
</PubmedArticleSet>
"""
BIOC = {
    "documents": [{"id": "d", "passages": [{"offset": 0, "text": "A fever.", "infons": {"type": "title"}}]}],
}
FILES = {
    "pubmed.xml": (
        PUBMED,
        [("11", "A fever & more.\nMETHODS: Of aspirin. No."), ("12", "Fever.\n"), ("13", "Wilson Disease\nCopper.")],
    ),
    "bioc.json": (json.dumps(BIOC), [("d", "A fever.")]),
    "indented.json": (json.dumps(BIOC, indent=1), [("d", "A fever.")]),
    "lines.jsonl": (
        '{"text": "a fever"}\n\n{"id": 7, "text": "x\\ny"}\n{"title": "t", "text": ""}\n',
        [("1", "a fever"), ("7", "x\ny"), ("t", "")],
    ),
    "list.json": ('[{"text": "a fever"},\n {"id": 7, "text": "x"}]', [("1", "a fever"), ("7", "x")]),
    "bom.json": ('\ufeff[{"text": "a fever"}]', [("1", "a fever")]),
    "one.json": ('{\n "text": "a fever"\n}\n', [("1", "a fever")]),
    "long.jsonl": (
        "".join(json.dumps({"text": "fever " * 20_000 + end}) + "\n" for end in "ab"),
        [("1", "fever " * 20_000 + "a"), ("2", "fever " * 20_000 + "b")],
    ),
    "table.txt": ("fever\nresult|t|positive\n", [("1", "fever"), ("2", "result|t|positive")]),
    "indented.txt": ("\n  a fever\r\n\x0cb\rc\n", [("2", "  a fever"), ("3", "\x0cb\rc")]),
    "markup.txt": ("<b>fever</b>\n{curly}\n", [("1", "<b>fever</b>"), ("2", "{curly}")]),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("packed", [False, True])
def test_formats(invoke, ruler, tmp_path, name, packed):
    content, expected = FILES[name]
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if packed else content.encode())
    status, output = invoke("annotate", ruler, path, "--jsonl", tmp_path / "o.jsonl", "-q")
    assert status == 0, output
    texts = list(srsly.read_jsonl(tmp_path / "o.jsonl"))
    assert [(text["title"], text["text"]) for text in texts] == expected
    for text in texts:
        for entity in text["entities"]:
            assert text["text"][entity["start"] : entity["end"]] == entity["text"]


def test_new_words_are_forgotten(invoke, ruler, tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_biobert.cli.annotate._IN_ZONE", 7)
    (tmp_path / "x.txt").write_text("".join(f"fever{i} fever aspirin\n" for i in range(50)), encoding="utf8")
    assert invoke("annotate", ruler, tmp_path / "x.txt", "--jsonl", tmp_path / "o.jsonl", "-q")[0] == 0
    texts = list(srsly.read_jsonl(tmp_path / "o.jsonl"))
    assert [text["text"] for text in texts] == [f"fever{i} fever aspirin" for i in range(50)]
    assert all([entity["label"] for entity in text["entities"]] == ["Disease", "Chemical"] for text in texts)


def test_a_folder_of_notes(invoke, ruler, tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "b.txt").write_bytes(b"fever\r\n\r\nand aspirin")
    (folder / "a.txt").write_text("no", encoding="utf8")
    (folder / "empty.txt").write_text("\n", encoding="utf8")
    (folder / "UP.TXT").write_text("fever", encoding="utf8")
    (folder / "c.csv").write_text("fever", encoding="utf8")
    assert invoke("annotate", ruler, folder, "--jsonl", tmp_path / "o.jsonl", "-q")[0] == 0
    texts = list(srsly.read_jsonl(tmp_path / "o.jsonl"))
    assert [(text["title"], text["text"]) for text in texts] == [
        ("UP.TXT", "fever"),
        ("a.txt", "no"),
        ("b.txt", "fever\r\n\r\nand aspirin"),
        ("empty.txt", "\n"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.xml", "<?xml version='1.0'?><PubmedArticleSet></PubmedArticleSet>", "B369"),
        ("a.xml", "<?xml version='1.0'?>\n<PubmedArticleSet>\n</PubmedArticleSet>", "B369"),
        ("a.xml", "<PubmedArticleSet><MedlineCitation>", "B369"),
        ("a.xml", "<?xml version='1.0'?><html></html>", "B36"),
        ("a.jsonl", '{"text": "a fever"}\n{"body": "b"}\n', "B370"),
        ("a.jsonl", '{"text": "a fever"}\n{"text": \n', "B370"),
        ("a.jsonl", '{"text": "a \\ud83d fever"}\n', "B370"),
        ("a.json", '[{"text": "a fever"},\n {"body": "b"}]', "B370"),
        ("a.json", '[{"text": "a fever"},\n', "B370"),
        ("a.json", '[{"id": "\\ud83d", "text": "a fever"}]', "B370"),
    ],
)
def test_files_that_are_not_what_they_seem(invoke, ruler, tmp_path, name, content, code):
    (tmp_path / name).write_text(content, encoding="utf8")
    status, output = invoke("annotate", ruler, tmp_path / name, "--jsonl", tmp_path / "o.jsonl", "-q")
    assert status == 1
    assert f"[{code}" in output


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        ("fièvre".encode("utf-16"), "iconv -f utf-16"),
        (b"PK\x03\x04\xff", "zip archive"),
        (b"\x78\x9c\xff", ".spacy"),
        (b"a\x00\xff", "no text"),
    ],
)
def test_advice_for_what_is_not_utf8(invoke, ruler, tmp_path, content, advice):
    (tmp_path / "x.txt").write_bytes(content)
    status, output = invoke("annotate", ruler, tmp_path / "x.txt")
    assert status == 1
    assert advice in " ".join(output.split())


# --- What is written ---


def test_nothing_is_written_over(invoke, ruler, texts, tmp_path):
    before = texts.read_bytes()
    for options in (("--jsonl", texts), ("--html", texts), ("--jsonl", tmp_path / "o", "--html", tmp_path / "o")):
        status, output = invoke("annotate", ruler, texts, "-q", *options)
        assert status == 1
        assert "[B509]" in output
    assert texts.read_bytes() == before
    assert not (tmp_path / "o").exists()


def test_what_was_annotated_before_an_error_is_left(invoke, ruler, tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_biobert.cli.annotate._IN_ZONE", 2000)
    (tmp_path / "a.jsonl").write_text('{"text": "a fever"}\n' * 3000 + "{}\n", encoding="utf8")
    status, output = invoke("annotate", ruler, tmp_path / "a.jsonl", "--jsonl", tmp_path / "o.jsonl", "-q")
    assert status == 1
    assert "W523" in output
    assert "B370" in output
    assert not (tmp_path / "o.jsonl").exists()
    assert len(list(srsly.read_jsonl(tmp_path / "o.jsonl.unfinished"))) >= 2000


def test_longer_than_spacy_has_it(invoke, ruler, tmp_path):
    (tmp_path / "long.txt").write_text("no " * 400_000 + "fever", encoding="utf8")
    status, _ = invoke("annotate", ruler, tmp_path / "long.txt", "--jsonl", tmp_path / "o.jsonl", "-q")
    (text,) = srsly.read_jsonl(tmp_path / "o.jsonl")
    assert status == 0
    assert text["entities"][0]["start"] == 1_200_000


def test_standard_output(ruler, texts, tmp_path, warm_python):
    done = warm_python("-m", "spacy", "biobert", "annotate", ruler, texts, "--jsonl", "-", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["title"] for line in done.stdout.splitlines()] == ["1", "4"]
    assert not (tmp_path / "-").exists()


def test_a_folder_is_refused_before_anything_is_done(invoke, ruler, texts, tmp_path):
    (tmp_path / "out").mkdir()
    status, output = invoke("annotate", ruler, texts, "-q", "--jsonl", tmp_path / "out")
    assert status == 1
    assert "it is a folder" in output
    assert not (tmp_path / "out.unfinished").exists()


def test_errors_do_not_mix_with_output(ruler, tmp_path, warm_python):
    (tmp_path / "a.jsonl").write_text('{"text": "a fever"}\n{}\n', encoding="utf8")
    done = warm_python("-m", "spacy", "biobert", "annotate", ruler, tmp_path / "a.jsonl", "--jsonl", "-", cwd=tmp_path)
    assert done.returncode == 1
    assert "B370" in done.stderr
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] in ([], ["a fever"])


def test_a_file_of_one_line(invoke, ruler, tmp_path):
    """Its format is known by its head."""
    many = {"documents": BIOC["documents"] * 2000, "source": "x" * 70_000}
    (tmp_path / "a.json").write_text(json.dumps(many), encoding="utf8")
    (tmp_path / "b.jsonl").write_text(json.dumps({"text": "a fever " + "x" * 70_000}), encoding="utf8")
    for name, n_texts in (("a.json", 2000), ("b.jsonl", 1)):
        assert invoke("annotate", ruler, tmp_path / name, "--jsonl", tmp_path / "o.jsonl", "-q")[0] == 0
        assert len(list(srsly.read_jsonl(tmp_path / "o.jsonl"))) == n_texts


def test_an_output_that_cannot_be_written(invoke, ruler, texts, tmp_path):
    for option in ("--jsonl", "--html"):
        status, output = invoke("annotate", ruler, texts, "-q", option, texts / "below")
        assert status == 1
        assert "[B511]" in output


def test_pipes_links_and_what_fails(invoke, ruler, texts, tmp_path):
    """What is no file is written to, not replaced; a link is followed; of nothing, nothing is left."""
    os.mkfifo(tmp_path / "pipe")
    received = []
    reader = threading.Thread(target=lambda: received.extend((tmp_path / "pipe").read_text().splitlines()))
    reader.start()
    assert invoke("annotate", ruler, texts, "--jsonl", tmp_path / "pipe", "-q")[0] == 0
    reader.join(30)
    assert len(received) == 2
    assert (tmp_path / "pipe").is_fifo()
    read_end, write_end = os.pipe()  # what bash's >(gzip) is
    assert invoke("annotate", ruler, texts, "--jsonl", f"/dev/fd/{write_end}", "-q")[0] == 0
    os.close(write_end)
    with open(read_end) as pipe:
        assert len(pipe.read().splitlines()) == 2
    (tmp_path / "real.jsonl").touch()
    (tmp_path / "link.jsonl").symlink_to("real.jsonl")
    assert invoke("annotate", ruler, texts, "--jsonl", tmp_path / "link.jsonl", "-q")[0] == 0
    assert (tmp_path / "link.jsonl").is_symlink()
    assert len((tmp_path / "real.jsonl").read_text().splitlines()) == 2
    nlp = spacy.load(ruler)
    nlp.add_pipe("biobert_linker")  # without a knowledge base
    nlp.to_disk(tmp_path / "broken")
    assert invoke("annotate", tmp_path / "broken", texts, "--jsonl", tmp_path / "none.jsonl", "-q")[0] == 1
    assert not list(tmp_path.glob("none.jsonl*"))
