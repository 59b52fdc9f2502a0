import hashlib

import pytest

from spacy_biobert.files import file_digest, replacing, require_new


def test_a_file_is_replaced_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "weights"
    for content in (b"first", b"second"):
        with replacing(path) as part:
            part.write_bytes(content)
            assert not path.exists() or path.read_bytes() == b"first"
        assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("reason", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file(tmp_path, reason):
    path = tmp_path / "weights"
    path.write_bytes(b"old")

    def write():
        with replacing(path) as part:
            part.write_bytes(b"ha")
            raise reason

    with pytest.raises(reason):
        write()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="early"), replacing(tmp_path / "weights"):
        raise ValueError("early")
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_written_over(tmp_path):
    (tmp_path / "weights.part").write_bytes(b"half of an old, longer file")
    with replacing(tmp_path / "weights") as part:
        part.write_bytes(b"new")
    assert (tmp_path / "weights").read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_open_file_stays_as_it_was(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"old")
    with path.open("rb") as file:
        with replacing(path) as part:
            part.write_bytes(b"new")
        assert file.read() == b"old"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("size", [0, 1, (1 << 20), (1 << 20) + 1])
@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_digests(tmp_path, size, algorithm):
    content = bytes(n % 251 for n in range(size))
    (tmp_path / "file").write_bytes(content)
    assert file_digest(tmp_path / "file", algorithm) == hashlib.new(algorithm, content).hexdigest()


def test_a_folder_to_make(tmp_path):
    require_new(tmp_path / "none")
    require_new(tmp_path)
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(FileExistsError, match=r"\[B046\]"):
            require_new(path)
