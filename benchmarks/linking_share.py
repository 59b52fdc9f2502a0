"""What the linker adds to the time of the ready-made pipeline, from raw text to links.

    pip install --no-deps assets/en_biomedical_sm-*.whl
    SPACY_BIOBERT_DATA=… python benchmarks/linking_share.py [--rounds 5] [--texts 500]

The same abstracts of BC5CDR's test set go through `nlp.pipe`: without the linker, with it and its own knowledge base,
and with it and MEDIC, in which all mentions are looked up or those of diseases alone. They take turns, and the linker
remembers no mention of the round before (its knowledge base keeps names that it has read, and which words are like the
words of mentions); what is stored is the median over the rounds of each round's ratio.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import harness
import spacy
from spacy.language import Language

from spacy_biobert.linking.component import Linker
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.sources import read_medic

PIPELINE = "en_biomedical_sm"
WITHOUT, OWN, MEDIC = "without linker", "linker, own knowledge base", "linker, MEDIC"
DISEASES = "linker of diseases, MEDIC"


def main() -> None:
    """Time them; print and store the outcome."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--texts", type=int, default=500)
    options = parser.parse_args()
    texts = harness.abstracts(options.texts)
    with tempfile.TemporaryDirectory() as folder:
        medic = KnowledgeBase.build(
            read_medic(harness.data_folder() / "kb" / "medic_06Jul2012.txt"), Path(folder, "kb")
        )
        pipelines = {name: spacy.load(PIPELINE) for name in (WITHOUT, OWN, MEDIC, DISEASES)}
        pipelines[WITHOUT].remove_pipe("biobert_linker")
        find_linker(pipelines[MEDIC]).kb = medic
        find_linker(pipelines[DISEASES]).kb = medic
        find_linker(pipelines[DISEASES]).cfg["labels"] = ["Disease"]
        wall: dict[str, list[float]] = {name: [] for name in pipelines}
        cpu: dict[str, list[float]] = {name: [] for name in pipelines}
        counts = dict.fromkeys(pipelines, 0)
        for number in range(options.rounds + 1):
            for name, nlp in pipelines.items():
                if name != WITHOUT:
                    linker = find_linker(nlp)
                    linker.kb = linker.require_kb()
                started, busy = time.perf_counter(), time.process_time()
                counts[name] = sum(len(doc.ents) for doc in nlp.pipe(texts))
                taken = time.perf_counter() - started, time.process_time() - busy
                if number:  # the first round is for warmth
                    wall[name].append(taken[0])
                    cpu[name].append(taken[1])
                    print(f"  round {number}/{options.rounds}  {name:<28} {taken[0]:.2f} s, busy {taken[1]:.2f} s")
    words = sum(len(text.split()) for text in texts)
    result = {
        "pipeline": PIPELINE,
        "texts": len(texts),
        "words": words,
        "mentions": counts[OWN],
        "words a second": {name: round(words / harness.median(times)) for name, times in wall.items()},
        "added by the linker, percent": {
            name: {"wall": added(wall[name], wall[WITHOUT]), "cpu": added(cpu[name], cpu[WITHOUT])}
            for name in (OWN, MEDIC, DISEASES)
        },
    }
    print(result)
    harness.save("linking_share", result)


def find_linker(nlp: Language) -> Linker:
    """Return the pipeline's linker."""
    linker = nlp.get_pipe("biobert_linker")
    if not isinstance(linker, Linker):
        raise TypeError(type(linker))
    return linker


def added(times: list[float], without: list[float]) -> float:
    """Return by how many percent times are longer, at the median of the rounds."""
    return round(100 * harness.median([more / less - 1 for more, less in zip(times, without, strict=True)]), 1)


if __name__ == "__main__":
    main()
