import gzip
import re
from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.corpora.annotations import AnnotatedDocument, Mention, Passage, Relation
from spacy_biobert.corpora.brat import format_brat, read_brat, write_brat
from spacy_biobert.corpora.documents import USER_DATA_KEY, document_to_doc
from spacy_biobert.span_places import SPANS_KEY

TEXT = "Breast and ovarian cancer.\nPenicillamine (β-form) helps."
ANN = (
    "T1\tDisease 0 6;19 25\tBreast cancer\nT2\tDisease 11 25\tovarian cancer\nT3\tChemical 27 40\tPenicillamine\n"
    "T4\tDrug 42 48\tβ-form\nN1\tReference T1 MESH:D001943\tBreast Neoplasms\nN2\tReference T1 omim:114480\t\n"
    "#1\tAnnotatorNotes T3\tMESH:D010396\n#2\tAnnotatorNotes T4\tsee page 3: unclear\nR1\tTreats Arg1:T3 Arg2:T2\t\n"
    "E1\tTherapy:T3 Theme:T2\nA1\tNegated E1\nM1\tSpeculation T2\n*\tEquiv T3 T4\n\n"
)


def write(folder: Path, text: str = TEXT, ann: str = ANN, name: str = "7") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.txt").write_bytes(text.encode())
    (folder / f"{name}.ann").write_bytes(ann.encode())
    return folder


def test_reads_mentions_concepts_and_relations(tmp_path):
    [document] = read_brat(write(tmp_path / "corpus"))
    assert (document.id, document.text) == ("7", TEXT)
    assert document.mentions == (
        Mention(
            0,
            25,
            "Breast and ovarian cancer",
            "Disease",
            "MESH:D001943|omim:114480",
            id="T1",
            fragments=((0, 6), (19, 25)),
        ),
        Mention(11, 25, "ovarian cancer", "Disease", id="T2"),
        Mention(27, 40, "Penicillamine", "Chemical", "MESH:D010396", id="T3"),
        Mention(42, 48, "β-form", "Drug", id="T4"),
    )
    assert document.relations == (Relation("Treats", ("T3", "T2")),)


def test_references_of_events_say_nothing_of_mentions(tmp_path):
    ann = "T1\tDisease 0 6\tBreast\nE1\tCause:T1\nN1\tReference E1 MESH:D1\tx\n"
    [document] = read_brat(write(tmp_path / "corpus", ann=ann))
    assert [(mention.text, mention.ids) for mention in document.mentions] == [("Breast", None)]


def test_becomes_a_doc_as_pubtator_does(tmp_path):
    [document] = read_brat(write(tmp_path / "corpus"))
    doc = document_to_doc(document, spacy.blank("en").make_doc)
    assert doc.text == TEXT
    assert [(ent.text, ent.label_, ent.kb_id_) for ent in doc.ents] == [
        ("Breast and ovarian cancer", "Disease", "MESH:D001943|OMIM:114480"),
        ("Penicillamine", "Chemical", "MESH:D010396"),
        ("β-form", "Drug", ""),
    ]
    assert [span.text for span in doc.spans[SPANS_KEY]][1] == "ovarian cancer"
    data = doc.user_data[USER_DATA_KEY]
    assert data["mentions"]["T2"] == (11, 25, "Disease")
    assert data["fragments"] == [[(0, 6), (19, 25)]]
    assert data["relations"] == [("Treats", "T3", "T2")]


def test_documents_come_in_order_and_folders_are_left_alone(tmp_path):
    folder = write(write(tmp_path / "corpus", name="b"), name="a")
    (folder / "annotation.conf").write_text("[entities]\n")
    write(folder / "more")
    assert [document.id for document in read_brat(folder)] == ["a", "b"]


