"""``spacy biobert evaluate``: score a pipeline on several corpora, side by side."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import srsly
import typer
from spacy import Language
from spacy.cli._util import setup_gpu
from spacy.training import Corpus
from thinc.api import fix_random_seed
from wasabi import msg

from ..errors import Errors
from . import app
from .messages import clear_errors
from .pipelines import load_pipeline


@app.command("evaluate")
def evaluate_cli(
    model: Annotated[str, typer.Argument(help="Name of an installed pipeline, or its folder.")],
    corpora: Annotated[
        list[Path], typer.Argument(exists=True, help=".spacy files, or folders of them, each file scored by itself.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="JSON file to write all scores to.")
    ] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU to use, -1 for none.")] = -1,
) -> None:
    """Score a pipeline on corpora: the scores of `spacy evaluate`, one table for all of them.

    A corpus whose spaces are not known, as those made from IOB files, is scored on its own tokens; any other is
    tokenized by the pipeline.
    """
    with clear_errors():
        files = [file for path in corpora for file in _corpus_files(path)]
        setup_gpu(gpu_id, silent=True)
        nlp = load_pipeline(model)
        stems = [file.stem for file in files]
        names = [file.stem if stems.count(file.stem) == 1 else str(file.with_suffix("")) for file in files]
        scores = {name: score_corpus(nlp, file) for name, file in zip(names, files, strict=True)}
    print_scores(scores)
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        srsly.write_json(output, scores)
        msg.good(f"All scores: {output}")


def score_corpus(nlp: Language, path: Path) -> dict[str, Any]:
    """Score a pipeline on a corpus.

    Args:
        nlp: The pipeline.
        path: A ``.spacy`` file.

    Returns:
        What ``nlp.evaluate`` gives, with the numbers of ``docs`` and ``words``; ``speed`` is in words a second.
    """
    fix_random_seed(0)
    examples = list(Corpus(path)(nlp))
    start = time.perf_counter()
    scores = nlp.evaluate(examples)
    words = sum(len(example.reference) for example in examples)
    msg.good(f"{path}: {len(examples):,} docs, {words:,} words in {time.perf_counter() - start:.1f} s")
    return {"docs": len(examples), "words": words, **scores}


def print_scores(scores: Mapping[str, Mapping[str, Any]]) -> None:
    """Print precision, recall and F of every score that has them, by type where there are several, and single numbers.

    Args:
        scores: Scores by corpus.
    """
    rows: list[tuple[str, ...]] = []
    singles: list[tuple[str, ...]] = []
    for corpus, values in scores.items():
        # How well the tokens fit is of interest where something is wrong; the JSON file has it.
        shown = [key for key in values if not key.startswith("token_")]
        for key in (key.removesuffix("_f") for key in shown if key.endswith("_f")):
            rows.append((corpus, key, "all", *(_percent(values.get(f"{key}_{x}")) for x in "prf")))
            by_type = values.get(f"{key}_per_type") or {}
            if len(by_type) > 1:
                rows += [(corpus, key, label, *(_percent(by_type[label][x]) for x in "prf")) for label in by_type]
        for key in shown:
            if isinstance(values[key], float) and key != "speed" and key[-2:] not in ("_p", "_r", "_f"):
                singles.append((corpus, key, _percent(values[key])))
    if rows:
        header = ("Corpus", "Score", "Label", "P", "R", "F")
        msg.table(rows, header=header, divider=True, aligns=("l", "l", "l", "r", "r", "r"))
    if singles:
        msg.table(singles, header=("Corpus", "Score", "%"), divider=True, aligns=("l", "l", "r"))


def _percent(value: float | None) -> str:
    """Write a share in percent."""
    return "-" if value is None else f"{100 * value:.2f}"


def _corpus_files(path: Path) -> Sequence[Path]:
    """Return the ``.spacy`` files of a path."""
    files = [path] if path.suffix == ".spacy" else sorted(path.rglob("*.spacy"))
    if not files:
        raise ValueError(Errors.B508.format(path=path))
    return files
