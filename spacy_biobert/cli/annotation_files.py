"""The files that ``spacy biobert annotate`` writes, one text after the other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import IO, NamedTuple

import srsly
from wasabi import Printer

from ..corpora.annotations import AnnotatedDocument
from ..corpora.bioc import COLLECTION, format_bioc
from ..corpora.brat import write_brat
from ..corpora.pubtator import format_pubtator
from ..errors import Errors, Warnings
from ..reports.annotations import AnnotatedText

STANDARD = "-"


class Annotation(NamedTuple):
    """A text that was annotated: as a report shows it, and as a corpus has it."""

    text: AnnotatedText
    document: AnnotatedDocument


Write = Callable[[Annotation], object]


class Layout(NamedTuple):
    """How a file holds texts: each of them as a string, and what stands before, between and after them."""

    one: Callable[[Annotation], str]
    before: str = ""
    between: str = ""
    after: str = ""


JSONL = Layout(lambda annotated: srsly.json_dumps(annotated.text.to_dict()) + "\n")
PUBTATOR = Layout(lambda annotated: format_pubtator(annotated.document))
BIOC = Layout(lambda annotated: format_bioc(annotated.document), *COLLECTION)


def check_outputs(texts: str, outputs: Mapping[str, str | Path | None], folder: Path | None) -> None:
    """Refuse to write over what is read, and one output over the other.

    Args:
        texts: What is read.
        outputs: The file of each option; a string may be "-", standard output, which takes one of them.
        folder: The folder for ``--brat``.

    Raises:
        ValueError: The message says which of them.
    """
    taken = {} if texts == STANDARD else {Path(texts).resolve(): "file with the texts"}
    for option, output in {"--brat": folder, **outputs}.items():
        if output is None:
            continue
        place = Path(STANDARD) if output == STANDARD else Path(output).resolve()
        if what := taken.get(place):
            raise ValueError(Errors.B509.format(output=output, what=what, option=option))
        taken[place] = f"{'folder' if option == '--brat' else 'file'} for {option}"
        if option == "--brat":
            _check_folder(place)
        elif output != STANDARD and place.is_dir():
            raise ValueError(Errors.B511.format(path=output, reason="it is a folder"))
        elif folder is not None and folder.resolve() in place.parents:
            raise ValueError(Errors.B511.format(path=output, reason="it lies in the folder for --brat"))


def _check_folder(folder: Path) -> None:
    """Refuse a folder that holds anything, also what a run that failed has left."""
    for path in (folder, _unfinished(folder)):
        if path.exists() and not path.is_dir():
            raise ValueError(Errors.B511.format(path=path, reason="it is no folder"))
        if path.is_dir() and any(path.iterdir()):
            raise ValueError(Errors.B519.format(path=path))


@contextmanager
def writing(output: str, layout: Layout, messages: IO[str] | None = None) -> Iterator[Write]:
    """Give what writes annotations to standard output or to a file, which is there when all is written.

    Where something fails, what was annotated before is left beside it, and a warning says where. What is no file (a
    pipe, a device) is written to as it is, and where a link leads, there it is written.

    Args:
        output: The file, or "-".
        layout: How it holds texts.
        messages: Where a warning goes; standard output if None.
    """
    if output == STANDARD:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # as files are, whatever the terminal's is
        with _laid_out(sys.stdout, layout) as write:
            yield write
    elif Path(output).exists() and not Path(output).is_file():
        with Path(output).open("w", encoding="utf-8") as stream, _laid_out(stream, layout) as write:
            yield write
    else:
        with (
            _replacing(Path(output), messages) as part,
            part.path.open("w", encoding="utf-8") as file,
            _laid_out(file, layout) as write,
        ):
            yield part.counting(write)


@contextmanager
def writing_folder(folder: Path, messages: IO[str] | None = None) -> Iterator[Write]:
    """Give what writes annotations to a folder of BRAT's, which is there when all is written, as with `writing`."""
    with _replacing(folder, messages) as part:
        part.path.mkdir(exist_ok=True)
        yield part.counting(lambda annotated: write_brat(part.path, annotated.document, part.n_texts + 1))


@contextmanager
def _laid_out(file: IO[str], layout: Layout) -> Iterator[Write]:
    between = ""

    def write(annotated: Annotation) -> None:
        nonlocal between
        file.write(between + layout.one(annotated))
        between = layout.between

    file.write(layout.before)
    yield write
    file.write(layout.after)


@dataclass
class _Part:
    """What is written under another name until it is whole."""

    path: Path
    n_texts: int = 0

    def counting(self, write: Write) -> Write:
        """Count what is written."""

        def counted(annotated: Annotation) -> None:
            write(annotated)
            self.n_texts += 1

        return counted


@contextmanager
def _replacing(output: Path, messages: IO[str] | None) -> Iterator[_Part]:
    """Put a file, or a folder, in its place when it is whole; where something fails, leave it and say where it is."""
    output = output.resolve()
    output.parent.mkdir(parents=True, exist_ok=True)
    part = _Part(_unfinished(output))
    try:
        yield part
    except BaseException:
        if part.n_texts:
            warning = Warnings.W523.format(path=part.path, n=part.n_texts)
            print(Printer(no_print=True).warn(warning), file=messages)
        elif part.path.is_dir():
            with suppress(OSError):  # one that is not empty
                part.path.rmdir()
        else:
            part.path.unlink(missing_ok=True)
        raise
    if output.is_dir():
        output.rmdir()  # it is empty; not every system replaces one
    part.path.replace(output)


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.name}.unfinished")