def test_line_breaks_count_as_they_are_stored(tmp_path):
    ann = "T1\tDisease 4 12\tlong QT\nT2\tDisease 10 12\tQT\n"
    [document] = read_brat(write(tmp_path / "corpus", "A: \nlong\r\nQT", ann))
    assert [mention.text for mention in document.mentions] == ["long\r\nQT", "QT"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("T5\tDisease 1 7\tBreast", r"\[B349\] .*7\.ann:1: .*1-7 is 'Breast' here, .* is 'reast '"),
        ("T5\tDisease 0 6;20 25\tBreast cancer", r"\[B349\] .*:1: .*0-6;20-25 .* is 'Breast ancer'"),
        ("T5\tDisease 50 99\tx", r"\[B348\] .*:1: .*50-99 in a text of 56 characters"),
        ("T5\tDisease 6 6\t", r"\[B348\] .*:1: .*6-6"),
        ("T5\tDisease 6 7\t ", r"\[B349\] .*:1: "),
        ("T5\tDisease zero 6\tBreast", r"\[B345\] .*:1: "),
        ("T5 Disease 0 6 Breast", r"\[B345\] .*:1: "),
        ("Breast cancer", r"\[B345\] .*:1: 'Breast cancer' is no line"),
        ("R1\tTreats Arg1:T8 Arg2:T9\t", r"\[B347\] .*:1: .* mention T8"),
        ("N1\tReference T9 MESH:D001943\t", r"\[B347\] .*:1: .* mention T9"),
        ("T5\tX 0 6\tBreast\nT5\tX 0 6\tBreast", r"\[B346\] .*:2: there is a mention T5 already"),
    ],
)
def test_malformed_lines(tmp_path, line, message):
    with pytest.raises(ValueError, match=message):
        list(read_brat(write(tmp_path / "corpus", ann=line + "\n")))


def test_a_file_without_its_partner(tmp_path):
    folder = write(tmp_path / "corpus")
    (folder / "8.txt").write_text("Alone.")
    with pytest.raises(FileNotFoundError, match=r"\[B344\] '.*8\.txt' has no '8\.ann' beside it"):
        list(read_brat(folder))
    (folder / "8.txt").rename(folder / "8.ann")
    with pytest.raises(FileNotFoundError, match=r"\[B344\] '.*8\.ann' has no '8\.txt' beside it"):
        list(read_brat(folder))


def test_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"\[B343\]"):
        list(read_brat(tmp_path / "absent"))


def test_not_utf8(tmp_path):
    folder = write(tmp_path / "corpus")
    (folder / "7.txt").write_bytes(b"Two lines,\nof 10 \xb5g")
    with pytest.raises(ValueError, match=r"\[B302\] .*7\.txt:2: the byte 0xb5 in column 7"):
        list(read_brat(folder))


def test_packed_texts_are_not_taken_for_missing_ones(tmp_path):
    folder = write(tmp_path / "corpus")
    (folder / "7.txt").write_bytes(gzip.compress(TEXT.encode()))
    assert next(read_brat(folder)).text == TEXT


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
TYPES = st.from_regex(re.compile(r"[A-Za-z][A-Za-z_-]{0,8}", re.ASCII), fullmatch=True)
IDS = st.lists(st.from_regex(re.compile(r"(MESH|GO):[CD][0-9]{6}", re.ASCII), fullmatch=True), max_size=2, unique=True)


@st.composite
def documents(draw) -> AnnotatedDocument:
    text = draw(TEXTS)
    mentions = []
    for number in range(draw(st.integers(0, 4))):
        offsets = sorted(draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=4, unique=True)))
        pieces = tuple(zip(offsets[::2], offsets[1::2], strict=False))
        start, end = pieces[0][0], pieces[-1][1]
        if "".join(text[first:last] for first, last in pieces).strip():
            ids = "|".join(draw(IDS)) or None
            fragments = pieces if len(pieces) > 1 else ()
            name = f"T{number}"
            mentions.append(Mention(start, end, text[start:end], draw(TYPES), ids, id=name, fragments=fragments))
    names = [mention.id for mention in mentions]
    pairs = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=2)) if names else []
    relations = tuple(Relation(draw(TYPES), pair) for pair in pairs)
    return AnnotatedDocument("7", (Passage("t", text),), tuple(mentions), relations)


@given(documents())
def test_what_is_written_is_read_back(tmp_path_factory, document):
    text, ann = format_brat(document)
    [found] = read_brat(write(tmp_path_factory.mktemp("brat"), text, ann))
    assert found == document


def test_documents_of_other_formats_get_numbers(tmp_path):
    mentions = (Mention(0, 6, "Wilson", "Disease", "D006527|-1"), Mention(0, 6, "Wilson", "Person"))
    text, ann = format_brat(AnnotatedDocument("1", (Passage("t", "Wilson"), Passage("a", "")), mentions))
    assert text == "Wilson "
    assert ann == "T1\tDisease 0 6\tWilson\nT2\tPerson 0 6\tWilson\nN1\tReference T1 MESH:D006527\t\n"


