"""``spacy biobert annotate``: the files in formats of corpora, read back by the readers of these formats."""

import gzip
import json
import os
import threading

import pytest
import spacy
import srsly
from spacy.tokens import Span

from spacy_biobert.corpora.annotations import Passage
from spacy_biobert.corpora.bioc import read_bioc
from spacy_biobert.corpora.brat import read_brat
from spacy_biobert.corpora.pubtator import read_pubtator

IDS = {"fever": "MESH:D005334", "aspirin": "MESH:D001241|MESH:D000068", "rash": "NIL", "𝛃": ""}
"""What the pipeline below finds, and what it links that to."""
READERS = {"pubtator": read_pubtator, "bioc": read_bioc, "brat": read_brat}


@pytest.fixture
def linking(monkeypatch):
    """A pipeline that finds and links words, in the place of the one that is named."""
    nlp = spacy.blank("en")

    @spacy.Language.component("find_words")
    def find_words(doc):
        starts = [token.i for token in doc if token.lower_ in IDS]
        following = {
            token.i: next((other.i for other in doc[token.i + 1 :] if other.text != "\n"), -1) for token in doc
        }
        # Neighbours are one entity, wherever a passage may end.
        ends = [following[i] + 1 if following[i] in starts else i + 1 for i in starts]
        spans = [
            Span(doc, *place, label="Sign", kb_id=IDS[doc[place[0]].lower_]) for place in zip(starts, ends, strict=True)
        ]
        doc.ents = spacy.util.filter_spans(spans)
        return doc

    nlp.add_pipe("find_words")
    monkeypatch.setattr("spacy_biobert.cli.annotate.load_pipeline", lambda name: nlp)


@pytest.fixture
def annotated(invoke, linking, tmp_path):
    """Annotate a file; return the documents that each format has, and the JSON lines."""

    def run(texts):
        options = [part for name in READERS for part in (f"--{name}", tmp_path / "out" / name)]
        status, output = invoke("annotate", "any", texts, *options, "--jsonl", tmp_path / "out" / "jsonl")
        assert status == 0, output
        for name in READERS:
            assert f"Annotations: {tmp_path / 'out' / name}" in output
        found = {name: list(read(tmp_path / "out" / name)) for name, read in READERS.items()}
        return found, list(srsly.read_jsonl(tmp_path / "out" / "jsonl"))

    return run


def entities(document):
    return [(mention.start, mention.end, mention.text, mention.ids) for mention in document.mentions]


def same_entities(found, lines):
    """Whether every format has the entities of the JSON lines, in their places."""
    for documents in found.values():
        by_text = {" ".join(document.text.split()): document for document in documents}
        assert len(documents) == len(by_text) == len(lines)
        for line in lines:
            document = by_text[" ".join(line["text"].split())]
            expected = [(entity["start"], entity["end"], entity["label"]) for entity in line["entities"]]
            # In BioC those over the end of a passage stand behind the others.
            mentions = sorted(document.mentions, key=lambda mention: mention.start)
            assert [(mention.start, mention.end, mention.label) for mention in mentions] == expected
            for entity, mention in zip(line["entities"], mentions, strict=True):
                assert mention.text.split() == entity["text"].split()


PUBTATOR = (
    "77|t|Naïve 𝛃 cells and fever\n77|a|Rash after aspirin.\n77\t0\t5\tNaïve\tCell\tC1\n77\tCID\tD1\tC1\n\n"
    "78|t|Nothing here.\n78|a|\n78\t0\t7\tNothing\tX\n\n"
)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_pubtator_to_pubtator(annotated, tmp_path, pack):
    """With what the pipeline found in place of what was annotated; an entity may reach over the end of the title."""
    (tmp_path / "corpus").write_bytes(pack(PUBTATOR.encode()))
    found, lines = annotated(tmp_path / "corpus")
    assert (tmp_path / "out" / "pubtator").read_text(encoding="utf8") == (
        "77|t|Naïve 𝛃 cells and fever\n77|a|Rash after aspirin.\n77\t6\t7\t𝛃\tSign\n"
        "77\t18\t28\tfever Rash\tSign\tMESH:D005334\n77\t35\t42\taspirin\tSign\tMESH:D001241|MESH:D000068\n\n"
        "78|t|Nothing here.\n78|a|\n\n"
    )
    same_entities(found, lines)
    for documents in found.values():
        assert [document.id for document in documents] == ["77", "78"]
        assert [document.relations for document in documents] == [(), ()]
    assert [document.passages for document in found["bioc"]] == [document.passages for document in found["pubtator"]]


