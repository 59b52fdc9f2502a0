"""``spacy biobert evaluate``: score a pipeline on several corpora, side by side."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import srsly
import typer
from spacy import Language
from thinc.api import fix_random_seed
from wasabi import msg

from ..corpora.spacy_files import files_of_docs, read_examples
from ..errors import Errors
from . import app
from .gpu import use_gpu
from .labels import KeepingScorer, compare_labels
from .messages import clear_errors, percent
from .pipelines import describe_pipeline, load_pipeline

if TYPE_CHECKING:
    from ..reports.evaluation import Evaluation


@app.command("evaluate")
def evaluate_cli(
    model: Annotated[str, typer.Argument(help="Name of an installed pipeline, or its folder.")],
    corpora: Annotated[
        list[Path], typer.Argument(exists=True, help=".spacy files, or folders of them, each file scored by itself.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", "--json", dir_okay=False, help="JSON file to write all scores to.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", dir_okay=False, help="Write a page to look at: scores, plots and common errors."),
    ] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU to use, -1 for none.")] = -1,
) -> None:
    """Score a pipeline on corpora: the scores of `spacy evaluate`, one table for all of them, and how far they hold.

    A corpus whose spaces are not known, as those made from IOB files, is scored on its own tokens; any other is
    tokenized by the pipeline.
    """
    # Every spaCy command imports this module, and few need a report.
    from ..reports.evaluation_page import render_evaluation

    with clear_errors():
        files = [file for path in corpora for file in files_of_docs(path)]
        use_gpu(gpu_id)
        nlp = load_pipeline(model)
        stems = [file.stem for file in files]
        names = [file.stem if stems.count(file.stem) == 1 else str(file.with_suffix("")) for file in files]
        results = {name: score_corpus(nlp, file, name) for name, file in zip(names, files, strict=True)}
        evaluations = [evaluation for _, evaluation in results.values() if evaluation is not None]
        if report and not evaluations:
            raise ValueError(Errors.B521.format(corpora=", ".join(names)))
        print_scores({name: scores for name, (scores, _) in results.items()})
        print_intervals(evaluations)
        if output:
            output.parent.mkdir(parents=True, exist_ok=True)
            details = {name: evaluation.to_dict() if evaluation else None for name, (_, evaluation) in results.items()}
            every = {name: {**scores, "entities": details[name]} for name, (scores, _) in results.items()}
            srsly.write_json(output, every)
            msg.good(f"All scores: {output}")
        if report:
            report.parent.mkdir(parents=True, exist_ok=True)
            # A pipeline has a name of its own from `spacy package` on.
            folder = "/".join(Path(model).resolve().parts[-2:])
            title = folder if nlp.meta["name"] == "pipeline" else f"{nlp.meta['lang']}_{nlp.meta['name']}"
            report.write_text(
                render_evaluation(evaluations, title=title, about=describe_pipeline(nlp)), encoding="utf-8"
            )
            msg.good(f"Page to look at: {report}")


def score_corpus(nlp: Language, path: Path, name: str) -> tuple[dict[str, Any], Evaluation | None]:
    """Score a pipeline on a corpus.

    Args:
        nlp: The pipeline.
        path: A ``.spacy`` file.
        name: What the corpus is called.

    Returns:
        What ``nlp.evaluate`` gives, with the numbers of ``docs`` and ``words``, and ``speed`` in words a second; and
        the entities in detail, where there are any.
    """
    from ..reports.evaluation import evaluate_entities

    fix_random_seed(0)
    examples = read_examples(path, nlp)
    start = time.perf_counter()
    keeper = KeepingScorer(nlp)
    scores = nlp.evaluate(examples, scorer=keeper)
    words = sum(len(example.reference) for example in examples)
    msg.good(f"{path}: {len(examples):,} docs, {words:,} words in {time.perf_counter() - start:.1f} s")
    compare_labels(path, keeper.examples)
    return {"docs": len(examples), "words": words, **scores}, evaluate_entities(name, keeper.examples)


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
            rows.append((corpus, key, "all", *(percent(values.get(f"{key}_{x}")) for x in "prf")))
            by_type = values.get(f"{key}_per_type") or {}
            if len(by_type) > 1:
                rows += [(corpus, key, label, *(percent(by_type[label][x]) for x in "prf")) for label in by_type]
        for key in shown:
            if isinstance(values[key], float) and key != "speed" and key[-2:] not in ("_p", "_r", "_f"):
                singles.append((corpus, key, percent(values[key])))
    if rows:
        header = ("Corpus", "Score", "Label", "P", "R", "F")
        msg.table(rows, header=header, divider=True, aligns=("l", "l", "l", "r", "r", "r"))
    if singles:
        msg.table(singles, header=("Corpus", "Score", "%"), divider=True, aligns=("l", "l", "r"))


def print_intervals(evaluations: Iterable[Evaluation]) -> None:
    """Print how far the F-scores of entities can be trusted, and how far their scores.

    Args:
        evaluations: The entities of each corpus.
    """
    rows: list[tuple[str, ...]] = []
    for evaluation in evaluations:
        scores, calibration = evaluation.scores, evaluation.calibration
        ece = f"{calibration.bins.error:.4f}" if calibration else "-"
        macro = scores.macro.values[2] if len(scores.labels) > 1 else None
        low, high = scores.micro.intervals[2]
        interval = f"{percent(low)} to {percent(high)}"
        rows.append((evaluation.name, percent(scores.micro.values[2]), interval, percent(macro), ece))
    if rows:
        header = ("Corpus", "F of entities", "95 % of it", "Mean over labels", "ECE")
        msg.table(rows, header=header, divider=True, aligns=("l", "r", "r", "r", "r"))
