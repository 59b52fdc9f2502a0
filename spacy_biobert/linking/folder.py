"""The folder that a knowledge base is: a manifest and the files that it lists, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import Errors
from ..files import file_digest

MANIFEST = "meta.json"
FORMAT = "spacy_biobert.KnowledgeBase"
FORMAT_VERSION = 2
_END_SIZE = 1 << 16
_KEYS = frozenset(("package_version", "source", "n_concepts", "n_names", "type_sets", "files"))


def file_names(manifest: dict[str, Any]) -> list[str]:
    """Return the names of all files of a folder with this manifest, itself among them."""
    return sorted((MANIFEST, *manifest["files"]))


def _ends_checksum(path: Path) -> str:
    """Return the SHA-256 of the first and the last bytes of a file.

    It is soon computed however large the file is, and tells an array of another knowledge base, and a database that was
    written to: SQLite counts the changes in its first bytes.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(_END_SIZE))
        file.seek(max(file.tell(), path.stat().st_size - _END_SIZE))
        digest.update(file.read(_END_SIZE))
    return digest.hexdigest()


def write_manifest(folder: Path, meta: dict[str, Any]) -> None:
    """Write the manifest of a folder: ``meta``, and size and checksum of each file that lies there."""
    files = {
        path.name: {"size": path.stat().st_size, "sha256": file_digest(path, "sha256"), "ends": _ends_checksum(path)}
        for path in sorted(folder.iterdir())
        if path.name != MANIFEST
    }
    manifest = {"format": FORMAT, "format_version": FORMAT_VERSION, **meta, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf8")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check the manifest of a folder: its format, its version, and each file's size and ends.

    Args:
        folder: A knowledge base.

    Returns:
        What :func:`write_manifest` wrote.

    Raises:
        FileNotFoundError: There is no such folder, or it is no knowledge base.
        ValueError: The folder has another version of the format, or its files are not those that were written.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(Errors.B201.format(path=folder))
    try:
        manifest = json.loads(path.read_text(encoding="utf8"))
    except ValueError as error:
        raise ValueError(Errors.B203.format(path=folder, reason=f"{MANIFEST} is not JSON: {error}")) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise FileNotFoundError(Errors.B201.format(path=folder))
    if manifest.get("format_version") != FORMAT_VERSION:
        raise ValueError(Errors.B202.format(path=folder, found=manifest.get("format_version"), expected=FORMAT_VERSION))
    if missing := _KEYS - manifest.keys():
        raise ValueError(Errors.B203.format(path=folder, reason=f"{MANIFEST} lacks {', '.join(sorted(missing))}"))
    files = manifest["files"]
    if not isinstance(files, dict) or not all(
        Path(name).name == name and isinstance(file, dict) and {"size", "sha256", "ends"} <= file.keys()
        for name, file in files.items()
    ):
        raise ValueError(Errors.B203.format(path=folder, reason=f"{MANIFEST} does not list its files"))
    for name, expected in files.items():
        file = folder / name
        if not file.is_file():
            raise ValueError(Errors.B203.format(path=folder, reason=f"{name} is missing"))
        if file.stat().st_size != expected["size"]:
            reason = f"{name} has {file.stat().st_size} bytes and was written with {expected['size']}"
            raise ValueError(Errors.B203.format(path=folder, reason=reason))
        if _ends_checksum(file) != expected["ends"]:
            reason = f"{name} was changed, or belongs to another knowledge base"
            raise ValueError(Errors.B203.format(path=folder, reason=reason))
    return manifest


def verify_files(folder: Path, manifest: dict[str, Any]) -> None:
    """Compare the checksum of every file with the manifest's.

    Raises:
        ValueError: A file is not what was written.
    """
    for name, expected in manifest["files"].items():
        if file_digest(folder / name, "sha256") != expected["sha256"]:
            raise ValueError(Errors.B203.format(path=folder, reason=f"the checksum of {name} is not the manifest's"))


@contextmanager
def replace_folder(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a new folder to write in, which becomes ``out`` when the block ends well, and disappears when it does not.

    Args:
        out: Where the folder shall be. Folders above it are made.
        overwrite: Whether a knowledge base that lies there may be replaced. Anything else never is.

    Raises:
        FileExistsError: Something lies at ``out`` that may not be replaced.
    """
    _require_replaceable(out, overwrite=overwrite)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(out)
    temporary.mkdir()
    try:
        yield temporary
        # Again: much may have come there while this was written.
        _require_replaceable(out, overwrite=overwrite)
        if out.exists():
            # Two renames: whoever has the old files open keeps them, and no reader meets half a folder.
            retired = _beside(out)
            out.rename(retired)
            try:
                temporary.rename(out)
            except BaseException:
                retired.rename(out)
                raise
            shutil.rmtree(retired)
        else:
            temporary.rename(out)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _require_replaceable(out: Path, *, overwrite: bool) -> None:
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        is_kb = (out / MANIFEST).is_file()
        if not (is_kb and overwrite):
            raise FileExistsError((Errors.B204 if is_kb else Errors.B205).format(path=out))


def _beside(out: Path) -> Path:
    """Name a folder that does not exist yet, on the same file system as ``out``."""
    return out.with_name(f".{out.name}-{uuid.uuid4().hex}")
