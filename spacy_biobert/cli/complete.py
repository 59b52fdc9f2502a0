"""``spacy biobert complete``: corpora that annotate different labels learn from one another's pipelines."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from spacy.cli._util import setup_gpu
from spacy.vocab import Vocab
from tqdm import tqdm
from wasabi import msg

from ..corpora.completion import complete_docs
from ..corpora.convert import read_docs, write_docs
from ..corpora.documents import SPANS_KEY
from . import app
from .corpus import read_mapping, summary_rows
from .messages import clear_errors
from .pipelines import load_pipeline


@app.command("complete")
def complete_cli(
    corpus: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A .spacy file, converted with --annotates.")
    ],
    output: Annotated[Path, typer.Argument(dir_okay=False, help="The .spacy file to write.")],
    models: Annotated[
        list[str], typer.Argument(help="Pipelines, by name or folder; of those that find a label, the first counts.")
    ],
    label_map: Annotated[
        list[str] | None,
        typer.Option("--label-map", help="LABEL=NAME, once for each that the corpus calls otherwise than a pipeline."),
    ] = None,
    spans_key: Annotated[str, typer.Option("--spans-key", help="Where all mentions are in doc.spans.")] = SPANS_KEY,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU to use, -1 for none.")] = -1,
) -> None:
    """Add to a corpus what pipelines find of the labels that its annotators did not look for.

    For training several corpora together, each completed by pipelines that were trained on the others. The entity
    component then learns from the spans: `gold_spans_key = "ner"`, and `overlapping = true`.
    """
    with clear_errors():
        setup_gpu(gpu_id, silent=True)
        names = read_mapping("--label-map", label_map)
        start = time.perf_counter()
        docs = read_docs(corpus, Vocab())
        for model in models:
            nlp = load_pipeline(model)
            some = complete_docs(docs, nlp, label_map=names, spans_key=spans_key)
            docs = list(tqdm(some, desc=model, total=len(docs), unit=" docs", disable=None, leave=False))
        summary = write_docs(docs, output, spans_key=spans_key)
    msg.table(summary_rows(summary, time.perf_counter() - start), aligns=("l", "r"))
    msg.good(f"Wrote {output}")
