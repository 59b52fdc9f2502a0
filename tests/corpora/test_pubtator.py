from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.corpora.annotations import AnnotatedDocument, Mention, Passage, Relation
from spacy_biobert.corpora.pubtator import format_pubtator, read_pubtator

TITLE = "Wilson disease in siblings."
ABSTRACT = "Penicillamine helped | both."


def read(tmp_path: Path, text: str | bytes) -> list[AnnotatedDocument]:
    path = tmp_path / "corpus.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf8"))
    return list(read_pubtator(path))


def test_reads_a_document(tmp_path):
    [document] = read(
        tmp_path,
        f"1|t|{TITLE}\n1|a|{ABSTRACT}\n1\t0\t14\tWilson disease\tDisease\tD006527\n"
        "1\t28\t41\tPenicillamine\tChemical\tD010396\n1\tTreatment\tD010396\tD006527\tNovel\n\n",
    )
    assert document == AnnotatedDocument(
        "1",
        (Passage("t", TITLE), Passage("a", ABSTRACT)),
        (
            Mention(0, 14, "Wilson disease", "Disease", "D006527"),
            Mention(28, 41, "Penicillamine", "Chemical", "D010396"),
        ),
        (Relation("Treatment", ("D010396", "D006527", "Novel")),),
    )
    assert document.text == f"{TITLE} {ABSTRACT}"


def test_nothing_is_left_out(tmp_path):
    nested = (
        "1|t|Wilson disease\n1|a|\n1\t0\t14\tWilson disease\tDisease\tD1|D2\n1\t0\t14\tWilson disease\tDisease\tD1|D2\n"
        "1\t0\t6\tWilson\tPerson\n1\t0\t14\tWilson disease\tDisease\tD1|D2\tWilson|disease\t\n"
    )
    [document] = read(tmp_path, nested)
    assert [(mention.ids, mention.extra) for mention in document.mentions] == [
        ("D1|D2", ()),
        ("D1|D2", ()),
        (None, ()),
        ("D1|D2", ("Wilson|disease", "")),
    ]
    assert document.text == "Wilson disease "
    assert format_pubtator(document) == nested + "\n"


def test_documents_are_told_apart_with_or_without_blank_lines(tmp_path):
    text = "\n\n1|t|A b\n\n1|a|C\n\n1\t0\t1\tA\tX\n2|t|D\n2|a|E\n2|t|D\n2|a|E\n3|a|F"
    documents = read(tmp_path, text)
    assert [(document.id, document.text, document.line) for document in documents] == [
        ("1", "A b C", 3),
        ("2", "D E", 8),
        ("2", "D E", 10),
        ("3", "F", 12),
    ]
    assert len(documents[0].mentions) == 1


def test_windows_files_with_byte_order_mark(tmp_path):
    unix = "1|t|A b\n1|a|C\n1\t0\t1\tA\tX\tD000001\n\n"
    assert read(tmp_path, b"\xef\xbb\xbf" + unix.replace("\n", "\r\n").encode("utf8")) == read(tmp_path, unix)


def test_offsets_count_characters(tmp_path):
    [document] = read(tmp_path, "1|t|β-Blocker \U0001d6fc und Kater\n1|a|\n1\t16\t21\tKater\tDisease\n")
    assert document.mentions[0].text == "Kater"


def test_white_space_around_a_mention_is_no_contradiction(tmp_path):
    [document] = read(tmp_path, '1|t|A " plus " sign\n1|a|\n1\t0\t10\tA " plus "  \tX\n1\t0\t11\tA " plus "\tX\n')
    assert [mention.text for mention in document.mentions] == ['A " plus "', 'A " plus " ']


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1\t0\t6\tWilsom\tDisease\tD1", r"\[B314\] .*corpus\.txt:3: .*0-6 is 'Wilsom' here, .* is 'Wilson'"),
        ("1\t1\t7\tWilson\tDisease\tD1", r"\[B314\] .*:3: .*1-7 is 'Wilson' here, .* is 'ilson '"),
        ("1\t6\t7\t \tDisease\tD1", r"\[B314\] .*:3: "),
        ("1\t50\t60\tx\tDisease\tD1", r"\[B313\] .*:3: .*50-60 in a text of 56 characters"),
        ("1\t6\t6\t\tDisease\tD1", r"\[B313\] .*:3: .*6-6 "),
        ("1\t6\t0\tWilson\tDisease\tD1", r"\[B313\] .*:3: .*6-0 "),
        ("1\t0\tsix\tWilson\tDisease\tD1", r"\[B312\] .*:3: .* 6 columns"),
        ("1\t0\t6\tWilson", r"\[B312\] .*:3: .* 4 columns"),
        ("1\t0\t6\tWilson\t \tD1", r"\[B315\] .*:3: the mention 'Wilson' has no type"),
        ("2\t0\t6\tWilson\tDisease\tD1", r"\[B311\] .*:3: .* document 2, .* of 1\."),
        ("1\to\t6\tWilson\tDisease\tD1", None),
        ("1\t-3\t6\tWilson\tDisease\tD1", r"\[B310\] .*:3: "),
        ("1\t1o\t20\tWilson\tDisease\tD1", r"\[B310\] .*:3: "),
        ("1\tCID", r"\[B310\] .*:3: "),
        ("1 0 6 Wilson Disease D1", r"\[B310\] .*:3: '1 0 6 Wilson Disease D1' is no line"),
        ("|t|no number", r"\[B310\] .*:3: "),
    ],
)
def test_malformed_lines(tmp_path, line, message):
    text = f"1|t|{TITLE}\n1|a|{ABSTRACT}\n{line}\n"
    if message is None:  # Any word names a relation.
        assert read(tmp_path, text)[0].relations[0].label == "o"
        return
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text)


