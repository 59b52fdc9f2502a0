import io
import tarfile
from pathlib import Path

import pytest

from spacy_biobert.corpora.annotations import Mention
from spacy_biobert.corpora.convert import convert_corpus
from spacy_biobert.corpora.s800 import read_s800
from spacy_biobert.corpora.tokenizer import blank_pipeline

FILES = {
    "abstracts/bac001.txt": "Title.\n\nE. coli grows.",
    "abstracts/bac002.txt": "No species.",
    "pubmedid.tsv": "bac001\tPMID:11\nbac002\tPMID:22\n",
    "S800.tsv": "562\tbac001:11\t8\t14\tE. coli\n",
}


def write(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return path


def test_reads_the_archive(tmp_path):
    first, second = read_s800(write(tmp_path / "S800-1.0.tar.gz", FILES))
    assert (first.id, first.text) == ("11", FILES["abstracts/bac001.txt"])
    assert first.mentions == (Mention(8, 15, "E. coli", "Species", "NCBITaxon:562"),)
    assert (second.id, second.mentions) == ("22", ())


def test_a_split_is_a_list_of_documents(tmp_path):
    archive = write(tmp_path / "S800-1.0.tar.gz", FILES)
    (tmp_path / "train.txt").write_text("22\n")
    options = {"nlp": blank_pipeline(), "format": "s800"}
    summary = convert_corpus(archive, tmp_path / "a.spacy", documents=tmp_path / "train.txt", **options)
    assert (summary.docs, summary.mentions) == (1, {})
    (tmp_path / "train.txt").write_text("22\n33\n")
    with pytest.raises(ValueError, match=r"\[B366\] .*train\.txt names documents .*: 33\."):
        convert_corpus(archive, tmp_path / "b.spacy", documents=tmp_path / "train.txt", **options)
    assert not (tmp_path / "b.spacy").exists()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("S800.tsv", "562\tbac001:11\t8\t15\tE. coli\n", r"\[B349\] .*S800\.tsv:1: .*'E\. coli' here, .*'E\. coli '"),
        ("S800.tsv", "\n562\tbac009:11\t8\t14\tE. coli\n", r"\[B349\] .*S800\.tsv:2: "),
        ("S800.tsv", "562 bac001\n", r"\[B365\] .*S800\.tsv:1: '562 bac001'"),
        ("pubmedid.tsv", "bac001\tPMID:11\nbac003\tPMID:3\n", r"\[B364\] .* has no abstracts/bac003\.txt"),
        ("pubmedid.tsv", None, r"\[B364\] .* has no pubmedid\.tsv"),
    ],
)
def test_a_damaged_archive(tmp_path, name, text, message):
    files = {**FILES, name: text} if text is not None else {key: FILES[key] for key in FILES if key != name}
    with pytest.raises(ValueError, match=message):
        list(read_s800(write(tmp_path / "S800-1.0.tar.gz", files)))


def test_no_archive(tmp_path):
    (tmp_path / "S800-1.0.tar.gz").write_text("<html>not found</html>")
    with pytest.raises(ValueError, match=r"\[B342\]"):
        list(read_s800(tmp_path / "S800-1.0.tar.gz"))
    with pytest.raises(FileNotFoundError, match=r"\[B301\]"):
        list(read_s800(tmp_path / "absent.tar.gz"))
