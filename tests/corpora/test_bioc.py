import gzip
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.corpora.annotations import AnnotatedDocument, Mention, Passage, Relation
from spacy_biobert.corpora.bioc import COLLECTION, format_bioc, read_bioc
from spacy_biobert.corpora.documents import USER_DATA_KEY, document_to_doc
from spacy_biobert.span_places import SPANS_KEY

XML = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE collection SYSTEM "BioC.dtd">
<collection><source>x</source><date/><key/>
 <document><id>7</id>
  <passage>
   <infon key="type">title</infon><offset>0</offset><text>Breast &amp; ovarian cancer</text>
   <annotation id="3"><infon key="type">Disease</infon><infon key="MESH">D001943</infon>
    <location offset="0" length="6"/><location offset="17" length="6"/><text>Breast cancer</text></annotation>
   <annotation id="4"><infon key="type">Disease</infon><infon key="identifier">MESH:D010051|OMIM:167000</infon>
    <location offset="9" length="14"/><text>ovarian cancer</text></annotation>
  </passage>
  <passage>
   <infon key="type">abstract</infon><offset>30</offset><text>TP53 βs.</text>
   <annotation id="5"><infon key="type">Gene</infon><infon key="NCBI Gene">7157;7158</infon>
    <location offset="30" length="4"/></annotation>
   <annotation id="6"><infon key="type">MeSH heading</infon></annotation>
  </passage>
  <relation id="R0"><infon key="relation">CID</infon><infon key="Gene">7157</infon><infon key="D">D1</infon></relation>
  <relation id="R1"><infon key="type">Marks</infon><node refid="5" role="a"/><node refid="3" role="b"/></relation>
 </document>
 <document><id>8</id><passage><offset>0</offset>
  <sentence><offset>0</offset><text>One.</text></sentence>
  <sentence><offset>6</offset><text>Two cats.</text>
   <annotation id="0"><infon key="type">Species</infon><location offset="10" length="4"/><text>cats</text></annotation>
  </sentence></passage></document>
