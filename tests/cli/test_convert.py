import pytest
import spacy
from spacy.tokens import DocBin
from typer.testing import CliRunner, Result

from spacy_biobert.cli import app
from spacy_biobert.corpora.annotated_labels import get_annotated_labels

PUBTATOR = (
    "1|t|Wilson disease.\n1|a|Blocks 5-HT6. Well.\n1\t0\t14\tWilson disease\tSpecificDisease\tD006527\n"
    "1\t0\t6\tWilson\tModifier\t7\n1\t23\t27\t5-HT\tChemical\tD012701\n1\tCID\tD012701\tD006527\n"
)


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "corpus.txt").write_text(PUBTATOR, encoding="utf8")
    return tmp_path / "corpus.txt"


def convert(*arguments) -> Result:
    return CliRunner().invoke(app, ["convert", *map(str, arguments)])


def test_convert(corpus, tmp_path):
    output = tmp_path / "corpus.spacy"
    options = [
        "--label-map",
        "Chemical=Drug",
        "--label-map",
        "*=Disease",
        "--prefix",
        "Modifier=DOID",
        "--split-sentences",
    ]
    result = convert(corpus, output, *options, "--spans-key", "sc")
    assert result.exit_code == 0, result.output
    for line in (
        "Docs 1",
        "Sentences 3",
        "Tokens 11",
        "Mentions 3",
        "Disease 2",
        "Drug 1",
        "with a concept 3",
        "inside longer ones, in doc.spans only 1",
        "not at token boundaries 1",
        "Relations 1",
    ):
        assert line in [" ".join(row.split()) for row in result.output.splitlines()]
    assert "[W302]" in result.output
    [doc] = DocBin().from_disk(output).get_docs(spacy.blank("en").vocab)
    assert [(ent.text, ent.label_, ent.kb_id_) for ent in doc.ents] == [
        ("Wilson disease", "Disease", "MESH:D006527"),
        ("5-HT", "Drug", "MESH:D012701"),
    ]
    assert [span.kb_id_ for span in doc.spans["sc"]] == ["MESH:D006527", "DOID:7", "MESH:D012701"]


def test_labels_to_keep(corpus, tmp_path):
    result = convert(corpus, tmp_path / "corpus.spacy", "--keep", "Modifier", "--keep", "Chemical")
    assert result.exit_code == 0, result.output
    [doc] = DocBin().from_disk(tmp_path / "corpus.spacy").get_docs(spacy.blank("en").vocab)
    assert [ent.label_ for ent in doc.ents] == ["Modifier", "Chemical"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--label-map", "Disease"], "B331"),
        (["--prefix", "=DOID"], "B331"),
        (["--format", "xml"], "B333"),
        (["--format", "iob"], "B304"),
        (["--config", "absent.cfg"], "B301"),
        (["--config", __file__], "B334"),
        (["--annotates", "Modifier, Chemical"], "B340"),
        (["--format", "brat"], "B343"),
        (["--documents", "absent.txt"], "B301"),
    ],
)
def test_errors_are_messages(corpus, tmp_path, options, code):
    result = convert(corpus, tmp_path / "corpus.spacy", *options)
    assert result.exit_code == 1
    assert f"[{code}]" in result.output
    assert isinstance(result.exception, SystemExit)
    assert not (tmp_path / "corpus.spacy").exists()


def test_labels_that_are_annotated(corpus, tmp_path):
    options = ["--keep", "Chemical", "--annotates", "Chemical, Gene"]
    result = convert(corpus, tmp_path / "corpus.spacy", *options)
    assert result.exit_code == 0, result.output
    [doc] = DocBin().from_disk(tmp_path / "corpus.spacy").get_docs(spacy.blank("en").vocab)
    assert get_annotated_labels(doc) == {"Chemical", "Gene"}


def test_a_target_that_cannot_be_written(corpus, tmp_path):
    (tmp_path / "folder.spacy").mkdir()
    result = convert(corpus, tmp_path / "folder.spacy")
    assert result.exit_code == 1
    assert "[B511]" in result.output
    assert "folder.spacy" in result.output


@pytest.mark.parametrize(
    ("options", "code"),
    [(["--label", "X"], "B372"), (["--strict"], "B372"), (["--skip", "5"], "B371")],
)
def test_options_that_leave_nothing_or_mean_nothing(corpus, tmp_path, options, code):
    result = convert(corpus, tmp_path / "out.spacy", *options)
    assert result.exit_code == 1
    assert f"[{code}]" in result.output
    assert not (tmp_path / "out.spacy").exists()


def test_options_of_documents_mean_nothing_to_sentences(tmp_path):
    (tmp_path / "corpus.iob").write_text("Wilson\tB-Disease\n", encoding="utf8")
    result = convert(tmp_path / "corpus.iob", tmp_path / "out.spacy", "--split-sentences")
    assert result.exit_code == 1
    assert "[B372] --split-sentences" in result.output


def test_a_type_that_is_not_there_is_said(corpus, tmp_path):
    result = convert(corpus, tmp_path / "out.spacy", "--label-map", "chemical=Drug")
    assert result.exit_code == 0
    assert "[W304]" in result.output
    assert "Chemical, Modifier, SpecificDisease" in " ".join(result.output.split())
