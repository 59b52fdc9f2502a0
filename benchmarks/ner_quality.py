"""How well entities are found after training, beside spaCy-transformers and Hugging Face on the same weights.

    python benchmarks/ner_quality.py run --weights minilm --corpora ncbi --systems spacy_biobert --seeds 0 1 2
    python benchmarks/ner_quality.py run --weights minilm --corpora ncbi --shares 0.1 0.3 1 --sentences-only
    python benchmarks/ner_quality.py run --name dropout_0.2 --set training.dropout=0.2 --on dev
    python benchmarks/ner_quality.py joined --weights minilm
    python benchmarks/ner_quality.py table
    python benchmarks/ner_quality.py plot

Each cell, a system on a corpus with a seed, is a file in ``results/ner``, written as it ends; a cell that is there is
not run again, so that a run may be stopped at any time and started again. Training and choice of the model are on train
and dev, the score on test, exact entities by seqeval, which counts as conlleval does. `joined` trains one pipeline on
all three corpora and stores a cell for each, on the labels that it annotates: of these, what does not overlap in the
pipeline's span group, the likelier first. What it finds of other labels neither counts nor displaces anything.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import harness
import ner_systems
from ner_plot import learning_curve
from ner_systems import SYSTEMS, Outcome, Task, bio
from seqeval.metrics import f1_score, precision_score, recall_score

from spacy_biobert.corpora.convert import convert_corpus
from spacy_biobert.corpora.iob import Sentence, read_iob
from spacy_biobert.corpora.tokenizer import blank_pipeline

CELLS = harness.RESULTS / "ner"
PLOT = Path(__file__).parent.parent / "docs" / "learning_curve.svg"
EMBEDDED = Path(__file__).parent.parent / "assets" / "encoder"


@dataclass(frozen=True)
class Corpus:
    """A corpus.

    Attributes:
        folder: Of its IOB files.
        labels: What it annotates.
        label_map: From what its files call that.
        abstracts: Its training abstracts, if they are published as text.
        steps: Batches of a training.
    """

    folder: str
    labels: tuple[str, ...]
    label_map: dict[str, str]
    abstracts: str | None
    steps: int


CORPORA = {
    "ncbi": Corpus("ncbi_disease", ("Disease",), {"*": "Disease"}, "ncbi_disease/NCBItrainset_corpus.txt", 1000),
    "bc5cdr": Corpus("bc5cdr", ("Chemical", "Disease"), {}, "bc5cdr/CDR_TrainingSet.PubTator.txt", 1000),
    "bc2gm": Corpus("bc2gm", ("Gene",), {"*": "Gene"}, None, 1400),
}
JOINED = {
    "components.biobert_ner.overlapping": True,
    "components.biobert_ner.label_weights": {"Gene": 1.4, "Chemical": 2.0},
    "training.eval_frequency": 1700,
}
"""How the three are trained together: a layer of tags for each label, of each corpus as many words as it has alone, and
as much weight for each label: 41 % of the words are looked through for genes, 29 for chemicals, 59 for diseases."""
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
        return CELLS / f"{self.corpus}{share}{only}-{Path(self.weights).name}-{self.system}{name}-{self.seed}.json"


def sentences(corpus: Corpus, split: str) -> list[Sentence]:
    """Read the sentences of a split: train, devel or test."""
    return list(read_iob(harness.data_folder() / "ner" / corpus.folder / f"{split}.tsv"))


def convert_abstracts(corpus: Corpus, output: Path) -> list[Path]:
    """Write the training abstracts that a corpus has, and return where."""
    if corpus.abstracts is None:
        return []
    convert_corpus(
        [harness.data_folder() / "linking" / corpus.abstracts],
        output,
        nlp=blank_pipeline(),
        format="pubtator",
        label_map=corpus.label_map,
        annotates=corpus.labels,
    )
    return [output]


def convert_sentences(corpus: Corpus, split: str, output: Path) -> Path:
    """Write the sentences of a split with what the corpus annotates, and return where."""
    convert_corpus(
        [harness.data_folder() / "ner" / corpus.folder / f"{split}.tsv"],
        output,
        nlp=blank_pipeline(),
        format="iob",
        label_map=corpus.label_map,
        annotates=corpus.labels,
    )
    return output


def checkpoint_of(weights: str) -> Path:
    """Return the folder of the weights that a name stands for."""
    return {"minilm": harness.minilm_folder, "embedded": lambda: EMBEDDED}.get(weights, lambda: Path(weights))()


def run(cell: Cell, settings: dict[str, Any], threads: int, keep: Path | None = None) -> None:
    """Train, score and store one cell."""
    corpus = CORPORA[cell.corpus]
    train = sentences(corpus, "train")
    if cell.share < 1:
        train = random.Random(0).sample(train, round(cell.share * len(train)))
    dev = sentences(corpus, "devel")
    test = sentences(corpus, "test") if cell.scored_on == "test" else dev
    steps = int(settings.get("training.max_steps", STEPS_OF_SHARE.get(cell.share, corpus.steps)))
    with tempfile.TemporaryDirectory() as folder:
        documents = [] if cell.sentences_only else convert_abstracts(corpus, Path(folder) / "abstracts.spacy")
        task = Task(train, dev, test, steps, documents, settings=settings, keep=keep and keep / cell.path().stem)
        outcome = SYSTEMS[cell.system](task, checkpoint_of(cell.weights), cell.seed)
    store(cell, settings, threads, outcome, test, outcome.tags)


def run_joined(cells: dict[str, Cell], settings: dict[str, Any], threads: int, keep: Path | None = None) -> None:
    """Train one pipeline on several corpora; score and store a cell for each, with what it has on dev by itself."""
    held_out = {
        (name, split): [relabelled(sentence, CORPORA[name]) for sentence in sentences(CORPORA[name], split)]
        for name in cells
        for split in ("devel", "test")
    }
    settings = {**JOINED, **settings}
    steps = int(settings.get("training.max_steps", sum(CORPORA[name].steps for name in cells)))
    some = next(iter(cells.values()))
    with tempfile.TemporaryDirectory() as name:
        folder, dev = Path(name), []
        for name in cells:
            convert_abstracts(CORPORA[name], folder / name / "abstracts.spacy")
            convert_sentences(CORPORA[name], "train", folder / name / "sentences.spacy")
            dev.append(convert_sentences(CORPORA[name], "devel", folder / f"{name}_dev.spacy"))
        in_proportion = {
            "@readers": "spacy_biobert.MixedCorpus.v1",
            "corpora": {
                name: {"@readers": "spacy.Corpus.v1", "path": str(folder / name), "gold_preproc": False}
                for name in cells
            },
            "shares": {name: CORPORA[name].steps for name in cells},
        }
        changes = {"corpora.train": in_proportion, **settings}
        test = [sentence for part in held_out.values() for sentence in part]
        labels = [CORPORA[name].labels for (name, _), part in held_out.items() for _ in part]
        kept = keep and keep / f"joined-{some.weights}-{some.seed}"
        task = Task([], [], test, steps, [], dev, labels, changes, kept)
        outcome = SYSTEMS[some.system](task, checkpoint_of(some.weights), some.seed)
    every = iter(outcome.tags)
    tags = {which: [next(every) for _ in part] for which, part in held_out.items()}
    for name, cell in cells.items():
        by_itself = f1([bio(sentence) for sentence in held_out[name, "devel"]], tags[name, "devel"])
        store(cell, settings, threads, outcome, held_out[name, "test"], tags[name, "test"], dev_f1_by_itself=by_itself)


def relabelled(sentence: Sentence, corpus: Corpus) -> Sentence:
    """Name a sentence's mentions as the joined pipeline does."""
    names = corpus.label_map
    spans = [(start, end, names.get(label, names.get("*", label))) for start, end, label in sentence.spans]
    return replace(sentence, spans=tuple(spans))


