"""``spacy biobert annotate``: run a pipeline on texts, and show what it finds."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import srsly
import typer
from spacy import Language
from spacy import __version__ as spacy_version
from wasabi import msg

from .. import __version__
from ..corpora.pubtator import read_pubtator
from ..errors import Errors
from ..reports.annotations import AnnotatedText, collect, concept_names
from ..reports.page import render_page
from . import app
from .gpu import use_gpu
from .messages import clear_errors
from .pipelines import load_pipeline

_PUBTATOR_TITLE = re.compile(r"[^|\t]+\|t\|")


@app.command("annotate")
def annotate_cli(
    model: Annotated[str, typer.Argument(help="Name of an installed pipeline, or its folder.")],
    texts: Annotated[str, typer.Argument(help="Texts, one a line, or a PubTator file; '-' for standard input.")],
    html: Annotated[Path | None, typer.Option("--html", dir_okay=False, help="Write a page to look at.")] = None,
    jsonl: Annotated[
        Path | None, typer.Option("--jsonl", dir_okay=False, help="Write one JSON object for each text.")
    ] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU to use, -1 for none.")] = -1,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no table.")] = False,
) -> None:
    """Annotate texts with a pipeline: a table of the entities with their scores and concepts, and a page to look at."""
    with clear_errors():
        read = list(read_texts(texts))
        if not read:
            raise ValueError(Errors.B506.format(path="standard input" if texts == "-" else f"'{texts}'"))
        use_gpu(gpu_id)
        nlp = load_pipeline(model)
        titles, strings = zip(*read, strict=True)
        annotated = collect(nlp.pipe(strings), titles, concept_names(nlp))
    if not quiet:
        print_table(annotated)
    if jsonl:
        jsonl.parent.mkdir(parents=True, exist_ok=True)
        srsly.write_jsonl(jsonl, [text.to_dict() for text in annotated])
        msg.good(f"Annotations: {jsonl}")
    if html:
        html.parent.mkdir(parents=True, exist_ok=True)
        name = f"{nlp.meta['lang']}_{nlp.meta['name']}"
        html.write_text(render_page(annotated, title=name, about=_about(nlp)), encoding="utf-8")
        msg.good(f"Page to look at: {html}")


def read_texts(path: str) -> Iterator[tuple[str, str]]:
    """Read texts to annotate.

    Args:
        path: A file with one text a line, blank lines aside, or in PubTator's format, or "-" for standard input, which
            is one text a line.

    Yields:
        A title, which is the number of the text or the id of the document, and the text.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A PubTator file is malformed, or a file is not UTF-8.
    """
    if path == "-":
        try:
            yield from _numbered(sys.stdin.buffer.read().decode("utf-8-sig").split("\n"))
        except UnicodeDecodeError as error:
            raise ValueError(Errors.B509.format(path="standard input", problem=error)) from error
        return
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(Errors.B509.format(path=path, problem=error)) from error
    if _PUBTATOR_TITLE.match(next(filter(None, map(str.strip, lines)), "")):
        yield from ((document.id, document.text) for document in read_pubtator(Path(path)))
    else:
        yield from _numbered(lines)


def print_table(texts: Sequence[AnnotatedText]) -> None:
    """Print all entities as a table."""
    rows = [
        (
            text.title,
            " ".join(entity.text.split()),
            entity.label,
            "" if entity.score is None else f"{entity.score:.2f}",
            entity.concept or "-",
            entity.name,
        )
        for text in texts
        for entity in text.entities
    ]
    if not rows:
        msg.info(f"No entity was found in {len(texts)} texts.")
        return
    header = ("Text", "Entity", "Label", "Score", "Concept", "Name")
    msg.table(rows, header=header, divider=True, aligns=("r", "l", "l", "r", "l", "l"), max_col=44)


def _numbered(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Number the texts."""
    texts = (line.strip() for line in lines)
    yield from ((str(number), text) for number, text in enumerate(filter(None, texts), 1))


def _about(nlp: Language) -> str:
    """Say what made the annotations."""
    return (
        f"{' → '.join(nlp.pipe_names) or 'no components'} · version {nlp.meta['version']} · "
        f"spaCy {spacy_version} · spacy-biobert {__version__}"
    )