</collection>
"""


def read(tmp_path: Path, text: str | bytes) -> list[AnnotatedDocument]:
    path = tmp_path / "corpus"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read_bioc(path))


def test_reads_passages_annotations_and_relations(tmp_path):
    first, second = read(tmp_path, XML)
    assert (first.id, first.line) == ("7", 4)
    assert first.passages == (Passage("t", "Breast & ovarian cancer"), Passage("a", "TP53 βs."))
    pieces = ((0, 6), (17, 23))
    # The abstract stands where the file has room for more: its mention keeps its place in it.
    assert first.mentions == (
        Mention(0, 23, "Breast & ovarian cancer", "Disease", "MESH:D001943", id="3", fragments=pieces),
        Mention(9, 23, "ovarian cancer", "Disease", "MESH:D010051|OMIM:167000", id="4"),
        Mention(24, 28, "TP53", "Gene", "NCBIGene:7157;NCBIGene:7158", id="5"),
    )
    assert first.relations == (Relation("CID", ("7157", "D1")), Relation("Marks", ("5", "3")))
    assert second.text == "One.  Two cats."
    assert second.mentions == (Mention(10, 14, "cats", "Species", id="0"),)


def test_becomes_a_doc_as_pubtator_does(tmp_path):
    document, _ = read(tmp_path, XML)
    doc = document_to_doc(document, spacy.blank("en").make_doc)
    assert doc.text == "Breast & ovarian cancer TP53 βs."
    assert [(ent.text, ent.kb_id_) for ent in doc.ents] == [
        ("Breast & ovarian cancer", "MESH:D001943"),
        ("TP53", "NCBIGene:7157|NCBIGene:7158"),
    ]
    assert len(doc.spans[SPANS_KEY]) == 3
    assert doc.user_data[USER_DATA_KEY]["passages"] == [("t", 23), ("a", 8)]


def as_json(documents: list) -> str:
    return json.dumps({"source": "", "documents": documents})


ONE = {
    "id": "1",
    "passages": [
        {
            "infons": {"type": "title"},
            "offset": 0,
            "text": "TP53 gene",
            "annotations": [
                {
                    "id": "a",
                    "infons": {"type": "Gene", "identifier": None, "NCBI Gene identifier": 7157},
                    "locations": [{"offset": 0, "length": 4}],
                    "text": "TP53",
                }
            ],
        }
    ],
}


@pytest.mark.parametrize(
    "text",
    [
        as_json([ONE]),
        json.dumps(json.loads(as_json([ONE])), indent=2),
        f"[{as_json([ONE])}]",
        json.dumps({"PubTator3": [ONE]}),
        json.dumps(ONE) + "\n",
        "\ufeff" + as_json([ONE]),
        gzip.compress(as_json([ONE]).encode(), mtime=0),
    ],
)
def test_json_in_the_forms_that_are_about(tmp_path, text):
    [document] = read(tmp_path, text)
    assert document.mentions == (Mention(0, 4, "TP53", "Gene", "NCBIGene:7157", id="a"),)


@pytest.mark.parametrize(
    ("infons", "expected"),
    [
        ({"identifier": "D001943"}, "D001943"),
        ({"concept_id": "7157"}, "7157"),
        ({"mesh": "D001943"}, "MESH:D001943"),
        ({"MESH": "MESH:D001943"}, "MESH:D001943"),
        ({"MeSH": "OMIM:114480"}, "OMIM:114480"),
        ({"OMIM": "114480"}, "OMIM:114480"),
        ({"omim": "OMIM:114480"}, "OMIM:114480"),
        ({"NCBI Gene": "7157"}, "NCBIGene:7157"),
        ({"NCBI Gene identifier": 7157}, "NCBIGene:7157"),
        ({"NCBI Taxonomy": "9606"}, "NCBITaxon:9606"),
        ({"species": "9606"}, "NCBITaxon:9606"),
        ({"CHEBI": "15365"}, "CHEBI:15365"),
        ({"ChEBI": "CHEBI:15365"}, "CHEBI:15365"),
        ({"UMLS": "C0006142"}, "UMLS:C0006142"),
        # Several, with a vocabulary or without.
        ({"MESH": "D001943|D010051"}, "MESH:D001943|MESH:D010051"),
        ({"MESH": "D001943+D010051"}, "MESH:D001943+MESH:D010051"),
        ({"MESH": "D001943, D010051"}, "MESH:D001943, MESH:D010051"),
        ({"MESH": "D001943;OMIM:114480"}, "MESH:D001943;OMIM:114480"),
        ({"MESH": "D001943", "OMIM": "114480"}, "MESH:D001943|OMIM:114480"),
        # None.
        ({"MESH": "-1"}, "-1"),
        ({"MESH": "-"}, "-"),
        ({"MESH": " "}, None),
        ({"identifier": None}, None),
        ({"score": "D001943"}, None),
    ],
)
def test_concept_ids_of_every_kind(tmp_path, infons, expected):
    [annotation] = ONE["passages"][0]["annotations"]
    passage = {**ONE["passages"][0], "annotations": [{**annotation, "infons": {"type": "X", **infons}}]}
    [document] = read(tmp_path, as_json([{"id": "1", "passages": [passage]}]))
    assert document.mentions[0].ids == expected


def test_a_document_a_line(tmp_path):
    assert len(read(tmp_path, f"{json.dumps(ONE)}\n\n{json.dumps(ONE)}\n")) == 2


class Counted(str):
    """A text that knows how much of it was searched for line breaks."""

    searched = 0

    def removeprefix(self, prefix):
        return self

    def count(self, part, start=0, end=None):
        self.searched += (len(self) if end is None else end) - start
        return super().count(part, start, end)


def test_lines_are_counted_once(tmp_path, monkeypatch):
    """Counted anew for each document, they took minutes in a file of some megabytes."""
    text = Counted(f"{json.dumps(ONE)}\n" * 50)
    monkeypatch.setattr("spacy_biobert.corpora.bioc_files.whole_text", lambda path: text)
    assert len(read(tmp_path, text)) == 50
    assert text.searched <= len(text)


def test_errors_name_the_line(tmp_path):
    documents = f"{json.dumps(ONE)}\n\n{json.dumps(ONE, indent=1)}\n"
    line = documents.count("\n") + 1
    with pytest.raises(ValueError, match=rf"\[B360\] .*corpus:{line}: .*holds no documents"):
        read(tmp_path, documents + '{"text":\n"TP53"}\n{}')


def test_annotations_of_the_whole_document(tmp_path):
    [annotation] = ONE["passages"][0]["annotations"]
    moved = {**annotation, "locations": [{"offset": 12, "length": 4}], "text": "TP53"}
    passages = [{"offset": 0, "text": "A title"}, {"offset": 12, "text": "TP53 gene"}]
    [document] = read(tmp_path, as_json([{"id": 1, "passages": passages, "annotations": [moved]}]))
    assert (document.text, document.mentions[0].start) == ("A title TP53 gene", 8)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'offset="9" length="14"',
            'offset="8" length="14"',
            r"\[B363\] .*corpus:9: the annotation 4 at 8-22 is 'ovarian",
        ),
        ('offset="9" length="14"', 'offset="9" length="15"', r"\[B362\] .*:9: the annotation 4 at 9-24 .* 0 to 23"),
        ('offset="9" length="14"', 'offset="9" length="0"', r"\[B362\] .*:9: "),
        ('offset="9" length="14"', 'offset="nine" length="14"', r"\[B360\] .*:4: .*offset 'nine' is no number"),
        ('offset="9" length="14"', 'offset="9"', r"\[B360\] .*:4: .*'length' is missing"),
        ('<infon key="type">Gene</infon>', "", r"\[B361\] .*:14: the annotation 5 has no type"),
        ("<offset>30</offset>", "", r"\[B360\] .*'offset' is missing"),
        ("</sentence></passage>", "</passage>", r"\[B360\] .*corpus:\d+: .*mismatched tag"),
        ("<collection>", "<corpus>", r"\[B360\] "),
    ],
)
def test_malformed_xml(tmp_path, old, new, message):
    assert old in XML
    with pytest.raises(ValueError, match=message):
        read(tmp_path, XML.replace(old, new))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<html></html>", r"\[B360\] .*:1: .*starts with <html>"),
        ('{"documents": [\n{"id": 1,]}', r"\[B360\] .*corpus:2: "),
        ('{"documents": [{"id": 1}]}', r"\[B360\] .*:1: .* holds no documents"),
        ('{"documents": 3}', r"\[B360\] .*:1: .* holds no documents"),
        ("[1]", r"\[B360\] .*:1: .*'1' holds no documents"),
        (as_json([{"id": 9, "passages": [{"text": "x"}]}]), r"\[B360\] .*corpus, document 9: .*'offset' is missing"),
        (as_json([{"id": 9, "passages": 3}]), r"\[B360\] .*corpus, document 9: "),
        (
            as_json([ONE]).replace('"length": 4', '"length": 3'),
            r"\[B363\] .*document 1: the annotation a at 0-3 is 'TP53'",
        ),
        (gzip.compress(XML.encode(), mtime=0)[:-20], r"\[B342\] "),
    ],
)
def test_malformed_files(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"\[B341\]"):
        list(read_bioc(tmp_path))


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]), max_size=30)
WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)


@st.composite
def documents(draw) -> AnnotatedDocument:
    passages = (Passage("t", draw(TEXTS)), Passage("a", draw(TEXTS)), Passage("results", draw(TEXTS)))
    mentions = []
    here = 0
    text = " ".join(passage.text for passage in passages)
    for passage in passages:
        places = st.lists(st.integers(0, len(passage.text)), min_size=2, max_size=4, unique=True)
        if len(passage.text) > 4 and draw(st.booleans()):
            offsets = sorted(here + offset for offset in draw(places))
            pieces = tuple(zip(offsets[::2], offsets[1::2], strict=False))
            start, end = pieces[0][0], pieces[-1][1]
            if "".join(text[first:last] for first, last in pieces).strip():
                fragments = pieces if len(pieces) > 1 else ()
                ids = draw(st.none() | WORDS)
                name = f"m{len(mentions)}"
                mentions.append(Mention(start, end, text[start:end], draw(WORDS), ids, id=name, fragments=fragments))
        here += len(passage.text) + 1
    arguments = st.lists(WORDS, min_size=1, max_size=3).map(tuple)
    relations = tuple(Relation(draw(WORDS), draw(arguments)) for _ in range(draw(st.integers(0, 2))))
    return AnnotatedDocument(draw(WORDS), passages, tuple(mentions), relations)


def to_xml(text: str) -> str:
    """Write BioC JSON as BioC XML."""

    def fill(parent: ElementTree.Element, item: dict) -> None:
        for key, value in item.items():
            if key == "infons":
                for name, infon in value.items():
                    ElementTree.SubElement(parent, "infon", key=name).text = infon
            elif key in ("locations", "nodes"):
                for inner in value:
                    ElementTree.SubElement(parent, key[:-1], {name: str(part) for name, part in inner.items()})
            elif isinstance(value, list):
                for inner in value:
                    attributes = {"id": inner.pop("id")} if key in ("annotations", "relations") else {}
                    fill(ElementTree.SubElement(parent, key[:-1], attributes), inner)
            else:
                ElementTree.SubElement(parent, key).text = str(value)

    root = ElementTree.Element("collection")
    fill(root, json.loads(text))
    return ElementTree.tostring(root, encoding="unicode")


@given(st.lists(documents(), max_size=3))
def test_what_is_written_is_read_back(tmp_path_factory, corpus):
    folder = tmp_path_factory.mktemp("bioc")
    before, between, after = COLLECTION
    text = before + between.join(map(format_bioc, corpus)) + after
    assert read(folder, text) == corpus
    assert read(folder, to_xml(text)) == corpus


def places(document: AnnotatedDocument) -> list:
    return [(mention.start, mention.end, mention.text, mention.fragments) for mention in document.mentions]


@pytest.mark.parametrize("gap", [0, 1, 7])
def test_passages_stay_where_they_were(tmp_path, gap):
    """Whatever room the file leaves between them; offsets of its annotations are the file's too."""
    passages = (
        Passage("t", "TP53 𝛃", 100),
        Passage("table caption", "EGFR", 106 + gap),
        Passage("", "", 110 + 2 * gap),
    )
    mentions = (
        Mention(0, 4, "TP53", "Gene", "-1"),
        Mention(8, 11, "GFR", "Gene"),
        Mention(5, 11, "𝛃 EGFR", "Gene"),
        Mention(0, 10, "TP53 𝛃 EGF", "Gene", fragments=((0, 4), (7, 10))),
    )
    document = AnnotatedDocument("1", passages, mentions)
    written = json.loads(format_bioc(document))
    assert [(one["offset"], one["infons"]) for one in written["passages"]] == [
        (100, {"type": "title"}),
        (106 + gap, {"type": "table caption"}),
        (110 + 2 * gap, {}),
    ]
    assert written["passages"][0]["annotations"][0]["locations"] == [{"offset": 100, "length": 4}]
    assert len(written["annotations"]) == 2  # those over the end of a passage
    for form in (format_bioc(document), to_xml(as_json([written]))):
        [found] = read(tmp_path, form)
        assert [passage.offset for passage in found.passages] == [passage.offset for passage in passages]
        assert found.passages == passages
        assert places(found) == places(document)


def test_mentions_without_an_id_get_one_that_is_free():
    mentions = tuple(Mention(i, i + 1, "abc"[i], "X", id=name) for i, name in enumerate(["", "0", ""]))
    document = AnnotatedDocument("1", (Passage("t", "abc"),), mentions)
    (passage,) = json.loads(format_bioc(document))["passages"]
    assert [annotation["id"] for annotation in passage["annotations"]] == ["1", "0", "2"]
