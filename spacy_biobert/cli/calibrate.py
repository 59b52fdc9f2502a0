"""``spacy biobert calibrate``: make an entity's score the probability that it is right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from wasabi import msg

from ..corpora.spacy_files import read_examples
from ..errors import Errors, Warnings
from . import app
from .gpu import use_gpu
from .labels import compare_labels
from .messages import clear_errors
from .pipelines import load_pipeline
from .stored import record_performance, set_component_settings

if TYPE_CHECKING:
    from ..ner.calibration import Calibration


@app.command("calibrate")
def calibrate_cli(
    model: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder of a trained pipeline.")],
    corpus: Annotated[Path, typer.Argument(exists=True, help="Development corpus, .spacy.")],
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU to use, -1 for none.")] = -1,
) -> None:
    """Fit the temperature of a pipeline's entity scores on held-out data, and store it in the pipeline.

    Of the entities that then score 0.8, about eight in ten are exactly right. Which mentions are found stays as it is;
    of mentions that overlap, another one may now be the likeliest, which goes to doc.ents. Calibrate before you choose
    a threshold: scores move.
    """
    # Every spaCy command imports this module, and few need an entity recognizer.
    from ..ner.calibration import calibrate
    from ..ner.component import BiobertNer

    with clear_errors():
        use_gpu(gpu_id)
        nlp = load_pipeline(str(model))
        names = [name for name, pipe in nlp.pipeline if isinstance(pipe, BiobertNer)]
        if not names:
            raise ValueError(Errors.B520.format(model=model, pipes=", ".join(nlp.pipe_names) or "none"))
        found = {}
        for name in names:
            examples = read_examples(corpus, nlp)
            found[name] = calibrate(nlp, name, examples)
            compare_labels(corpus, examples)
    for name, calibration in found.items():
        if calibration is None:
            msg.warn(Warnings.W520.format(name=name, corpus=corpus))
            continue
        print_calibration(name, calibration)
        set_component_settings(model, name, {"temperature": calibration.after.temperature})
        threshold = nlp.get_pipe(name).cfg["threshold"]  # type: ignore[attr-defined]
        if threshold > 0:
            msg.warn(Warnings.W521.format(name=name, threshold=threshold))
    fitted = {name: calibration.to_dict() for name, calibration in found.items() if calibration}
    if fitted:
        record_performance(model, calibration=fitted)


def print_calibration(name: str, calibration: Calibration) -> None:
    """Print how well scores fit before and after, side by side."""
    msg.info(f"{name}: {calibration.entities:,} entities found, {calibration.right / calibration.entities:.1%} right")
    rows = []
    for when, fit in (("before", calibration.before), ("after", calibration.after)):
        numbers = (fit.ece, fit.ece_equal_mass, fit.nll, fit.score)
        rows.append((when, f"{fit.temperature:.3f}", *(f"{number:.4f}" for number in numbers)))
    header = ("Scores", "Temperature", "ECE", "ECE, equal mass", "NLL", "Mean")
    msg.table(rows, header=header, divider=True, aligns=("l", "r", "r", "r", "r", "r"))
