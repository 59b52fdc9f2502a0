import json

import pytest
from typer.testing import CliRunner

from spacy_biobert.cli import app
from spacy_biobert.linking.kb import KnowledgeBase

MEDIC = "D006527|277900||Hepatolenticular Degeneration|Wilson Disease\nD001943||Breast Neoplasms|Breast Cancer\n"


def run(*arguments):
    return CliRunner().invoke(app, ["kb", *map(str, arguments)])


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "medic.txt"
    path.write_text(MEDIC)
    return path


@pytest.fixture
def folder(source, tmp_path):
    assert run("build", source, tmp_path / "kb", "--format", "medic").exit_code == 0
    return tmp_path / "kb"


def test_build(source, folder):
    kb = KnowledgeBase.open(folder)
    assert len(kb) == 2
    assert kb.types == {"Disease"}
    assert kb.meta["source"]["file"] == "medic.txt"
    assert len(kb.meta["source"]["sha256"]) == 64


def test_build_again(source, folder):
    result = run("build", source, folder, "--format", "medic")
    assert result.exit_code == 1
    assert "[B204]" in result.output
    result = run("build", source, folder, "--format", "medic", "--force", "--types", "T047, T191")
    assert result.exit_code == 0
    assert "2 concepts, 4 names" in " ".join(result.output.split())
    assert KnowledgeBase.open(folder).types == {"T047", "T191"}


@pytest.mark.parametrize(
    ("name", "source_format", "code"),
    [("none.txt", "medic", "B231"), ("medic.txt", "jsonl", "B234"), ("medic.txt", "rtf", "B251")],
)
def test_build_fails(source, tmp_path, name, source_format, code):
    result = run("build", tmp_path / name, tmp_path / "kb", "--format", source_format)
    assert result.exit_code == 1
    assert f"[{code}]" in result.output
    assert not (tmp_path / "kb").exists()


def test_info(folder):
    result = run("info", folder)
    assert result.exit_code == 0
    for text in ("Concepts", "medic.txt", "Disease", KnowledgeBase.open(folder).checksum):
        assert text in result.output


def test_info_tells_of_damage(folder):
    path = folder / "index_weights.npy"
    path.write_bytes(path.read_bytes()[:-4] + b"abcd")
    result = run("info", folder)
    assert result.exit_code == 1
    assert "[B203]" in result.output
    assert "index_weights.npy" in result.output


def test_search(folder):
    result = run("search", folder, "wilson's disease", "???", "--top-n", 1)
    assert result.exit_code == 0
    assert "MESH:D006527" in result.output
    assert "Hepatolenticular Degeneration" in result.output
    assert "MESH:D001943" not in result.output
    assert "Nothing" in result.output


def test_search_nowhere(tmp_path):
    result = run("search", tmp_path, "x")
    assert result.exit_code == 1
    assert "[B201]" in result.output


def test_jsonl(tmp_path):
    path = tmp_path / "kb.jsonl"
    path.write_text(json.dumps({"concept_id": "X:1", "canonical_name": "x"}))
    assert run("build", path, tmp_path / "kb", "--format", "jsonl").exit_code == 0
