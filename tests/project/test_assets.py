"""Fetching: what is there counts, what is elsewhere is copied or downloaded, and what cannot be had is named."""

import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import srsly

from spacy_biobert.files import file_digest
from spacy_biobert.project.assets import fetch_dataset, read_assets
from spacy_biobert.project.datasets import CorpusSource, Dataset, Source

FILES = {"assets/ner/a.tsv": b"one\tO\n", "assets/kb/b.txt": b"two||too\n"}
# A port that nothing listens on answers at once.
NOWHERE = "http://127.0.0.1:9/"


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path):
    """A server of a folder on this machine: (its address, the folder)."""
    folder = tmp_path / "server"
    folder.mkdir()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(folder)))
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}/", folder
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def make_project(tmp_path):
    """Make a project whose assets have the right checksums, at an address."""

    def make(address: str) -> tuple[Path, Dataset]:
        project = tmp_path / "project"
        project.mkdir()
        assets = []
        for dest, content in FILES.items():
            (tmp_path / "content").write_bytes(content)
            url, checksum = address + dest.rpartition("/")[2], file_digest(tmp_path / "content", "md5")
            assets.append({"dest": dest, "url": url, "checksum": checksum})
        srsly.write_yaml(project / "project.yml", {"assets": assets})
        (project / "shipped.tsv").write_text("three\tO\n")
        source, shipped = CorpusSource((Path("assets/ner/a.tsv"),)), CorpusSource((Path("shipped.tsv"),))
        kb = Source(Path("assets/kb/b.txt"), "medic")
        return project, Dataset("mine", "Mine", {"abstracts": source}, {"dev": shipped}, {"tokens": source}, kb)

    return make


def fill(folder: Path, *, below: str = "") -> None:
    for dest, content in FILES.items():
        path = folder / dest.removeprefix(below)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_a_file_that_is_there_counts(make_project):
    project, dataset = make_project(NOWHERE)
    fill(project)
    lines: list[str] = []
    checksums = fetch_dataset(dataset, project, report=lines.append)
    assert list(checksums) == ["assets/ner/a.tsv", "shipped.tsv", "assets/kb/b.txt"]
    assert checksums["assets/kb/b.txt"] == file_digest(project / "assets/kb/b.txt", "md5")
    assert [line.rpartition(": ")[2] for line in lines] == ["already there"] * 3


def test_a_mirror_comes_before_the_address(make_project, tmp_path):
    project, dataset = make_project(NOWHERE)
    fill(tmp_path / "mirror", below="assets/")
    fetch_dataset(dataset, project, mirror=tmp_path / "mirror")
    assert {dest: (project / dest).read_bytes() for dest in FILES} == FILES


def test_downloads_what_is_missing(make_project, server):
    address, folder = server
    project, dataset = make_project(address)
    for dest, content in FILES.items():
        (folder / Path(dest).name).write_bytes(content)
    fetch_dataset(dataset, project)
    assert {dest: (project / dest).read_bytes() for dest in FILES} == FILES
    assert not list(project.rglob("*.part"))


def test_all_missing_files_are_named_at_once(make_project):
    project, dataset = make_project(NOWHERE)
    with pytest.raises(FileNotFoundError) as error:
        fetch_dataset(dataset, project)
    for text in ("B501", *FILES, f"{NOWHERE}a.tsv", f"{NOWHERE}b.txt", "fetch mine --from"):
        assert text in str(error.value)


def test_what_could_be_had_is_kept_when_another_file_is_missing(make_project, server):
    address, folder = server
    project, dataset = make_project(address)
    (folder / "b.txt").write_bytes(FILES["assets/kb/b.txt"])
    with pytest.raises(FileNotFoundError, match=r"a\.tsv\n(.|\n)*404"):
        fetch_dataset(dataset, project)
    assert (project / "assets/kb/b.txt").read_bytes() == FILES["assets/kb/b.txt"]


def test_a_wrong_download_leaves_nothing(make_project, server):
    address, folder = server
    project, dataset = make_project(address)
    (folder / "a.tsv").write_bytes(b"an error page")
    (folder / "b.txt").write_bytes(FILES["assets/kb/b.txt"])
    with pytest.raises(FileNotFoundError, match=r"what came has the MD5 checksum"):
        fetch_dataset(dataset, project)
    assert sorted(path.name for path in (project / "assets").rglob("*") if path.is_file()) == ["b.txt"]


def test_a_file_with_another_checksum_is_left_alone(make_project):
    project, dataset = make_project(NOWHERE)
    fill(project)
    (project / "assets/ner/a.tsv").write_bytes(b"mine\tO\n")
    with pytest.raises(ValueError, match=r"B502.*a\.tsv"):
        fetch_dataset(dataset, project)
    assert (project / "assets/ner/a.tsv").read_bytes() == b"mine\tO\n"


def test_a_wrong_file_in_the_mirror_is_not_copied(make_project, tmp_path):
    project, dataset = make_project(NOWHERE)
    fill(tmp_path / "mirror", below="assets/")
    (tmp_path / "mirror/ner/a.tsv").write_bytes(b"mine\tO\n")
    with pytest.raises(ValueError, match=r"B502.*mirror"):
        fetch_dataset(dataset, project, mirror=tmp_path / "mirror")
    assert not (project / "assets/ner/a.tsv").exists()


def test_a_file_that_nobody_knows(make_project):
    project, dataset = make_project(NOWHERE)
    fill(project)
    (project / "shipped.tsv").unlink()
    with pytest.raises(FileNotFoundError, match=r"B503.*'shipped.tsv', which configs/datasets/mine.yml names"):
        fetch_dataset(dataset, project)


def test_assets_without_address_are_not_fetched(tmp_path):
    srsly.write_yaml(tmp_path / "project.yml", {"assets": [{"dest": "assets/x", "checksum": "0" * 32}]})
    assert read_assets(tmp_path) == {}


def test_whatever_comes_is_taken_where_no_checksum_is_known(make_project, server):
    address, folder = server
    project, dataset = make_project(address)
    listed = srsly.read_yaml(project / "project.yml")["assets"]
    srsly.write_yaml(project / "project.yml", {"assets": [{"dest": a["dest"], "url": a["url"]} for a in listed]})
    for dest in FILES:
        (folder / Path(dest).name).write_bytes(b"another\tO\n")
    assert set(fetch_dataset(dataset, project)) == {*FILES, "shipped.tsv"}
    # And again, with what is there now.
    assert set(fetch_dataset(dataset, project)) == {*FILES, "shipped.tsv"}


def test_each_file_of_a_folder_counts(make_project):
    project, dataset = make_project(NOWHERE)
    fill(project)
    (project / "brat").mkdir()
    for name in ("1.txt", "1.ann"):
        (project / "brat" / name).write_text(name)
    checksums = fetch_dataset(replace(dataset, test={"brat": CorpusSource((Path("brat"),), "brat")}), project)
    assert len([path for path in checksums if "/brat/1." in path]) == 2


def test_no_project(tmp_path):
    with pytest.raises(ValueError, match=r"\[B512\].*project.yml"):
        read_assets(tmp_path)
