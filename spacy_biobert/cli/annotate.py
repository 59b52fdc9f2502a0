"""``spacy biobert annotate``: run a pipeline on texts, and show what it finds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import srsly
import typer
from spacy import Language
from tqdm import tqdm
from wasabi import msg

from ..corpora.texts import Text, read_texts
from ..errors import Errors, Warnings
from ..reports.annotations import AnnotatedText, annotated_text, concept_names, ranked_concepts
from ..reports.page import render_page
from . import app
from .gpu import use_gpu
from .messages import clear_errors
from .pipelines import describe_pipeline, load_pipeline

STANDARD = "-"
_IN_ZONE = 5_000
"""Texts after which new words are forgotten."""
Write = Callable[[AnnotatedText], object]


@app.command("annotate")
def annotate_cli(
    model: Annotated[str, typer.Argument(help="Name of an installed pipeline, or its folder.")],
    texts: Annotated[
        str,
        typer.Argument(
            help="A file of texts, one a line, of JSON lines, or in the format of PubTator, BioC or PubMed's XML; a "
            "folder of .txt files; or '-' for standard input."
        ),
    ],
    html: Annotated[Path | None, typer.Option("--html", dir_okay=False, help="Write a page to look at.")] = None,
    jsonl: Annotated[
        str | None, typer.Option("--jsonl", help="Write one JSON object for each text; '-' for standard output.")
    ] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU to use, -1 for none.")] = -1,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no table.")] = False,
) -> None:
    """Annotate texts with a pipeline: a table of the entities with their scores and concepts, and a page to look at.

    Texts are read, annotated and written one after the other: with --quiet and without --html, of any number of them.
    """
    with clear_errors(sys.stderr if jsonl == STANDARD else None):
        check_outputs(texts, html, jsonl)
        read = read_texts(texts)
        first = next(read, None)
        if first is None:
            raise ValueError(Errors.B506.format(path="standard input" if texts == STANDARD else f"'{texts}'"))
        use_gpu(gpu_id)
        nlp = load_pipeline(model)
        shown: list[AnnotatedText] = []
        is_shown = html is not None or not (quiet or jsonl == STANDARD)
        with writing(jsonl) as write:
            for text in tqdm(annotate(nlp, chain([first], read)), unit=" texts", disable=None):
                write(text)
                if is_shown:
                    shown.append(text)
        if is_shown and not quiet and jsonl != STANDARD:
            print_table(shown)
        if jsonl and jsonl != STANDARD:
            msg.good(f"Annotations: {jsonl}")
        if html:
            html.parent.mkdir(parents=True, exist_ok=True)
            name = f"{nlp.meta['lang']}_{nlp.meta['name']}"
            html.write_text(render_page(shown, title=name, about=describe_pipeline(nlp)), encoding="utf-8")
            if jsonl != STANDARD:
                msg.good(f"Page to look at: {html}")


def check_outputs(texts: str, html: Path | None, jsonl: str | None) -> None:
    """Refuse to write over what is read, and one file over the other."""
    taken = {} if texts == STANDARD else {Path(texts).resolve(): "file with the texts"}
    for option, output in (("--jsonl", jsonl), ("--html", html)):
        if output is None or str(output) == STANDARD:
            continue
        if Path(output).is_dir():
            raise ValueError(Errors.B511.format(path=output, reason="it is a folder"))
        if what := taken.get(Path(output).resolve()):
            raise ValueError(Errors.B509.format(output=output, what=what, option=option))
        taken[Path(output).resolve()] = f"file for {option}"


def annotate(nlp: Language, texts: Iterator[Text]) -> Iterator[AnnotatedText]:
    """Annotate texts, one after the other, of any number and any length: spaCy's limit of length is for parsers."""
    names, ranked = concept_names(nlp), ranked_concepts(nlp)

    def pairs(some: Iterable[Text]) -> Iterator[tuple[str, str]]:
        for title, text in some:
            nlp.max_length = max(nlp.max_length, len(text))
            yield text, title

    for first in texts:
        # Words that are new are forgotten at its end, or the vocabulary would grow with every text.
        with nlp.memory_zone():
            some = chain([first], islice(texts, _IN_ZONE - 1))
            for doc, title in nlp.pipe(pairs(some), as_tuples=True):
                yield annotated_text(doc, title, names, ranked)


@contextmanager
def writing(output: str | None) -> Iterator[Write]:
    """Give what writes annotations as JSON lines, to standard output or to a file, which is there when all is written.

    Where something fails, what was annotated before is left beside it, and a warning says where. What is no file (a
    pipe, a device) is written to as it is, and where a link leads, there it is written.
    """
    if output is None:
        yield lambda text: None
    elif output == STANDARD:
        yield lambda text: print(_json_line(text), end="")
    elif Path(output).exists() and not Path(output).is_file():
        with Path(output).open("w", encoding="utf-8") as stream:
            yield lambda text: stream.write(_json_line(text))
    else:
        path = Path(output).resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.unfinished")
        n_written = 0

        def write(text: AnnotatedText) -> None:
            nonlocal n_written
            file.write(_json_line(text))
            n_written += 1

        try:
            with unfinished.open("w", encoding="utf-8") as file:
                yield write
        except BaseException:
            if n_written:
                msg.warn(Warnings.W523.format(path=unfinished, n=n_written))
            else:
                unfinished.unlink(missing_ok=True)
            raise
        unfinished.replace(path)


def _json_line(text: AnnotatedText) -> str:
    return srsly.json_dumps(text.to_dict()) + "\n"


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
