"""How well entities are found after training, beside spaCy-transformers and Hugging Face on the same weights.

    python benchmarks/ner_quality.py run --weights minilm --corpora ncbi --systems spacy_biobert --seeds 0 1 2
    python benchmarks/ner_quality.py run --weights minilm --corpora ncbi --shares 0.1 0.3 1 --sentences-only
    python benchmarks/ner_quality.py run --name dropout_0.2 --set training.dropout=0.2 --on dev
    python benchmarks/ner_quality.py table
    python benchmarks/ner_quality.py plot

Each cell, a system on a corpus with a seed, is a file in ``results/ner``, written as it ends; a cell that is there is
not run again, so that a run may be stopped at any time and started again. Training and choice of the model are on train
and dev, the score on test, exact entities by seqeval, which counts as conlleval does.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import harness
import ner_systems
from ner_plot import learning_curve
from ner_systems import SYSTEMS, Task, bio
from seqeval.metrics import f1_score, precision_score, recall_score

from spacy_biobert.corpora.convert import blank_pipeline, convert_corpus
from spacy_biobert.corpora.iob import Sentence, read_iob

CELLS = harness.RESULTS / "ner"
PLOT = Path(__file__).parent.parent / "docs" / "learning_curve.svg"
EMBEDDED = Path(__file__).parent.parent / "assets" / "encoder"


@dataclass(frozen=True)
class Corpus:
    """A corpus: its folder of IOB files, its training abstracts if they are published as text, and its steps."""

    folder: str
    abstracts: str | None
    label: str | None
    steps: int


CORPORA = {
    "ncbi": Corpus("ncbi_disease", "ncbi_disease/NCBItrainset_corpus.txt", "Disease", 1000),
    "bc5cdr": Corpus("bc5cdr", "bc5cdr/CDR_TrainingSet.PubTator.txt", None, 1000),
    "bc2gm": Corpus("bc2gm", None, None, 1400),
}
# A tenth of the sentences is learned in fewer steps.
STEPS_OF_SHARE = {0.1: 300, 0.3: 500}


@dataclass(frozen=True)
class Cell:
    """One training."""

    system: str
    weights: str
    corpus: str
    seed: int
    share: float = 1.0
    sentences_only: bool = False
    name: str = "recipe"
    scored_on: str = "test"

    def path(self) -> Path:
        """Where its result is kept."""
        share = "" if self.share == 1.0 else f"-{round(100 * self.share)}%"
        only = "-sentences" if self.sentences_only else ""
        name = "" if self.name == "recipe" else f"-{self.name}"
        return CELLS / f"{self.corpus}{share}{only}-{self.weights}-{self.system}{name}-{self.seed}.json"


def sentences(corpus: Corpus, split: str) -> list[Sentence]:
    """Read the sentences of a split: train, devel or test."""
    return list(read_iob(harness.data_folder() / "ner" / corpus.folder / f"{split}.tsv"))


def run(cell: Cell, settings: dict[str, Any], threads: int, keep: Path | None = None) -> None:
    """Train, score and store one cell."""
    corpus = CORPORA[cell.corpus]
    train = sentences(corpus, "train")
    if cell.share < 1:
        train = random.Random(0).sample(train, round(cell.share * len(train)))
    dev = sentences(corpus, "devel")
    test = sentences(corpus, "test") if cell.scored_on == "test" else dev
    steps = int(settings.get("training.max_steps", STEPS_OF_SHARE.get(cell.share, corpus.steps)))
    checkpoint = harness.minilm_folder() if cell.weights == "minilm" else Path(cell.weights)
    if cell.weights == "embedded":
        checkpoint = EMBEDDED
    with tempfile.TemporaryDirectory() as folder:
        documents = []
        if corpus.abstracts and not cell.sentences_only:
            documents = [Path(folder) / "abstracts.spacy"]
            path = harness.data_folder() / "linking" / corpus.abstracts
            label_map = {"*": corpus.label} if corpus.label else {}
            convert_corpus([path], documents[0], nlp=blank_pipeline(), format="pubtator", label_map=label_map)
        task = Task(train, dev, test, steps, documents, settings, keep and keep / cell.path().stem)
        outcome = SYSTEMS[cell.system](task, checkpoint, cell.seed)
    gold = [bio(sentence) for sentence in test]
    best = max(outcome.history, key=lambda point: point[2])
    result = {
        **cell.__dict__,
        "settings": settings,
        "steps": steps,
        "threads": threads,
        "f1": round(100 * float(f1_score(gold, outcome.tags)), 2),
        "precision": round(100 * float(precision_score(gold, outcome.tags)), 2),
        "recall": round(100 * float(recall_score(gold, outcome.tags)), 2),
        "dev_f1": round(100 * best[2], 2),
        "best_step": best[0],
        "seconds_to_best": round(best[1]),
        "history": [[step, round(seconds, 1), round(100 * score, 2)] for step, seconds, score in outcome.history],
        "machine": harness.machine(),
    }
    CELLS.mkdir(parents=True, exist_ok=True)
    cell.path().write_text(json.dumps(result, indent=1) + "\n", encoding="utf8")
    print(f"{cell.path().stem}: dev {result['dev_f1']}, {cell.scored_on} {result['f1']}", flush=True)


def stored() -> list[dict[str, Any]]:
    """Read all cells."""
    return [json.loads(path.read_text(encoding="utf8")) for path in sorted(CELLS.glob("*.json"))]


def table() -> None:
    """Print the mean over the seeds of each row of cells, dev and test, and the time to the best score on dev."""
    rows: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for cell in stored():
        key = ("corpus", "share", "sentences_only", "weights", "system", "name", "scored_on")
        rows.setdefault(tuple(cell[part] for part in key), []).append(cell)
    for (corpus, share, only, weights, system, name, scored_on), cells in sorted(rows.items()):
        what = f"{corpus} {share:.0%}{' of sentences' if only else ''}, {weights}, {system}, {name}"
        print(f"{what:<70}{_spread(cells, 'dev_f1')}  {scored_on} {_spread(cells, 'f1')}", end="")
        print(f"  best after {statistics.mean(cell['seconds_to_best'] for cell in cells):6.0f} CPU s", end="")
        print(f"  seeds {sorted(cell['seed'] for cell in cells)}")


def _spread(cells: list[dict[str, Any]], key: str) -> str:
    values = [cell[key] for cell in cells]
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread}"


def plot() -> None:
    """Draw F1 on NCBI-disease's test set by the share of training sentences, for each system."""
    lines: dict[str, list[tuple[float, float]]] = {}
    shown = {"corpus": "ncbi", "weights": "minilm", "name": "recipe", "seed": 0, "sentences_only": True}
    for cell in stored():
        if shown.items() <= cell.items():
            lines.setdefault(cell["system"], []).append((cell["share"], cell["f1"]))
    PLOT.parent.mkdir(exist_ok=True)
    PLOT.write_text(learning_curve(lines), encoding="utf8")
    print(f"Drew {PLOT}")