BIOC = {
    "id": "PMC1",
    "passages": [
        {"offset": 10, "text": "A 𝛃 of fever", "infons": {"type": "title"}},
        {"offset": 30, "text": "rash", "infons": {"type": "abstract"}},
        {"offset": 40, "text": "", "infons": {"type": "table caption"}},
        {
            "offset": 41,
            "text": "aspirin",
            "infons": {"type": "paragraph"},
            "annotations": [{"id": "0", "infons": {"type": "X"}, "locations": [{"offset": 41, "length": 7}]}],
        },
    ],
}


def test_bioc_keeps_its_passages_and_offsets(annotated, tmp_path):
    (tmp_path / "corpus").write_text(json.dumps({"documents": [BIOC]}), encoding="utf8")
    found, lines = annotated(tmp_path / "corpus")
    same_entities(found, lines)
    (written,) = json.loads((tmp_path / "out" / "bioc").read_text(encoding="utf8"))["documents"]
    parts = [(part["offset"], part["text"], part["infons"]) for part in written["passages"]]
    assert parts == [(part["offset"], part["text"], part["infons"]) for part in BIOC["passages"]]
    said = [
        (one["infons"].get("identifier"), one["locations"], one["text"])
        for part in (*written["passages"], written)
        for one in part["annotations"]
    ]
    assert said == [
        (None, [{"offset": 12, "length": 1}], "𝛃"),
        ("MESH:D001241|MESH:D000068", [{"offset": 41, "length": 7}], "aspirin"),
        ("MESH:D005334", [{"offset": 17, "length": 17}], "fever rash"),
    ]
    (document,) = found["pubtator"]
    assert document.passages == (Passage("t", "A 𝛃 of fever"), Passage("a", "rash  aspirin"))


def test_pubmed_has_titles_and_abstracts(annotated, tmp_path):
    (tmp_path / "corpus").write_text(
        "<PubmedArticle><MedlineCitation><PMID>11</PMID><Article><ArticleTitle>A fever &amp; more</ArticleTitle>"
        "<Abstract><AbstractText>No rash.</AbstractText></Abstract></Article></MedlineCitation></PubmedArticle>"
    )
    found, lines = annotated(tmp_path / "corpus")
    same_entities(found, lines)
    for name in ("pubtator", "bioc"):
        (document,) = found[name]
        assert (document.id, document.passages) == ("11", (Passage("t", "A fever & more"), Passage("a", "No rash.")))


def test_notes_keep_their_line_breaks_and_names(annotated, tmp_path):
    (tmp_path / "notes").mkdir()
    notes = {"a": "𝛃\tand\r\n\r\n fever\u2028rash", "b|c": "\n", "d": "x aspirin\n"}
    for name, text in notes.items():
        (tmp_path / "notes" / f"{name}.txt").write_text(text, encoding="utf8", newline="")
    found, lines = annotated(tmp_path / "notes")
    same_entities(found, lines)
    assert {document.id: document.text for document in found["brat"]} == {
        "a": notes["a"],
        "b_c": notes["b|c"],
        "d": notes["d"],
    }
    assert [document.text for document in found["bioc"]] == list(notes.values())
    # PubTator has one line for a title, in which they all are.
    assert [document.id for document in found["pubtator"]] == ["a.txt", "b_c.txt", "d.txt"]
    assert [len(document.text) for document in found["pubtator"]] == [len(text) + 1 for text in notes.values()]
    assert [one[:3] for one in entities(found["brat"][0])] == [(0, 1, "𝛃"), (10, 15, "fever"), (16, 20, "rash")]


def test_one_text_a_line(annotated, tmp_path):
    (tmp_path / "lines.txt").write_text("A fever\n\n  rash\nnothing\n", encoding="utf8")
    found, lines = annotated(tmp_path / "lines.txt")
    same_entities(found, lines)
    for documents in found.values():
        assert [document.id for document in documents] == ["1", "3", "4"]
    assert entities(found["pubtator"][1]) == [(2, 6, "rash", "-1")]
    assert entities(found["brat"][1]) == [(2, 6, "rash", None)]


def test_as_a_user_runs_it(ruler, tmp_path, warm_python):
    (tmp_path / "corpus").write_text(PUBTATOR, encoding="utf8")
    command = ["-m", "spacy", "biobert", "annotate", ruler, tmp_path / "corpus", "--pubtator", "-"]
    done = warm_python(*command, "--bioc", "b.json", "--brat", "brat", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "printed").write_text(done.stdout, encoding="utf8")
    printed, bioc = list(read_pubtator(tmp_path / "printed")), list(read_bioc(tmp_path / "b.json"))
    assert [entities(document) for document in printed] == [
        [(18, 23, "fever", None), (35, 42, "aspirin", None)],
        [],
    ]
    assert [entities(one) for one in bioc] == [entities(one) for one in read_brat(tmp_path / "brat")]
    assert sorted(path.name for path in (tmp_path / "brat").iterdir()) == ["77.ann", "77.txt", "78.ann", "78.txt"]
    assert not list(tmp_path.glob("*.unfinished"))


