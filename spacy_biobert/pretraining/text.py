"""Plain text to pretrain on: files or folders of them, one document a line, gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..corpora.lines import how_to_decode
from ..errors import Errors

_SUFFIXES = (".txt", ".txt.gz")


def text_files(paths: Iterable[Path]) -> list[Path]:
    """List the files to read: each path that is a file, and every ``.txt`` and ``.txt.gz`` file below one that is not.

    Raises:
        FileNotFoundError: A path does not exist, or there is no text below it.
    """
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(Errors.B450.format(path=path))
        found = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.name.endswith(_SUFFIXES))
        if not found:
            raise FileNotFoundError(Errors.B451.format(path=path, suffixes=" or ".join(_SUFFIXES)))
        files += found
    return files


def read_documents(files: Iterable[Path]) -> Iterator[str]:
    """Yield the documents of files, one a line; blank lines are none.

    Raises:
        ValueError: A file is not UTF-8, or its compressed data are damaged.
    """
    for path in files:
        line = 0
        try:
            with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
                for raw in file:
                    line += 1
                    text = raw.decode("utf8").strip()
                    if text:
                        yield text
        except UnicodeDecodeError as error:
            raise ValueError(
                Errors.B452.format(path=path, line=line, reason=error, advice=how_to_decode(raw))
            ) from None
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(Errors.B453.format(path=path, line=line, reason=error)) from None
