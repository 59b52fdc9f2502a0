import gzip

import pytest

from spacy_biobert.corpora.texts import read_texts
from spacy_biobert.linking.sources.lines import read_lines
from spacy_biobert.pretraining.text import read_documents
from spacy_biobert.text_files import numbered_lines, whole_text


def packed(text):
    # Without the time, which would make names of tests differ between processes.
    return gzip.compress(text.encode(), mtime=0)


def corpus(path):
    return [document.text for document in read_texts(str(path))]


def vocabulary(path):
    return [line for _, line in read_lines(path)]


def pretraining(path):
    return list(read_documents([path]))


ENTRIES = [corpus, vocabulary, pretraining]
"""Whoever reads lines: each gives those that are not blank."""


@pytest.mark.parametrize("read", ENTRIES)
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.txt", "a fever\n\nnaïve cells\n".encode()),
        ("no_end.txt", "a fever\nnaïve cells".encode()),
        ("mark.txt", "\ufeffa fever\nnaïve cells\n".encode()),
        ("windows.txt", "a fever\r\n\r\nnaïve cells\r\n".encode()),
        ("packed.txt.gz", packed("\ufeffa fever\r\nnaïve cells\n")),
        ("packed_without_suffix", packed("a fever\nnaïve cells\n")),
        ("not_packed.gz", "a fever\nnaïve cells\n".encode()),
    ],
)
def test_lines_are_the_same_to_all(tmp_path, read, name, content):
    (tmp_path / name).write_bytes(content)
    assert read(tmp_path / name) == ["a fever", "naïve cells"]


@pytest.mark.parametrize("read", ENTRIES)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"good\nna\xefve\n", r"\[B302\] .*text:2: the byte 0xef in column 3 .*iconv"),
        (b"\xef\xbb\xbfna\xefve\n", r"\[B302\] .*text:1: the byte 0xef in column 3 "),
        ("fever".encode("utf-16"), r"\[B302\] .*text:1: .*UTF-16"),
        (b"PK\x03\x04rest", r"\[B307\] '.*text' is a zip archive"),
        (packed("".join(f"{n}\n" for n in range(9999)))[:-2000], r"\[B342\] '.*text' cannot be unp"),
        (packed("a fever\n")[:-4] + b"gone", r"\[B342\] '.*text' cannot be unpacked"),
    ],
)
def test_what_is_no_text_is_told_alike(tmp_path, read, content, message):
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "text")


@pytest.mark.parametrize("read", ENTRIES)
def test_no_file(tmp_path, read):
    with pytest.raises(FileNotFoundError, match=r"\[B301\] "):
        read(tmp_path / "nowhere")


@pytest.mark.parametrize("read", [vocabulary, pretraining])
def test_a_folder_is_no_file(tmp_path, read):
    """A folder of texts is annotated, each file by itself."""
    with pytest.raises(IsADirectoryError, match=r"\[B341\] .*--format rrf"):
        read(tmp_path)


def test_only_line_ends_end_lines(tmp_path):
    path = tmp_path / "text"
    text = "\ufeffa\u2028b\x0bc\rd\r\n\n e "
    path.write_bytes(text.encode())
    assert list(numbered_lines(path)) == [(1, "a\u2028b\x0bc\rd"), (2, ""), (3, " e ")]
    assert "".join(line for _, line in numbered_lines(path, keep_ends=True)) == text.removeprefix("\ufeff")
    # Offsets count every character that is there.
    assert whole_text(path) == text
