"""``spacy biobert annotate``: run a pipeline on texts, and show what it finds."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from io import TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import typer
from spacy import Language
from tqdm import tqdm
from wasabi import msg

from ..corpora.annotations import AnnotatedDocument
from ..corpora.documents import with_entities
from ..corpora.texts import read_texts
from ..errors import Errors
from ..reports.annotations import AnnotatedText, annotated_text, concept_names, ranked_concepts
from ..reports.page import render_page
from . import app
from .annotation_files import BIOC, JSONL, PUBTATOR, STANDARD, Annotation, check_outputs, writing, writing_folder
from .gpu import use_gpu
from .messages import clear_errors
from .pipelines import describe_pipeline, load_pipeline

_IN_ZONE = 5_000
"""Texts after which new words are forgotten."""


@app.command("annotate")
def annotate_cli(
    model: Annotated[str, typer.Argument(help="Name of an installed pipeline, or its folder.")],
    texts: Annotated[
        str,
        typer.Argument(
            help="A file of texts, one a line, of JSON lines, or in the format of PubTator, BioC or PubMed's XML; '-' "
            "for the same on standard input; or a folder of .txt files."
        ),
    ],
    html: Annotated[Path | None, typer.Option("--html", dir_okay=False, help="Write a page to look at.")] = None,
    jsonl: Annotated[
        str | None, typer.Option("--jsonl", help="Write one JSON object for each text; '-' for standard output.")
    ] = None,
    pubtator: Annotated[
        str | None, typer.Option("--pubtator", help="Write PubTator, of titles and abstracts; '-' as above.")
    ] = None,
    bioc: Annotated[
        str | None, typer.Option("--bioc", help="Write BioC JSON, passages where they were; '-' as above.")
    ] = None,
    brat: Annotated[
        Path | None, typer.Option("--brat", file_okay=False, help="Write a new folder of BRAT's .txt and .ann files.")
    ] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU to use, -1 for none.")] = -1,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no table.")] = False,
) -> None:
    """Annotate texts with a pipeline: a table of the entities with their scores and concepts, a page, and files.

    What is annotated in the texts already is passed over. PubTator, BioC and BRAT hold entities and their concepts.
    Texts are read, annotated and written one after the other: with --quiet and without --html, of any number of them.
    """
    files = {"--jsonl": (jsonl, JSONL), "--pubtator": (pubtator, PUBTATOR), "--bioc": (bioc, BIOC)}
    outputs = {option: output for option, (output, _) in files.items()}
    to_standard = STANDARD in outputs.values()
    messages = sys.stderr if to_standard else None
    with clear_errors(messages):
        check_outputs(texts, {**outputs, "--html": html}, brat)
        read = read_texts(texts)
        first = next(read, None)
        if first is None:
            raise ValueError(Errors.B506.format(path="standard input" if texts == STANDARD else f"'{texts}'"))
        use_gpu(gpu_id)
        nlp = load_pipeline(model)
        shown: list[AnnotatedText] = []
        is_shown = html is not None or not (quiet or to_standard)
        with ExitStack() as stack:
            writers = [
                stack.enter_context(writing(output, layout, messages))
                for output, layout in files.values()
                if output is not None
            ]
            if brat is not None:
                writers.append(stack.enter_context(writing_folder(brat, messages)))
            for annotated in tqdm(annotate(nlp, chain([first], read)), unit=" texts", disable=None):
                for write in writers:
                    write(annotated)
                if is_shown:
                    shown.append(annotated.text)
        if html:
            html.parent.mkdir(parents=True, exist_ok=True)
            name = f"{nlp.meta['lang']}_{nlp.meta['name']}"
            html.write_text(render_page(shown, title=name, about=describe_pipeline(nlp)), encoding="utf-8")
        if is_shown and not quiet and not to_standard:
            print_table(shown)
        if not to_standard:
            for output in (*outputs.values(), brat):
                if output is not None:
                    msg.good(f"Annotations: {output}")
            if html:
                msg.good(f"Page to look at: {html}")


def annotate(nlp: Language, documents: Iterator[AnnotatedDocument]) -> Iterator[Annotation]:
    """Annotate texts, one after the other, of any number and any length: spaCy's limit of length is for parsers."""
    names, ranked = concept_names(nlp), ranked_concepts(nlp)

    def pairs(some: Iterable[AnnotatedDocument]) -> Iterator[tuple[str, AnnotatedDocument]]:
        for document in some:
            # A passage begins in a line of its own, which is as long as the space between passages in a corpus: where
            # one ends without a full stop, as titles and headings do, mentions end all the same.
            text = "\n".join(passage.text for passage in document.passages)
            nlp.max_length = max(nlp.max_length, len(text))
            yield text, document

    for first in documents:
        # Words that are new are forgotten at its end, or the vocabulary would grow with every text.
        with nlp.memory_zone():
            some = chain([first], islice(documents, _IN_ZONE - 1))
            for doc, document in nlp.pipe(pairs(some), as_tuples=True):
                text = annotated_text(doc, document.id, names, ranked)
                yield Annotation(text, with_entities(document, doc))


def print_table(texts: Sequence[AnnotatedText]) -> None:
    """Print all entities as a table, with "?" for characters that the terminal or pipe has not."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
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
