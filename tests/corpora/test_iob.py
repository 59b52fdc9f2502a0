from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iob_text import format_iob

from spacy_biobert.corpora.iob import Sentence, read_iob


def read(tmp_path: Path, text: str | bytes, **options) -> list[Sentence]:
    path = tmp_path / "corpus.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf8"))
    return list(read_iob(path, **options))


def spans(tmp_path: Path, tags: str, **options) -> list[tuple[int, int, str]]:
    lines = "".join(f"w{i}\t{tag}\n" for i, tag in enumerate(tags.split()))
    [sentence] = read(tmp_path, lines, **options)
    return list(sentence.spans)


def test_reads_sentences_and_mentions(tmp_path):
    sentences = read(tmp_path, "Wilson\tB-Disease\ndisease\tI-Disease\n.\tO\n\n\nNone\tO\n")
    assert sentences == [
        Sentence(("Wilson", "disease", "."), ((0, 2, "Disease"),)),
        Sentence(("None",)),
    ]
    assert [sentence.line for sentence in sentences] == [1, 6]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-X I-X O B-X B-X", [(0, 2, "X"), (3, 4, "X"), (4, 5, "X")]),
        ("I-X I-X O I-X B-X", [(0, 2, "X"), (3, 4, "X"), (4, 5, "X")]),  # IOB1
        ("B-X I-X E-X S-X O B-X E-X", [(0, 3, "X"), (3, 4, "X"), (5, 7, "X")]),  # IOBES
        ("B-X I-X L-X U-X O B-X L-X", [(0, 3, "X"), (3, 4, "X"), (5, 7, "X")]),  # BILUO
        ("B-X M-X E-X S-Y", [(0, 3, "X"), (3, 4, "Y")]),  # BMES
        ("B-X I-Y I-X", [(0, 1, "X"), (1, 2, "Y"), (2, 3, "X")]),
        ("S-X I-X O E-X E-X", [(0, 1, "X"), (1, 2, "X"), (3, 4, "X"), (4, 5, "X")]),
        ("O B-cell-line I-cell-line", [(1, 3, "cell-line")]),
    ],
)
def test_all_schemes_are_read_alike(tmp_path, tags, expected):
    assert spans(tmp_path, tags) == expected


@pytest.mark.parametrize("tags", ["O I-X", "I-X", "B-X I-Y", "B-X L-X E-X", "S-X I-X"])
def test_strict_refuses_mentions_without_an_opening_tag(tmp_path, tags):
    with pytest.raises(ValueError, match=r"\[B306\] .*corpus\.tsv:\d: the tag '[IE]-[XY]' of 'w\d'"):
        spans(tmp_path, tags, strict=True)


def test_strict_accepts_valid_schemes(tmp_path):
    assert spans(tmp_path, "B-X I-X B-X O S-X U-X B-Y L-Y", strict=True) == spans(
        tmp_path, "B-X I-X B-X O S-X U-X B-Y L-Y"
    )


def test_windows_files_with_byte_order_mark(tmp_path):
    unix = "Wilson\tB-Disease\ndisease\tI-Disease\n\nNone\tO\n"
    windows = b"\xef\xbb\xbf" + unix.replace("\n", "\r\n").encode("utf8")
    assert read(tmp_path, windows) == read(tmp_path, unix)


def test_separators_of_unicode_do_not_end_lines(tmp_path):
    [sentence] = read(tmp_path, "a\u2028b\tO\n\x85\tO\n\u00a0c\tO")
    assert sentence.words == ("a\u2028b", "\x85", "\u00a0c")


def test_more_columns_and_blanks(tmp_path):
    expected = [Sentence(("Wilson", "disease"), ((0, 2, "Disease"),))]
    assert read(tmp_path, "Wilson NNP B-NP B-Disease\ndisease NN I-NP I-Disease\n") == expected
    assert read(tmp_path, "Wilson\tNNP\tB-Disease\t\ndisease\tNN\tI-Disease \n \t\n") == expected


def test_document_marks(tmp_path):
    conll = "-DOCSTART- -X- O O\n\na O\n\nb O\n\n-DOCSTART- -X- O O\n\nc O\n"
    assert [(s.words, s.starts_document) for s in read(tmp_path, conll)] == [
        (("a",), True),
        (("b",), False),
        (("c",), True),
    ]
    # JNLPBA's marks stand without a blank line before them.
    assert [s.starts_document for s in read(tmp_path, "a\tO\n###MEDLINE:95369245\n\nb\tO\n")] == [False, True]


def test_tags_without_a_label(tmp_path):
    assert spans(tmp_path, "O B I O B", default_label="Gene") == [(1, 3, "Gene"), (4, 5, "Gene")]
    with pytest.raises(ValueError, match=r"\[B305\] .*corpus\.tsv:2: the tag 'B' of 'w1' names no label"):
        spans(tmp_path, "O B I")


@pytest.mark.parametrize("line", ["word", "word\t", "\tO", " \tO"])
def test_missing_columns(tmp_path, line):
    with pytest.raises(ValueError, match=r"\[B303\] .*corpus\.tsv:3: "):
        read(tmp_path, f"a\tO\n\n{line}\n")


@pytest.mark.parametrize("tag", ["X-Disease", "b-Disease", "B-", "OO", "NN"])
def test_unknown_tags(tmp_path, tag):
    with pytest.raises(ValueError, match=rf"\[B304\] .*corpus\.tsv:2: '{tag}', the last column of 'word'"):
        read(tmp_path, f"a\tO\nword\t{tag}\n")


def test_not_utf8(tmp_path):
    with pytest.raises(ValueError, match=r"\[B302\] .*corpus\.tsv:2: the byte 0xb5 in column 3 "):
        read(tmp_path, "a\tO\n10µg\tO\n".encode("latin1"))


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"\[B301\] .*absent\.tsv"):
        list(read_iob(tmp_path / "absent.tsv"))


WORDS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\t\r\n\ufeff "), min_size=1, max_size=8
).filter(lambda word: word.strip() and not word.startswith(("-DOCSTART-", "###MEDLINE:")))


@st.composite
def sentences(draw) -> Sentence:
    words = draw(st.lists(WORDS, min_size=1, max_size=8))
    cuts = sorted(draw(st.sets(st.integers(0, len(words)), max_size=6)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    mentions = tuple((start, end, draw(st.sampled_from(["Disease", "cell-line"]))) for start, end in pairs)
    return Sentence(tuple(words), mentions, draw(st.booleans()))


@given(st.lists(sentences(), max_size=4), st.booleans())
def test_what_is_written_is_read_back(tmp_path_factory, corpus, strict):
    path = tmp_path_factory.mktemp("iob") / "corpus.tsv"
    path.write_bytes(format_iob(corpus).encode("utf8"))
    assert list(read_iob(path, strict=strict)) == corpus
