"""What the ready-made pipeline is worth: its scores on the official test sets, its speed, and what it costs to load.

    pip install --no-deps assets/en_biomedical_sm-*.whl
    python benchmarks/ready_pipeline.py scores       # each test set, on the labels that it annotates
    python benchmarks/ready_pipeline.py speed        # 500 abstracts through nlp.pipe; memory and time to load

Scores are those of the installed pipeline with `precision="auto"`, one setting for all. "Sentences" are the published
IOB sentences with their own tokens, as the literature reports; "abstracts" are raw text. BC2GM is published as tokens
only.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import harness
import spacy
from memory import measure, sample_text
from spacy.tokens import DocBin
from spacy.training import Corpus

from spacy_biobert.corpora.tokenizer import blank_pipeline
from spacy_biobert.project.corpora import convert_dataset
from spacy_biobert.project.datasets import read_dataset

PIPELINE = "en_biomedical_sm"
ROOT = Path(__file__).parent.parent


def scores() -> None:
    """Score the pipeline on every test set of the dataset that it was trained on."""
    nlp = spacy.load(PIPELINE)
    dataset = read_dataset("biomedical_sm", ROOT)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        convert_dataset(dataset, ROOT, Path(folder), nlp=blank_pipeline(), report=lambda file: None)
        for path in sorted((Path(folder) / "test").glob("*.spacy")):
            found = nlp.evaluate(list(Corpus(path)(nlp)))
            results[path.stem] = {
                "precision": round(100 * found["ents_p"], 2),
                "recall": round(100 * found["ents_r"], 2),
                "f1": round(100 * found["ents_f"], 2),
                "labels": {label: round(100 * one["f"], 2) for label, one in found["ents_per_type"].items()},
                "docs": len(list(DocBin().from_disk(path).get_docs(nlp.vocab))),
            }
            print(f"{path.stem:<22} F1 {results[path.stem]['f1']:.2f}", flush=True)
    harness.save("ready_pipeline_scores", {"pipeline": PIPELINE, "version": nlp.meta["version"], "test": results})


def speed(rounds: int) -> None:
    """Time the whole pipeline, from text to links, and what a fresh process pays for it."""
    nlp = spacy.load(PIPELINE)
    texts = harness.abstracts(500)
    words = sum(len(text.split()) for text in texts)
    list(nlp.pipe(texts[:64]))
    seconds = []
    for i in range(rounds):
        started = time.perf_counter()
        for _ in nlp.pipe(texts):
            pass
        seconds.append(time.perf_counter() - started)
        print(f"  round {i + 1}/{rounds}: {words / seconds[-1]:,.0f} words a second", flush=True)
    found = [measure("load", folder=PIPELINE, text=sample_text()) for _ in range(5)]
    cost = {name: round(statistics.median(each[name] for each in found), 2) for name in found[0]}
    for name, value in cost.items():
        print(f"  {name:<36} {value:8.2f}")
    result = {"words_per_second": round(words / statistics.median(seconds)), "words": words, **cost}
    kind = harness.processor()[-1]
    harness.save(f"ready_pipeline_speed_{kind}", {"pipeline": PIPELINE, "version": nlp.meta["version"], **result})


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["scores", "speed"])
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    if args.what == "scores":
        scores()
    else:
        speed(args.rounds)


if __name__ == "__main__":
    main()