def test_relations_are_renamed_with_mentions(tmp_path):
    """Names of another format are no names here."""
    mentions = (Mention(0, 6, "Wilson", "Disease", id="9"), Mention(7, 10, "new", "Drug", id="2"))
    document = AnnotatedDocument("1", (Passage("t", "Wilson new"),), mentions, (Relation("Treats", ("2", "9")),))
    [again] = read_brat(write(tmp_path / "again", *format_brat(document)))
    assert again.relations == (Relation("Treats", ("T2", "T1")),)


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        (["7", "7", "7"], ["7", "7-2", "7-3"]),
        (["a.txt", "a.TXT", "b.tx"], ["a", "a-2", "b.tx"]),
        (["../a/b", ".a", ""], [".._a_b".replace("..", "_.", 1), "_a", "_"]),
        (["β" * 300, "𝛃" * 300, "a b"], ["β" * 100, "𝛃" * 50, "a_b"]),
        (["a-3", "a", "a"], ["a-3", "a", "a-3-3"]),
    ],
)
def test_files_are_called_as_documents_are(tmp_path, ids, names):
    for number, name in enumerate(ids, 1):
        write_brat(tmp_path, AnnotatedDocument(name, (Passage("t", f"A\r\n{number}"),)), number)
    assert {path.name for path in tmp_path.iterdir()} == {name + end for name in names for end in (".txt", ".ann")}
    found = {document.id: document.text for document in read_brat(tmp_path)}
    assert found == {name: f"A\r\n{number}" for number, name in enumerate(names, 1)}


def test_pieces_in_any_order(tmp_path):
    ann = "T1\tDisease 19 25;0 6\tcancer Breast\n"
    [document] = read_brat(write(tmp_path / "corpus", ann=ann))
    pieces = ((19, 25), (0, 6))
    assert document.mentions == (Mention(0, 25, "Breast and ovarian cancer", "Disease", id="T1", fragments=pieces),)
    assert format_brat(document) == (TEXT, ann)


def test_mentions_with_the_same_name_are_numbered():
    """Those of the other format may be those of passages."""
    mentions = (Mention(0, 6, "Wilson", "Person", id="T2"), Mention(7, 10, "new", "Drug", "MESH:D1", id="T2"))
    _, ann = format_brat(AnnotatedDocument("1", (Passage("t", "Wilson new"),), mentions))
    assert ann == "T1\tPerson 0 6\tWilson\nT2\tDrug 7 10\tnew\nN1\tReference T2 MESH:D1\t\n"


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n", "\t"])
def test_a_line_break_in_a_mention(tmp_path, line_break):
    text = f"long{line_break}QT"
    document = AnnotatedDocument("7", (Passage("t", text),), (Mention(0, len(text), text, "Disease", id="T1"),))
    written, ann = format_brat(document)
    assert (written, ann) == (text, f"T1\tDisease 0 {len(text)}\tlong{' ' * len(line_break)}QT\n")
    assert list(read_brat(write(tmp_path / "again", written, ann))) == [document]


def test_labels_with_white_space(tmp_path):
    document = AnnotatedDocument("1", (Passage("t", "TP53"),), (Mention(0, 4, "TP53", "Gene or gene product"),))
    [again] = read_brat(write(tmp_path / "again", *format_brat(document)))
    assert again.mentions[0].label == "Gene_or_gene_product"


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ("C0006142", "C0006142"),
        ("UMLS:C0020538 hypertension", "UMLS:C0020538"),
        ("MESH:D1, MESH:D2", "MESH:D1, MESH:D2"),
        ("page:3 is unclear", None),
        ("C0006142 or not", None),
        ("C0006142, C0006143", "C0006142, C0006143"),
        ("MESH:D001943 MESH:D010051", "MESH:D001943 MESH:D010051"),
        ("MESH:D001943 / OMIM:114480", None),
    ],
)
def test_notes_that_are_concept_ids(tmp_path, note, expected):
    (tmp_path / "1.txt").write_text("fever")
    (tmp_path / "1.ann").write_text(f"T1\tDisease 0 5\tfever\n#1\tAnnotatorNotes T1\t{note}\n")
    (document,) = read_brat(tmp_path)
    assert document.mentions[0].ids == expected
