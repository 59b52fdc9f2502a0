"""Look-ups of names in MEDIC, beside scispaCy's candidate generator: how fast, how soon built, how much is found.

    SPACY_BIOBERT_DATA=… python benchmarks/linking_speed.py [--scispacy FOLDER]

Both sides have the same concepts and names and look up the mentions of NCBI-disease, all splits, each once, as
written, without expanding abbreviations; they take turns. scispaCy's generator returns the concepts of the nearest `k`
names: 30, which is its linker's default, and 160, which yields 20 concepts more often; they are put in order of
similarity here, outside of what is timed. Recall is over the gold mentions of the test set: whether a gold id is among
the first 20 concepts, alternative ids counting on both sides. Times are given twice, as the clock saw them and as the
processor was busy; both sides may use all cores.

What is timed goes on both sides from texts to concepts with their scores: ours normalises, looks for the same words,
scores, sorts and gives the name of each concept, by exact scores; scispaCy's makes vectors of trigrams and asks its
graph of neighbours. Ours reads names from disk when they are first found, in the round that is not timed, and then
keeps up to 100,000 of them, and which words are like the words of mentions; scispaCy's has all in memory. How fast ours
is before it has met any of the words is given apart, "words not met before".

scispaCy takes minutes to build its index; with --scispacy it is kept in a folder, with the time that it took.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness
import spacy

from spacy_biobert.corpora.concept_ids import split_concept_ids
from spacy_biobert.corpora.readers import pubtator_docs
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.sources import read_medic
from spacy_biobert.span_places import SPANS_KEY

TOP_N = 20
ROUNDS = 5
SPLITS = {name: f"NCBI{name}set_corpus.txt" for name in ("train", "develop", "test")}


def timed(run: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Run something; return what it returns, and the seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    return result, {"wall": round(time.perf_counter() - wall, 3), "cpu": round(time.process_time() - cpu, 3)}


def gold_mentions(split: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the mentions of a split and their gold ids."""
    path = harness.data_folder() / "linking" / "ncbi_disease" / SPLITS[split]
    docs = pubtator_docs(path, spacy.blank("en").make_doc)
    return [(span.text, tuple(split_concept_ids(span.kb_id_))) for doc in docs for span in doc.spans[SPANS_KEY]]


def scispacy_generator(kb: KnowledgeBase, folder: Path) -> tuple[Any, dict[str, float]]:
    """Build scispaCy's generator, or open it where it was built; return it, and the seconds that building took."""
    from scispacy.candidate_generation import CandidateGenerator, create_tfidf_ann_index
    from scispacy.linking_utils import KnowledgeBase as TheirKnowledgeBase

    index = folder / "index"
    index.mkdir(parents=True, exist_ok=True)
    records = folder / "kb.jsonl"
    if not records.exists():
        with open(records, "w", encoding="utf8") as file:
            for concept in kb.concepts():
                record = {
                    "concept_id": concept.id,
                    "canonical_name": concept.name,
                    "aliases": list(concept.synonyms),
                    "types": [],
                    "definition": None,
                }
                file.write(json.dumps(record) + "\n")
    theirs = TheirKnowledgeBase(str(records))
    parts, seconds = timed(lambda: create_tfidf_ann_index(str(index), theirs))
    kept = folder / "time.json"
    if kept.exists():
        seconds = json.loads(kept.read_text())
    else:
        kept.write_text(json.dumps(seconds))
    aliases, vectorizer, neighbours = parts
    return CandidateGenerator(neighbours, vectorizer, aliases, theirs), seconds


def met_no_words(kb: KnowledgeBase) -> KnowledgeBase:
    """Let a knowledge base forget the words of mentions."""
    kb.lookup.index.forget_words()
    return kb


def first_concepts(found: list[Any]) -> list[str]:
    """Return scispaCy's candidates of a mention, the most similar first."""
    ranked = sorted(found, key=lambda candidate: -max(candidate.similarities))
    return [candidate.concept_id for candidate in ranked[:TOP_N]]


def recall(kb: KnowledgeBase, gold: list[tuple[str, tuple[str, ...]]], found: list[list[str]]) -> float:
    """Return how many mentions have a gold id among what was found."""
    hits = 0
    for (_, ids), concepts in zip(gold, found, strict=True):
        same = {identifier for concept in concepts for identifier in kb.equivalent_ids(concept)}
        hits += not same.isdisjoint(ids)
    return round(hits / len(gold), 4)


def main() -> None:
    """Build both, look up, time; print and store the outcome."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scispacy", type=Path, help="where scispaCy's index is kept")
    folder = parser.parse_args().scispacy
    test = gold_mentions("test")
    mentions = sorted({text for split in SPLITS for text, _ in gold_mentions(split)})
    with tempfile.TemporaryDirectory() as temporary:
        medic = harness.data_folder() / "kb" / "medic_06Jul2012.txt"
        kb, built = timed(lambda: KnowledgeBase.build(read_medic(medic), Path(temporary, "kb")))
        generator, theirs_built = scispacy_generator(kb, folder or Path(temporary, "scispacy"))
        sides: dict[str, Callable[[list[str]], list[Any]]] = {
            "ours": lambda texts: kb.candidates(texts, TOP_N),
            "ours, words not met before": lambda texts: met_no_words(kb).candidates(texts, TOP_N),
            "scispaCy, k=30": lambda texts: generator(texts, 30),
            "scispaCy, k=160": lambda texts: generator(texts, 160),
        }
        seconds: dict[str, dict[str, list[float]]] = {name: {"wall": [], "cpu": []} for name in sides}
        for number in range(ROUNDS + 1):
            for name, look_up in sides.items():
                _, taken = timed(lambda look_up=look_up: look_up(mentions))
                if number:  # the first is for warmth
                    print(f"  round {number}/{ROUNDS}  {name:<20} {taken}", flush=True)
                    for clock, value in taken.items():
                        seconds[name][clock].append(value)
        texts = [text for text, _ in test]
        found = {
            name: [
                [one.concept_id for one in candidates] if name.startswith("ours") else first_concepts(candidates)
                for candidates in look_up(texts)
            ]
            for name, look_up in sides.items()
        }
        result = {
            "cores": len(os.sched_getaffinity(0)),
            "names": kb.n_names,
            "mentions": len(mentions),
            "seconds to build": {"ours": built, "scispaCy": theirs_built},
            "look-ups a second": {
                name: {clock: round(len(mentions) / harness.median(values)) for clock, values in clocks.items()}
                for name, clocks in seconds.items()
            },
            f"gold id among {TOP_N}": {name: recall(kb, test, concepts) for name, concepts in found.items()},
        }
    print(json.dumps(result, indent=2))
    harness.save("linking_speed", result)


if __name__ == "__main__":
    main()
