import json

import pytest
from typer.testing import CliRunner

from spacy_biobert.cli import app
from spacy_biobert.files import file_digest
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
    assert kb.name == "medic"
    (file,) = kb.meta["source"]["files"]
    assert (file["name"], file["size"], len(file["sha256"])) == ("medic.txt", source.stat().st_size, 64)


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
    [("none.txt", "medic", "B301"), (".", "csv", "B341"), ("medic.txt", "jsonl", "B234"), ("medic.txt", "rtf", "B251")],
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
    path = folder / "index_idf.npy"
    path.write_bytes(path.read_bytes()[:-4] + b"abcd")
    result = run("info", folder)
    assert result.exit_code == 1
    assert "[B203]" in result.output
    assert "index_idf.npy" in result.output


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


def test_build_says_what_was_left_out(tmp_path):
    path = tmp_path / "genes.tsv"
    cells = ["9606", "1", "A1BG", "-", "A1B", "Vega:1", "19", "-", "a", "protein-coding", "A1BG", "a", "O", "-", "2024"]
    path.write_text("\t".join(cells) + "\n" + "\t".join(["10090", "2", *cells[2:]]) + "\n")
    result = run(
        "build", path, tmp_path / "kb", "--format", "gene_info", "--taxa", "9606", "--name", "Human", "--version", "1"
    )
    assert result.exit_code == 0
    assert "1 genes of other species" in " ".join(result.output.split())
    kb = KnowledgeBase.open(tmp_path / "kb")
    assert (kb.name, kb.version) == ("Human", "1")
    assert kb.meta["source"]["options"] == {"taxa": ["9606"]}
    assert kb.meta["source"]["skipped"] == {"references to other databases": 1, "genes of other species": 1}
    result = run("info", tmp_path / "kb")
    for text in ("Human", "genes.tsv", file_digest(path, "sha256"), "genes of other species 1"):
        assert text in result.output


def test_build_of_two_files(source, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("D010051||Ovarian Neoplasms\n")
    assert run("build", source, other, tmp_path / "kb", "--format", "medic").exit_code == 0
    assert len(KnowledgeBase.open(tmp_path / "kb")) == 3


def test_option_of_another_format(source, tmp_path):
    result = run("build", source, tmp_path / "kb", "--format", "medic", "--taxa", "9606")
    assert result.exit_code == 1
    assert "[B278]" in result.output


def test_merge(folder, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("id,name\nOMIM:277900,WD\nOMIM:1,x\n")
    assert run("build", other, tmp_path / "other", "--format", "csv", "--version", "7").exit_code == 0
    result = run("merge", folder, tmp_path / "other", tmp_path / "all", "--name", "Both")
    assert result.exit_code == 0
    assert "1 united by an alternative id" in " ".join(result.output.split())
    kb = KnowledgeBase.open(tmp_path / "all")
    assert (len(kb), kb.name, kb.version) == (3, "Both", "? + 7")
    assert kb.get("MESH:D006527").names == ("Hepatolenticular Degeneration", "Wilson Disease", "WD")
    result = run("info", tmp_path / "all")
    for text in ("part 2", "other.csv", KnowledgeBase.open(folder).checksum):
        assert text in result.output
    result = run("merge", folder, tmp_path / "other", tmp_path / "apart", "--same-ids-only")
    assert len(KnowledgeBase.open(tmp_path / "apart")) == 4
    assert "[B266]" in run("merge", folder, tmp_path / "none").output


def test_extend(folder, tmp_path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(
        "1|t|Mamma CA and Wilsons.\n1|a|\n1\t0\t8\tMamma CA\tDisease\tD001943\n1\t13\t20\tWilsons\tDisease\tD000009\n"
    )
    result = run("extend", folder, tmp_path / "more", corpus)
    assert result.exit_code == 0, result.output
    assert "1 concepts and 2 names are new" in result.output
    more = KnowledgeBase.open(tmp_path / "more")
    assert more.get("MESH:D001943").synonyms == ("Breast Cancer", "Mamma CA")
    assert more.get("MESH:D000009").name == "Wilsons"
    (part,) = more.meta["source"]["parts"]
    assert part["checksum"] == KnowledgeBase.open(folder).checksum
    assert "names_from" in run("info", tmp_path / "more").output
    again = run("extend", folder, tmp_path / "more", corpus)
    assert again.exit_code == 1
    assert "[B204]" in again.output


def test_extend_leaves_out_ids_that_no_concept_can_have(folder, tmp_path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(
        "1|t|Mamma CA by V600E .\n1|a|\n1\t0\t8\tMamma CA\tDisease\tD001943\n"
        "1\t12\t17\tV600E\tSequenceVariant\tp|SUB|V|600|E\n"
    )
    result = run("extend", folder, tmp_path / "more", corpus)
    assert result.exit_code == 0, result.output
    assert "0 concepts and 1 names are new" in result.output
    assert "1 ids that no concept can have were left out, such as p|SUB|V|600|E" in " ".join(result.output.split())


@pytest.mark.parametrize(("content", "code"), [(None, "B508"), ("1|t|Mamma CA.\n1|a|\n", "B236")])
def test_extend_by_nothing(folder, tmp_path, content, code):
    corpus = tmp_path / "corpus"
    if content is None:
        corpus.mkdir()
    else:
        corpus.write_text(content)
    result = run("extend", folder, tmp_path / "more", corpus)
    assert result.exit_code == 1
    assert f"[{code}]" in result.output
    assert not (tmp_path / "more").exists()


def test_a_place_below_a_file(source, tmp_path):
    result = run("build", source, source / "kb", "--format", "medic")
    assert result.exit_code == 1
    assert "[B511]" in result.output


def test_export(folder, tmp_path):
    result = run("export", folder, tmp_path / "kb.jsonl")
    assert result.exit_code == 0
    assert "1 alternative and related ids have no place" in " ".join(result.output.split())
    assert run("build", tmp_path / "kb.jsonl", tmp_path / "again", "--format", "jsonl").exit_code == 0
    again = KnowledgeBase.open(tmp_path / "again")
    assert list(again) == list(KnowledgeBase.open(folder))
    result = run("export", folder, tmp_path / "kb.jsonl")
    assert result.exit_code == 1
    assert "[B291]" in result.output


def test_an_option_that_leaves_nothing_is_told(tmp_path):
    (tmp_path / "MRCONSO.RRF").write_text("C1|ENG|P|L1|PF|S1|Y|A1||M1|D1|MSH|MH|D1|Fever|0|N||\n", encoding="utf8")
    (tmp_path / "MRSTY.RRF").write_text("C1|T047|B2|Disease|AT1||\n", encoding="utf8")
    (tmp_path / "MRDEF.RRF").write_text("", encoding="utf8")
    result = run("build", tmp_path, tmp_path / "kb", "-f", "rrf", "--sources", "SNOMEDCT_US")
    assert result.exit_code == 1
    assert "1 rows of other sources" in result.output
    assert "[B215]" in result.output
    result = run("build", tmp_path, tmp_path / "kb", "-f", "rrf", "--sources", "msh")
    assert result.exit_code == 0, result.output
