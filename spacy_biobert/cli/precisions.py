"""``spacy biobert precisions``: what each arithmetic of the encoder costs, recorded in the pipeline."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from wasabi import msg

from ..corpora.spacy_files import read_examples
from ..errors import Errors
from . import app
from .labels import KeepingScorer, compare_labels
from .messages import clear_errors
from .pipelines import load_pipeline
from .stored import record_performance, write_json

if TYPE_CHECKING:
    from ..encoder.component import BioBert


@app.command("precisions")
def precisions_cli(
    model: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder of a trained pipeline.")],
    corpus: Annotated[Path, typer.Argument(exists=True, help="Development corpus, .spacy.")],
) -> None:
    """Score a pipeline in every arithmetic that runs here, and record the scores in it.

    The encoder's precision = "auto" then takes the fastest whose score is within 0.3 points of that of float32. The
    score is the one by which training chose the best pipeline.
    """
    # Every spaCy command imports this module, and few need an encoder.
    from ..encoder.component import BioBert
    from ..encoder.precision import PRECISIONS

    with clear_errors():
        nlp = load_pipeline(str(model))
        encoders = {name: pipe for name, pipe in nlp.pipeline if isinstance(pipe, BioBert)}
        if not encoders:
            raise ValueError(Errors.B510.format(model=model, pipes=", ".join(nlp.pipe_names)))
        examples = read_examples(corpus, nlp)
        weights = {key: weight for key, weight in nlp.config["training"]["score_weights"].items() if weight}
        scores, rows = {}, []
        for precision in PRECISIONS:
            if precision == "auto" or not _switch(encoders.values(), precision):
                continue
            scorer = KeepingScorer(nlp)
            start = time.perf_counter()
            found = nlp.evaluate(examples, scorer=scorer)
            seconds = time.perf_counter() - start
            scores[precision] = sum((found.get(key) or 0.0) * weight for key, weight in weights.items())
            if precision == "float32" and not scores[precision]:
                raise ValueError(Errors.B517.format(corpus=corpus, scores=", ".join(weights)))
            if precision == "float32":
                compare_labels(corpus, scorer.examples)
            words = sum(len(example.reference) for example in examples)
            rows.append((precision, f"{100 * scores[precision]:.2f}", f"{words / seconds:,.0f}"))
    msg.table(rows, header=("Precision", "Score", "Words/s"), divider=True, aligns=("l", "r", "r"))
    for name in encoders:
        write_json(model / name / "cfg", {"precision_scores": scores})
    record_performance(model, precision_scores=scores)


def _switch(encoders: Iterable[BioBert], precision: str) -> bool:
    """Let encoders run in a precision; return whether this machine can."""
    try:
        for encoder in encoders:
            encoder.precision = precision
    except ValueError:
        return False
    return True