# --- Care for what is there ---


def test_nothing_is_written_over(invoke, ruler, tmp_path):
    (tmp_path / "texts").write_text("fever\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "left.unfinished").mkdir()
    (tmp_path / "left.unfinished" / "1.txt").touch()
    for options, code in (
        (("--pubtator", tmp_path / "texts"), "B509"),
        (("--bioc", tmp_path / "o", "--pubtator", tmp_path / "o"), "B509"),
        (("--brat", tmp_path / "o", "--pubtator", tmp_path / "o"), "B509"),
        (("--bioc", "-", "--jsonl", "-"), "B509"),
        (("--bioc", tmp_path / "full"), "B511"),
        (("--brat", tmp_path / "full"), "B519"),
        (("--brat", tmp_path / "left"), "B519"),
        (("--brat", tmp_path / "o", "--jsonl", tmp_path / "o" / "jsonl"), "B511"),
    ):
        status, output = invoke("annotate", ruler, tmp_path / "texts", "-q", *options)
        assert status == 1
        assert f"[{code}]" in output
    assert invoke("annotate", ruler, tmp_path / "texts", "-q", "--brat", tmp_path / "texts")[0] == 2
    assert (tmp_path / "texts").read_text() == "fever\n"
    assert not (tmp_path / "o").exists()


def test_an_empty_folder_is_filled(invoke, ruler, tmp_path):
    (tmp_path / "texts").write_text("fever\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    assert invoke("annotate", ruler, tmp_path / "texts", "-q", "--brat", tmp_path / "link")[0] == 0
    assert (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in (tmp_path / "empty").iterdir()) == ["1.ann", "1.txt"]


def test_what_was_annotated_before_an_error_is_left(invoke, ruler, tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_biobert.cli.annotate._IN_ZONE", 2)
    (tmp_path / "a.jsonl").write_text('{"text": "a fever"}\n' * 4 + "{}\n", encoding="utf8")
    outputs = [part for name in READERS for part in (f"--{name}", tmp_path / name)]
    status, output = invoke("annotate", ruler, tmp_path / "a.jsonl", "-q", *outputs)
    assert status == 1
    assert output.count("W523") == 3
    assert "B370" in output
    for name in READERS:
        assert not (tmp_path / name).exists()
    assert len(list(read_pubtator(tmp_path / "pubtator.unfinished"))) == 4
    assert len(list(read_brat(tmp_path / "brat.unfinished"))) == 4


def test_of_nothing_nothing_is_left(invoke, ruler, tmp_path):
    nlp = spacy.load(ruler)
    nlp.add_pipe("biobert_linker")  # without a knowledge base
    nlp.to_disk(tmp_path / "broken")
    (tmp_path / "texts").write_text("fever\n")
    outputs = [part for name in READERS for part in (f"--{name}", tmp_path / "out" / name)]
    assert invoke("annotate", tmp_path / "broken", tmp_path / "texts", "-q", *outputs)[0] == 1
    assert not list((tmp_path / "out").iterdir())


def test_a_pipe_is_written_to(invoke, ruler, tmp_path):
    (tmp_path / "texts").write_text("fever\nno\n")
    os.mkfifo(tmp_path / "pipe")
    received = []
    reader = threading.Thread(target=lambda: received.append((tmp_path / "pipe").read_bytes()), daemon=True)
    reader.start()
    assert invoke("annotate", ruler, tmp_path / "texts", "--bioc", tmp_path / "pipe", "-q")[0] == 0
    reader.join(30)
    assert [one["id"] for one in json.loads(received[0])["documents"]] == ["1", "2"]
    assert (tmp_path / "pipe").is_fifo()


def test_each_text_is_written_before_all_are_read(linking):
    """However many there are."""
    from spacy_biobert.cli.annotate import annotate, load_pipeline
    from spacy_biobert.corpora.annotations import AnnotatedDocument

    read = []

    def documents():
        for number in range(10_000):
            read.append(number)
            yield AnnotatedDocument(str(number), (Passage("text", "fever"),))

    first = next(annotate(load_pipeline("any"), documents()))
    assert first.document.mentions[0].ids == "MESH:D005334"
    assert len(read) < 5_000
