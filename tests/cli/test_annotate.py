"""``spacy biobert annotate``: the table, the page and the JSON lines."""

import pytest
import spacy
import srsly


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
    assert second == {"title": "2", "text": "<b>no</b> entity", "entities": []}


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
    assert (text["title"], text["text"]) == ("77", "A fever. And aspirin.")
    assert "77 aspirin Chemical" in output


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
    assert "[B509]" in output


def test_not_utf8(invoke, ruler, tmp_path):
    (tmp_path / "latin.txt").write_bytes("fièvre".encode("latin-1"))
    status, output = invoke("annotate", ruler, tmp_path / "latin.txt")
    assert status == 1
    assert "[B509]" in output


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