def cells_of(args: argparse.Namespace) -> Iterator[Cell]:
    """Yield the cells that a command line asks for."""
    for corpus in args.corpora:
        for share in args.shares:
            for seed in args.seeds:
                for system in args.systems:
                    only = args.sentences_only or system != "spacy_biobert"
                    yield Cell(system, args.weights, corpus, seed, share, only, args.name, args.on)


def main() -> None:
    """Run cells, or show them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "table", "plot"])
    parser.add_argument("--weights", default="minilm", help="minilm, embedded, or the folder of a checkpoint")
    parser.add_argument("--corpora", nargs="+", default=["ncbi"], choices=list(CORPORA))
    parser.add_argument("--systems", nargs="+", default=["spacy_biobert"], choices=list(SYSTEMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--shares", nargs="+", type=float, default=[1.0])
    parser.add_argument("--sentences-only", action="store_true", help="do not train on whole abstracts too")
    parser.add_argument("--on", choices=["dev", "test"], default="test", help="choices are made on dev")
    parser.add_argument("--name", default="recipe", help="what the settings are called")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=JSON", help="changes of the recipe")
    parser.add_argument("--keep", type=Path, help="a folder to keep our trained pipelines in")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    if args.what == "run":
        ner_systems.set_threads(args.threads)
        settings = {name: json.loads(value) for name, value in (one.split("=", 1) for one in args.set)}
        for cell in cells_of(args):
            if cell.path().exists():
                print(f"{cell.path().stem} is there already")
            else:
                run(cell, settings, args.threads, args.keep)
    elif args.what == "table":
        table()
    else:
        plot()


if __name__ == "__main__":
    main()
