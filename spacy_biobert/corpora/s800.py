"""Species-800 as its authors publish it: one archive, ``S800-1.0.tar.gz`` (Pafilis et al., 2013).

    abstracts/bacteriology001.txt    the texts
    pubmedid.tsv                     bacteriology001, tab, PMID:20118284
    S800.tsv                         562, tab, bacteriology001:20118284, tab, first and last offset, tab, mention

The two offsets, with a tab between, are those of the mention's first and last characters. Documents are named by their
PubMed ids, as are those of the usual split into train, dev and test. (https://species.jensenlab.org)
"""

from __future__ import annotations

import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ..errors import Errors
from .annotations import AnnotatedDocument, Mention, Passage

LABEL = "Species"
"""The type of all its mentions."""

_NAMES, _MENTIONS = "pubmedid.tsv", "S800.tsv"
_MENTION = re.compile(r"([0-9]+)\t([^\t:]+):[^\t]*\t([0-9]+)\t([0-9]+)\t(.+)")
_NAME = re.compile(r"([^\t]+)\t(?:PMID:)?([0-9]+)\b.*")


def read_s800(path: Path) -> Iterator[AnnotatedDocument]:
    """Read the archive.

    Args:
        path: The archive.

    Yields:
        The documents in the order of the archive's list, with NCBI Taxonomy's ids.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such archive, or a line in it has another form or contradicts the text.
    """
    files = _files(path)
    names = {match[1]: match[2] for _, match in _matches(path, files, _NAMES, _NAME)}
    mentions: dict[str, list[Mention]] = {key: [] for key in names}
    for number, match in _matches(path, files, _MENTIONS, _MENTION):
        taxon, key, start, end, written = match[1], match[2], int(match[3]), int(match[4]) + 1, match[5]
        text = files.get(f"{key}.txt", "")
        if key not in names or text[start:end] != written:
            place = f"{path}/{_MENTIONS}"
            offsets = f"{start}-{end}"
            message = Errors.B349.format(
                path=place, line=number, offsets=offsets, written=written, found=text[start:end]
            )
            raise ValueError(message)
        mentions[key].append(Mention(start, end, written, LABEL, f"NCBITaxon:{taxon}"))
    for key, name in names.items():
        if f"{key}.txt" not in files:
            raise ValueError(Errors.B364.format(path=path, name=f"abstracts/{key}.txt"))
        yield AnnotatedDocument(name, (Passage("t", files[f"{key}.txt"]),), tuple(mentions[key]))


def _files(path: Path) -> dict[str, str]:
    """Read the archive's texts and tables, by their names without folders."""
    if not path.is_file():
        raise FileNotFoundError(Errors.B301.format(path=path))
    files: dict[str, str] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None and member.name.endswith((".txt", ".tsv")):
                    files[PurePosixPath(member.name).name] = content.read().decode("utf-8")
    except (tarfile.TarError, EOFError, zlib.error, OSError, UnicodeDecodeError) as error:
        raise ValueError(Errors.B342.format(path=path, reason=error)) from None
    for name in (_NAMES, _MENTIONS):
        if name not in files:
            raise ValueError(Errors.B364.format(path=path, name=name))
    return files


def _matches(
    path: Path, files: dict[str, str], name: str, form: re.Pattern[str]
) -> Iterator[tuple[int, re.Match[str]]]:
    """Read the lines of a table, each with its number."""
    for number, line in enumerate(files[name].split("\n"), 1):
        line = line.removesuffix("\r")
        match = form.fullmatch(line)
        if match:
            yield number, match
        elif line.strip():
            raise ValueError(Errors.B365.format(path=f"{path}/{name}", line=number, content=line[:80]))