def f1(gold: list[list[str]], tags: list[list[str]]) -> float:
    """Return F1 in percent, exact entities, as conlleval counts."""
    return round(100 * float(f1_score(gold, tags)), 2)


def store(
    cell: Cell,
    settings: dict[str, Any],
    threads: int,
    outcome: Outcome,
    test: list[Sentence],
    tags: list[list[str]],
    **more: float,
) -> None:
    """Score the tags of the test sentences, and write the cell."""
    gold = [bio(sentence) for sentence in test]
    best = max(outcome.history, key=lambda point: point[2])
    result = {
        **cell.__dict__,
        "settings": settings,
        "steps": outcome.history[-1][0],
        "threads": threads,
        "f1": f1(gold, tags),
        "precision": round(100 * float(precision_score(gold, tags)), 2),
        "recall": round(100 * float(recall_score(gold, tags)), 2),
        "dev_f1": round(100 * best[2], 2),
        **more,
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
    lines: dict[str, list[tuple[float, float]]] = {system: [] for system in SYSTEMS}
    shown = {"corpus": "ncbi", "weights": "minilm", "name": "recipe", "seed": 0, "sentences_only": True}
    for cell in stored():
        if shown.items() <= cell.items():
            lines[cell["system"]].append((cell["share"], cell["f1"]))
    PLOT.parent.mkdir(exist_ok=True)
    PLOT.write_text(learning_curve({name: points for name, points in lines.items() if points}), encoding="utf8")
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
    parser.add_argument("what", choices=["run", "joined", "table", "plot"])
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
    ner_systems.set_threads(args.threads)
    settings = {name: json.loads(value) for name, value in (one.split("=", 1) for one in args.set)}
    if args.what == "joined":
        for seed in args.seeds:
            joined = {
                name: Cell("spacy_biobert", args.weights, name, seed, name=args.name.replace("recipe", "joined"))
                for name in CORPORA
            }
            if all(cell.path().exists() for cell in joined.values()):
                print(f"The joined pipeline of seed {seed} is there already")
            else:
                run_joined(joined, settings, args.threads, args.keep)
    elif args.what == "run":
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
