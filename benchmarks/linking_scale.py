"""Whether a knowledge base of UMLS's size is built, opened and searched as one would wish (Linux only).

    SPACY_BIOBERT_DATA=… python benchmarks/linking_scale.py                     # 3 million concepts, 8 million names
    SPACY_BIOBERT_DATA=… python benchmarks/linking_scale.py --names 1000000     # fewer, in proportion
    … --processes 2                                                             # look up in two processes at once
    … --folder FOLDER                                                           # keep it, or take what is there

The names are made up, see `umls_like.py`. Building and looking up run in processes of their own, whose memory is
measured; what is built is a knowledge base as `spacy biobert kb build` builds it. Half of the mentions are names as
they are, half are names with slips, words more, less or elsewhere. Times are given twice, as the clock saw them and as
the processor was busy: these differ where other jobs run on the machine.

Recall is that of the concept a mention was made from, among the first 20, beside an exhaustive search; and how many of
the exhaustive search's first 20 concepts are found.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import harness
from umls_like import make_concepts, perturbed, real_names, statistics

TOP_N = 20
BATCH = 128
CONCEPTS_PER_NAME = 3 / 8
SEED = 0


def build(folder: Path, n_names: int) -> dict[str, Any]:
    """Make the concepts and build the knowledge base."""
    from spacy_biobert.linking.concepts import Concept
    from spacy_biobert.linking.kb import KnowledgeBase

    made = {"wall": 0.0, "cpu": 0.0}

    def timed() -> Iterator[Concept]:
        concepts = make_concepts(
            real_names(harness.data_folder()), round(n_names * CONCEPTS_PER_NAME), n_names, seed=SEED
        )
        while True:
            wall, cpu = time.perf_counter(), time.process_time()
            concept = next(concepts, None)
            made["wall"] += time.perf_counter() - wall
            made["cpu"] += time.process_time() - cpu
            if concept is None:
                return
            yield concept

    wall, cpu = time.perf_counter(), time.process_time()
    kb = KnowledgeBase.build(timed(), folder, source={"name": "made up, like UMLS"}, progress=True)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    sizes = {name: file["size"] for name, file in kb.meta["files"].items()}
    return {
        "concepts": len(kb),
        "names": kb.n_names,
        "minutes": {"wall": round((wall - made["wall"]) / 60, 2), "cpu": round((cpu - made["cpu"]) / 60, 2)},
        "minutes to make up the names": {key: round(value / 60, 2) for key, value in made.items()},
        "peak gigabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "gigabytes on disk": round(sum(sizes.values()) / 1e9, 3),
        "gigabytes on disk, index alone": round(
            sum(size for name, size in sizes.items() if name.startswith("index_")) / 1e9, 3
        ),
    }


def make_mentions(folder: Path, count: int) -> list[tuple[str, str, bool]]:
    """Return mentions: the id of the concept, the text, and whether it is a name as it is."""
    choose = random.Random(SEED + 1)
    connection = sqlite3.connect(f"{(folder / 'concepts.sqlite').as_uri()}?mode=ro&immutable=1", uri=True)
    ((n_names,),) = connection.execute("SELECT count(*) FROM names")
    mentions = []
    for number, row in enumerate(choose.sample(range(n_names), count)):
        query = "SELECT c.id, n.name FROM names AS n JOIN concepts AS c ON n.concept = c.row WHERE n.row = ?"
        ((concept, name),) = connection.execute(query, (row,))
        is_exact = number % 2 == 0
        mentions.append((concept, name if is_exact else perturbed(name, choose), is_exact))
    return mentions


def name_statistics(folder: Path, count: int) -> dict[str, Any]:
    """Compare made-up names with the real ones they were made from."""
    choose = random.Random(SEED)
    connection = sqlite3.connect(f"{(folder / 'concepts.sqlite').as_uri()}?mode=ro&immutable=1", uri=True)
    rows = connection.execute("SELECT name FROM names ORDER BY row LIMIT ?", (count,))
    real = real_names(harness.data_folder())
    return {
        "real": statistics(choose.sample(real, min(count, len(real)))),
        "made up": statistics(name for (name,) in rows),
    }


def proportional_megabytes() -> float:
    """Return this process's proportional set size."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1e3
    raise RuntimeError("/proc/self/smaps_rollup has no line 'Pss:'")


