"""``spacy biobert convert``: corpora to spaCy's training files."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm
from wasabi import msg

from ..corpora.convert import FORMATS, convert_corpus
from ..corpora.spacy_files import Summary
from ..corpora.tokenizer import blank_pipeline
from ..span_places import SPANS_KEY
from . import app
from .messages import clear_errors
from .options import listed, mapped


@app.command("convert")
def convert_cli(
    path: Annotated[
        Path, typer.Argument(metavar="INPUT", help="The corpus: an IOB/CoNLL, PubTator or BioC file, or BRAT's folder.")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The .spacy file to write.")],
    format: Annotated[
        str, typer.Option("--format", "-f", help=f"{', '.join(FORMATS)}; 'auto' tells by what is there.")
    ] = "auto",
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", help="Training config that says how raw text is tokenized. [this package's way]"
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="IOB: the label of tags that name none (B instead of B-Disease).")
    ] = None,
    label_map: Annotated[
        list[str] | None,
        typer.Option(
            "--label-map", help="TYPE=LABEL, once for each; '*=LABEL' for all others, 'TYPE=' to leave one out."
        ),
    ] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--keep", help="Keep only mentions with this label, once for each.")
    ] = None,
    annotates: Annotated[
        str | None,
        typer.Option(
            "--annotates",
            metavar="LABEL,LABEL",
            help="The labels that the annotators looked for, where it may hold others unmarked. [all there are]",
        ),
    ] = None,
    prefixes: Annotated[
        list[str] | None,
        typer.Option("--prefix", help="All but IOB: TYPE=VOCABULARY of ids that are plain numbers. [Gene=NCBIGene …]"),
    ] = None,
    spans_key: Annotated[
        str, typer.Option("--spans-key", help="All but IOB: where all mentions go in doc.spans, nested ones too.")
    ] = SPANS_KEY,
    n_sents: Annotated[
        int, typer.Option("--n-sents", "-n", help="IOB: sentences in one doc; 0 for whole documents.")
    ] = 1,
    strict: Annotated[
        bool, typer.Option("--strict", help="IOB: refuse mentions that do not open with a B, S or U tag.")
    ] = False,
    split_sentences: Annotated[
        bool, typer.Option("--split-sentences", help="All but IOB: set sentence starts by rule; documents stay whole.")
    ] = False,
    documents: Annotated[
        Path | None,
        typer.Option("--documents", help="All but IOB: a file with the ids of the docs to take, one a line."),
    ] = None,
    skip: Annotated[int, typer.Option("--skip", help="Docs to leave out at the beginning.", min=0)] = 0,
    limit: Annotated[int, typer.Option("--limit", help="The most docs to write; 0 for all.", min=0)] = 0,
) -> None:
    """Convert a corpus to a .spacy file, with entities and concept ids, and say what is in it."""
    with clear_errors(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nlp = blank_pipeline(config)
        start = time.perf_counter()
        summary = convert_corpus(
            path,
            output,
            nlp=nlp,
            format=format,
            label=label,
            label_map=mapped("--label-map", label_map),
            labels=labels or None,
            annotates=listed(annotates),
            prefixes=mapped("--prefix", prefixes),
            spans_key=spans_key,
            n_sents=n_sents,
            strict=strict,
            split_sentences=split_sentences,
            documents=documents,
            skip=skip,
            limit=limit,
            # Shown on a terminal only, so that logs stay readable.
            progress=lambda docs: tqdm(docs, desc=path.name, unit=" docs", disable=None, leave=False),
        )
    for warning in caught:
        msg.warn(str(warning.message))
    msg.table(_rows(summary, time.perf_counter() - start), aligns=("l", "r"))
    msg.good(f"Wrote {output}")


def _rows(summary: Summary, seconds: float) -> list[tuple[str, str]]:
    """What a summary shows: counts that are there, and the time."""
    nested = sum(summary.mentions.values()) - summary.ents
    counts = [
        ("Docs", summary.docs),
        ("Sentences", summary.sentences),
        ("Tokens", summary.tokens),
        ("Mentions", sum(summary.mentions.values())),
        *((f"  {label}", count) for label, count in summary.mentions.most_common()),
        ("  with a concept", summary.linked),
        ("  inside longer ones, in doc.spans only", nested),
        ("  not at token boundaries", summary.unaligned),
        ("Relations", summary.relations),
    ]
    shown = [(name, f"{count:,}") for name, count in counts if count or name == "Mentions"]
    return [*shown, ("Seconds", f"{seconds:.1f}")]
