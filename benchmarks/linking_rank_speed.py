"""How many mentions a second are ranked in full, where a transformer reads names: from texts to concepts with shares.

    SPACY_BIOBERT_DATA=… OMP_NUM_THREADS=1 python benchmarks/linking_rank_speed.py --vectors FILE [--names FILE]

`--vectors` takes what `spacy biobert train-linker … --encoder …` made, dense.safetensors. The vectors of MEDIC's names,
which a pipeline stores and which take minutes to make, are kept in the file that `--names` names, if any.

The mentions are those of NCBI-disease's test set as they stand in their docs, where some come again; and the different
ones of the test set and of all splits, each in a doc of its own. None was looked up before. Given are a second of the
clock and a second of CPU time of one process on one thread; and a second of the clock of two such processes, each with
every second doc, as `nlp.pipe(n_process=2)` runs them. Nobody's answers are scored. The ranker is untrained: its
numbers take the same time whatever they are.

Beside that it counts which mentions are spelled like a name (these are not read by the transformer), and how often the
20 nearest concepts are the same where all vectors are compared in full.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import tempfile
import time
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import spacy
import torch
from harness import data_folder, median, save
from linking_ncbi import FILES

from spacy_biobert.corpora.readers import pubtator_docs
from spacy_biobert.linking.candidates import CandidateFinder, Query
from spacy_biobert.linking.component import Linker
from spacy_biobert.linking.dense import DenseIndex, read_vectors
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.mentions import Mention
from spacy_biobert.linking.name_encoder import load_name_encoder
from spacy_biobert.linking.ranker import Ranker
from spacy_biobert.linking.resolver import Resolver
from spacy_biobert.linking.settings import LinkerSettings
from spacy_biobert.linking.sources import read_medic
from spacy_biobert.span_places import SPANS_KEY

ROUNDS = 5
DEPTH = 20


def main() -> None:
    """Read names, rank, time, compare; print and store the outcome."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path, required=True, help="name vectors of a transformer, dense.safetensors")
    parser.add_argument("--names", type=Path, help="where the vectors of MEDIC's names are kept")
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # else tokenizers speak up at each fork
    data, nlp = data_folder(), spacy.blank("en")
    docs = {
        split: [
            [span.text for span in doc.spans[SPANS_KEY]]
            for doc in pubtator_docs(data / "linking" / "ncbi_disease" / file, nlp.make_doc)
        ]
        for split, file in FILES.items()
    }
    test = [text for texts in docs["test"] for text in texts]
    different = {
        "test": sorted(set(test)),
        "all splits": sorted({text for texts in chain(*docs.values()) for text in texts}),
    }
    asked = {
        "test as it stands": docs["test"],
        **{f"different ones of {name}": [[text] for text in texts] for name, texts in different.items()},
    }
    with tempfile.TemporaryDirectory() as folder:
        kb = KnowledgeBase.build(read_medic(data / "kb" / "medic_06Jul2012.txt"), Path(folder, "kb"))
        linker = make_linker(nlp, kb, options.vectors, options.names)
        index = linker.resolver().finder.dense
        if index is None:
            raise SystemExit("the linker has no vectors")
        results: dict[str, Any] = {
            "threads": torch.get_num_threads(),
            "cores": len(os.sched_getaffinity(0)),
            "mentions": {name: sum(map(len, some)) for name, some in asked.items()},
            "spelled like a name": {
                "of the mentions of test": spelled_alike(kb, test),
                **{f"of the different ones of {name}": spelled_alike(kb, texts) for name, texts in different.items()},
            },
            "a second": {name: speeds(linker, some) for name, some in asked.items()},
            "nearest concepts, in short and in full": compare(index, kb, different["all splits"]),
        }
    print(json.dumps(results, indent=2))
    save("linking_rank_speed", results)


def make_linker(nlp: spacy.Language, kb: KnowledgeBase, vectors: Path, names: Path | None) -> Linker:
    """Make a linker with a transformer and an untrained ranker, as it is once it was stored."""
    linker = Linker(nlp.vocab, "links", LinkerSettings(ranker=True))
    linker.kb = kb
    encoder = load_name_encoder(vectors)
    stored = read_vectors(names.read_bytes(), kb, names) if names is not None and names.exists() else None
    index = DenseIndex(encoder, kb, vectors=stored)
    if names is not None and stored is None:
        names.write_bytes(index.to_bytes())
    linker.ranker = Ranker()
    linker.name_encoder = encoder
    linker.resolver().finder.dense = index
    return linker


def spelled_alike(kb: KnowledgeBase, texts: list[str]) -> float:
    """Return the share of texts that are a name, case aside."""
    names = {name.casefold() for concept in kb.concepts() for name in concept.names}
    return round(sum(text.casefold() in names for text in texts) / len(texts), 4)


def speeds(linker: Linker, docs: list[list[str]]) -> dict[str, int]:
    """Return how many mentions are ranked in a second of the clock, and of CPU time; and by two processes."""
    n_mentions = sum(map(len, docs))
    rank_all(linker, docs)
    gc.collect()
    gc.freeze()  # a process that only links has less for Python's collector to look through
    one = [timed(linker, docs) for _ in range(ROUNDS)]
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(2)
    queue: Any = context.Queue()
    workers = [
        context.Process(target=work, args=(linker, docs[number::2], barrier, queue), daemon=True) for number in (0, 1)
    ]
    for worker in workers:
        worker.start()
    # Of each round, the slower of the two.
    took = np.max([queue.get() for _ in workers], axis=0)
    for worker in workers:
        worker.join()
    return {
        "one process, by the clock": round(n_mentions / median([wall for wall, _ in one])),
        "one process, CPU time": round(n_mentions / median([cpu for _, cpu in one])),
        "two processes, by the clock": round(n_mentions / median(took.tolist())),
    }


def work(linker: Linker, docs: list[list[str]], barrier: Any, queue: Any) -> None:
    """Rank in a process of its own, beginning each round with the other."""
    rank_all(linker, docs)
    took = []
    for _ in range(ROUNDS):
        barrier.wait()
        took.append(timed(linker, docs)[0])
    queue.put(took)


def timed(linker: Linker, docs: list[list[str]]) -> tuple[float, float]:
    """Rank; return the seconds of the clock, and of CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    rank_all(linker, docs)
    return time.perf_counter() - wall, time.process_time() - cpu


def rank_all(linker: Linker, docs: list[list[str]]) -> None:
    """Rank the concepts of the mentions of docs, none of them looked up before."""
    known = linker.resolver()
    finder = CandidateFinder(known.finder.kb, known.finder.dense)
    resolver = Resolver(finder, known.ranker)
    resolver.rank([[Mention(Query(mention, None, None)) for mention in mentions] for mentions in docs], 20)


def compare(index: DenseIndex, kb: KnowledgeBase, texts: list[str]) -> dict[str, float]:
    """Return how often searching by products in short finds what comparing all vectors finds."""
    vectors = index.encode(texts)
    names = read_vectors(index.to_bytes(), kb, "here")
    same = first = 0
    for vector, found in zip(vectors, index.search(vectors, DEPTH), strict=True):
        expected = index._nearest(names @ vector, DEPTH, None)
        same += np.array_equal(found, expected)
        first += found[:1].tolist() == expected[:1].tolist()
    return {"the same 20": round(same / len(texts), 4), "the same first": round(first / len(texts), 4)}


if __name__ == "__main__":
    main()