def look_up(folder: Path, mentions: list[str], *, exhaustive: bool) -> dict[str, Any]:
    """Open the knowledge base and look up mentions."""
    from spacy_biobert.linking.kb import KnowledgeBase

    started = time.perf_counter()
    kb = KnowledgeBase.open(folder)
    opened = time.perf_counter() - started
    if exhaustive:
        kb.lookup.index.method = "exhaustive"
    kb.candidates(mentions[:BATCH], TOP_N)  # scipy is imported by the first look-up
    found: list[list[str]] = []
    wall, cpu = time.perf_counter(), time.process_time()
    for first in range(0, len(mentions), BATCH):
        for candidates in kb.candidates(mentions[first : first + BATCH], TOP_N):
            found.append([candidate.concept_id for candidate in candidates])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    memory = proportional_megabytes()
    return {"open": opened, "wall": wall, "cpu": cpu, "megabytes": memory, "found": found}


def start(task: str, **arguments: Any) -> subprocess.Popen[str]:
    """Start a task in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--task", task], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    if process.stdin is None:
        raise RuntimeError("the process has no standard input")
    process.stdin.write(json.dumps(arguments))
    process.stdin.close()
    return process


def result_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a task and return its result."""
    if process.stdout is None:
        raise RuntimeError("the process has no standard output")
    output = process.stdout.read()
    if process.wait():
        raise SystemExit("A task failed; see above.")
    return json.loads(output)


def run_task(task: str) -> None:
    """Do what :func:`start` asked for."""
    arguments = json.load(sys.stdin)
    folder = Path(arguments.pop("folder"))
    result = build(folder, **arguments) if task == "build" else look_up(folder, **arguments)
    json.dump(result, sys.stdout)


def recall(
    mentions: list[tuple[str, str, bool]], found: list[list[str]], everything: list[list[str]]
) -> dict[str, Any]:
    """Compare what was found with what an exhaustive search finds."""
    result = {}
    for label, wanted in (("names as they are", (True,)), ("perturbed", (False,)), ("all", (True, False))):
        rows = [row for row, (_, _, is_exact) in enumerate(mentions) if is_exact in wanted]
        ours = sum(mentions[row][0] in found[row] for row in rows) / len(rows)
        theirs = sum(mentions[row][0] in everything[row] for row in rows) / len(rows)
        shared = sum(len(set(found[row]) & set(everything[row])) for row in rows)
        result[label] = {
            "mentions": len(rows),
            f"right concept among {TOP_N}": round(ours, 4),
            f"right concept among {TOP_N}, exhaustive": round(theirs, 4),
            f"share of the exhaustive {TOP_N} found": round(shared / sum(len(everything[row]) for row in rows), 4),
        }
    return result


def main() -> None:
    """Build, look up, compare; print and store the outcome."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=8_000_000, help="how many names, about (default: 8000000)")
    parser.add_argument("--mentions", type=int, default=4_000, help="how many mentions to look up (default: 4000)")
    parser.add_argument("--exhaustive", type=int, default=500, help="how many of them exhaustively too (default: 500)")
    parser.add_argument("--processes", type=int, default=1, help="how many processes look up (default: 1)")
    parser.add_argument("--folder", type=Path, help="where to build; what was built there before is used")
    parser.add_argument("--task", choices=("build", "look_up"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        run_task(arguments.task)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.folder or Path(temporary) / "kb").absolute()
        kept = folder.with_name(f"{folder.name}.build.json")
        if not folder.exists():
            kept.write_text(json.dumps(result_of(start("build", folder=str(folder), n_names=arguments.names))))
        built = json.loads(kept.read_text())
        print(json.dumps(built, indent=2), flush=True)
        mentions = make_mentions(folder, arguments.mentions)
        texts = [text for _, text, _ in mentions]
        shares = [texts[number :: arguments.processes] for number in range(arguments.processes)]
        processes = [start("look_up", folder=str(folder), mentions=share, exhaustive=False) for share in shares]
        results = [result_of(process) for process in processes]
        first = texts[: arguments.exhaustive]
        everything = result_of(start("look_up", folder=str(folder), mentions=first, exhaustive=True))
        found: list[list[str]] = [[]] * len(texts)
        for number, one in enumerate(results):
            found[number :: arguments.processes] = one["found"]
        result = {
            "built": built,
            "statistics of 300000 names": name_statistics(folder, 300_000),
            "seconds to open": round(max(one["open"] for one in results), 3),
            "processes": arguments.processes,
            "mentions": len(texts),
            "mentions a second": {
                "wall": round(len(texts) / max(one["wall"] for one in results)),
                "cpu, of one core": round(len(texts) / sum(one["cpu"] for one in results)),
                "cpu, of one core, exhaustive": round(len(first) / everything["cpu"], 1),
            },
            "proportional megabytes, all processes": round(sum(one["megabytes"] for one in results)),
            "recall": recall(mentions[: len(first)], found[: len(first)], everything["found"]),
        }
    print(json.dumps(result, indent=2))
    harness.save(f"linking_scale_{arguments.names // 1000}k", result)


if __name__ == "__main__":
    main()
