"""Bringing a dataset's files: from where they already are, from a folder that has them, or from their public address.

A file counts once its MD5 checksum, which is what spaCy's projects compare, is the one that ``project.yml`` states.
Where none is stated, any file in its place counts.
"""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import srsly
from tqdm import tqdm

from ..errors import Errors
from ..files import file_digest, replacing
from .datasets import DATASETS, Dataset

PROJECT_FILE = "project.yml"
_CHUNK = 1 << 16
_TIMEOUT = 20.0
"""Seconds without an answer, or between two pieces of a file, after which an address counts as out of reach."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that the project does not ship.

    Attributes:
        dest: Where it belongs, from the project's folder.
        url: Its public address.
        checksum: Its MD5 checksum, in hexadecimal digits; None where it is not known, and whatever comes is taken.
    """

    dest: Path
    url: str
    checksum: str | None = None


def read_assets(project: Path) -> dict[Path, Asset]:
    """Read the assets that ``project.yml`` lists with an address.

    Args:
        project: The project's folder.

    Returns:
        The assets by their `dest`.

    Raises:
        ValueError: The folder has no ``project.yml``, or it is no YAML.
    """
    if not (project / PROJECT_FILE).is_file():
        raise ValueError(Errors.B512.format(name=PROJECT_FILE, path=project))
    listed = srsly.read_yaml(project / PROJECT_FILE).get("assets", [])
    assets = [
        Asset(Path(a["dest"]), a["url"], str(a.get("checksum", "")).lower() or None) for a in listed if "url" in a
    ]
    return {asset.dest: asset for asset in assets}


def fetch_dataset(
    dataset: Dataset, project: Path, *, mirror: Path | None = None, report: Callable[[str], None] = lambda line: None
) -> dict[str, str]:
    """Bring every file of a dataset that is not there yet.

    Args:
        dataset: The dataset.
        project: The project's folder.
        mirror: A folder to copy files from, laid out like the project's ``assets`` folder, tried before the address.
        report: Told, in a line, what happened to each file.

    Returns:
        The MD5 checksum of each file, by its path from the project's folder.

    Raises:
        FileNotFoundError: Files are missing and could not be had; the message lists them all with their addresses. What
            could be had has been brought.
        ValueError: A file is another than ``project.yml`` means. It is left as it is.
    """
    assets = read_assets(project)
    missing: list[str] = []
    out_of_reach: set[str] = set()
    checksums: dict[str, str] = {}
    for path in dataset.files():
        target = project / path
        asset = assets.get(path)
        if asset is None:
            if not target.exists():
                recipe = DATASETS / f"{dataset.name}.yml"
                raise FileNotFoundError(Errors.B503.format(path=path, recipe=recipe, project=PROJECT_FILE))
            report(f"{path}: already there")
        elif target.is_file():
            _check(target, asset)
            report(f"{path}: already there")
        elif mirror and (copy := _in_mirror(mirror, asset)).is_file():
            _check(copy, asset)
            with replacing(target) as part:
                shutil.copyfile(copy, part)
            report(f"{path}: copied from {copy}")
        else:
            problem = _download(asset, target, out_of_reach)
            if problem:
                missing.append(f"  {path}\n    from {asset.url}\n    ({problem})")
                continue
            report(f"{path}: downloaded")
        checksums |= folder_checksums(target) if target.is_dir() else {path.as_posix(): file_digest(target, "md5")}
    if missing:
        raise FileNotFoundError(Errors.B501.format(dataset=dataset.name, missing="\n".join(missing)))
    return checksums


def folder_checksums(folder: Path) -> dict[str, str]:
    """Return the MD5 checksum of each file of a folder, by its path; of none where there is no such folder."""
    return {path.as_posix(): file_digest(path, "md5") for path in sorted(folder.rglob("*")) if path.is_file()}


def _check(path: Path, asset: Asset) -> None:
    """Raise where a file is not the asset."""
    found = file_digest(path, "md5")
    if asset.checksum and found != asset.checksum:
        raise ValueError(Errors.B502.format(path=path, project=PROJECT_FILE, found=found, expected=asset.checksum))


def _in_mirror(mirror: Path, asset: Asset) -> Path:
    """Return where a folder laid out like ``assets`` has the asset."""
    return mirror.joinpath(*asset.dest.parts[1:])


def _download(asset: Asset, target: Path, out_of_reach: set[str]) -> str | None:
    """Download an asset, and return what went wrong, or None. A host that cannot be reached is asked once only."""
    host = urlsplit(asset.url).netloc
    if host in out_of_reach:
        return f"{host} is out of reach"
    try:
        with replacing(target) as part:
            _receive(asset.url, part)
            found = file_digest(part, "md5")
            if asset.checksum and found != asset.checksum:
                raise HTTPException(f"what came has the MD5 checksum {found}, not {asset.checksum}")
    except urllib.error.HTTPError as error:
        return f"the server answered {error.code} {error.reason}"
    except HTTPException as error:
        return str(error)
    except OSError as error:
        out_of_reach.add(host)
        return str(getattr(error, "reason", None) or error)
    return None


def _receive(url: str, path: Path) -> None:
    """Write what an address has to a file, with a progress bar."""
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as response, path.open("wb") as file:
        size = int(response.headers.get("Content-Length") or 0) or None
        with tqdm(total=size, unit="B", unit_scale=True, desc=path.stem, leave=False) as bar:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