def test_annotation_before_any_text(tmp_path):
    with pytest.raises(ValueError, match=r"\[B311\] .*:1: .* under the text of no document"):
        read(tmp_path, "1\t0\t6\tWilson\tDisease\tD1\n")


def test_not_utf8(tmp_path):
    with pytest.raises(ValueError, match=r"\[B302\] .*corpus\.txt:1: the byte 0xb5"):
        read(tmp_path, "1|t|10 µg\n".encode("latin1"))


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=40)
FIELD = st.text(st.characters(categories=["L", "N", "P"], exclude_characters="\t|"), min_size=1, max_size=8)


@st.composite
def documents(draw) -> AnnotatedDocument:
    passages = (Passage("t", draw(TEXT)), Passage("a", draw(TEXT)))
    text = AnnotatedDocument("1", passages).text
    mentions = []
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        if text[start:end].strip():
            ids = draw(st.none() | FIELD)
            extra = () if ids is None else tuple(draw(st.lists(FIELD, max_size=2)))
            mentions.append(Mention(start, end, text[start:end], draw(FIELD), ids, extra))
    relations = [
        Relation("CID", tuple(draw(st.lists(FIELD, min_size=1, max_size=3)))) for _ in range(draw(st.integers(0, 2)))
    ]
    return AnnotatedDocument(draw(FIELD), passages, tuple(mentions), tuple(relations))


@given(st.lists(documents(), max_size=3))
def test_what_is_written_is_read_back(tmp_path_factory, corpus):
    path = tmp_path_factory.mktemp("pubtator") / "corpus.txt"
    path.write_bytes("".join(map(format_pubtator, corpus)).encode("utf8"))
    found = list(read_pubtator(path))
    assert [document.id for document in found] == [document.id for document in corpus]
    for document, original in zip(found, corpus, strict=True):
        # The format cannot hold tabs and line breaks: spaces stand in their place, and no offset moves.
        assert len(document.text) == len(original.text)
        assert document.text.split() == original.text.split()
        assert document.relations == original.relations
        for mention, source in zip(document.mentions, original.mentions, strict=True):
            assert document.text[mention.start : mention.end] == mention.text
            assert (mention.start, mention.end, mention.label, mention.ids, mention.extra) == (
                source.start,
                source.end,
                source.label,
                source.ids,
                source.extra,
            )
    assert list(map(format_pubtator, found)) == list(map(format_pubtator, corpus))


def test_documents_of_other_formats_become_a_title_and_an_abstract(tmp_path):
    passages = (Passage("front", "TP53,"), Passage("t", "a 𝛃-form"), Passage("t", "of\tEGFR"))
    mentions = (Mention(6, 14, "a 𝛃-form", "Gene"), Mention(18, 22, "EGFR", "Gene", "NCBIGene:1956"))
    written = format_pubtator(AnnotatedDocument("a|b\t", passages, mentions))
    assert written == (
        "a_b_|t|TP53,\na_b_|a|a 𝛃-form of EGFR\n"
        "a_b_\t6\t14\ta 𝛃-form\tGene\na_b_\t18\t22\tEGFR\tGene\tNCBIGene:1956\n\n"
    )
    [document] = read(tmp_path, written)
    assert [(mention.text, mention.start) for mention in document.mentions] == [("a 𝛃-form", 6), ("EGFR", 18)]
    assert format_pubtator(AnnotatedDocument(" ", ())) == "_|t|\n_|a|\n\n"
