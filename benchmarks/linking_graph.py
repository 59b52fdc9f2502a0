"""What the approximate search of name vectors finds and takes, beside comparing all names: diseases, headings, genes.

    SPACY_BIOBERT_DATA=… python benchmarks/linking_graph.py [--names 230000] [--steps 100]

The vectors are those of words and trigrams, learned for a few steps from MEDIC's synonyms; mentions are those of
NCBI-disease's development set, those that are spelled like a name left out. Recall counts a name as found that is as
near as the twentieth of all.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import spacy
from harness import RESULTS, data_folder

from spacy_biobert.corpora.readers import pubtator_docs
from spacy_biobert.linking.alignment import BagSettings, train_bag_encoder
from spacy_biobert.linking.graph import NameGraph
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.normalization import normalize_name
from spacy_biobert.linking.sources import read_medic
from spacy_biobert.span_places import SPANS_KEY

TOP_N = 20
WITHIN = 1e-3
"""How much farther than the twentieth a name may be, for the graph holds half precision."""


def main() -> None:
    """Encode, build, search, compare; print the outcome, and store it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=230_000, help="how many names")
    parser.add_argument("--steps", type=int, default=100, help="batches of names to learn vectors from")
    options = parser.parse_args()
    data = data_folder()
    with tempfile.TemporaryDirectory() as folder:
        kb = KnowledgeBase.build(read_medic(data / "kb" / "medic_06Jul2012.txt"), Path(folder, "kb"))
        encoder = train_bag_encoder(kb, settings=BagSettings(steps=options.steps))
        names = [name for concept in kb.concepts() for name in concept.names]
        names = list(dict.fromkeys([*names, *headings(data), *genes(data)]))[: options.names]
        known = {normalize_name(name) for name in names}
        corpus = data / "linking" / "ncbi_disease" / "NCBIdevelopset_corpus.txt"
        docs = pubtator_docs(corpus, spacy.blank("en").make_doc)
        mentions = {span.text for doc in docs for span in doc.spans[SPANS_KEY]}
        queries = encoder(sorted(mention for mention in mentions if normalize_name(mention) not in known))
        start = time.perf_counter()
        graph = NameGraph.build(names, encoder)
        built = time.perf_counter() - start
        path = Path(folder, "graph")
        graph.save(path)
        start = time.perf_counter()
        graph = NameGraph.open(path, n_names=len(names), width=encoder.width)
        opened = time.perf_counter() - start
        graph.search(queries, TOP_N)
        start = time.perf_counter()
        found = graph.search(queries, TOP_N)
        searched = time.perf_counter() - start
        vectors = encoder(names)
        start = time.perf_counter()
        cosines = queries @ vectors.T
        farthest = np.partition(cosines, -TOP_N, axis=1)[:, -TOP_N] - WITHIN
        compared = time.perf_counter() - start
        recall = np.mean(
            [
                (cosines[i, rows] >= limit).mean()
                for i, ((rows, _), limit) in enumerate(zip(found, farthest, strict=True))
            ]
        )
        results = {
            "names": len(names),
            "mentions": len(queries),
            "seconds_to_build": round(built, 1),
            "megabytes": round(path.stat().st_size / 2**20),
            "seconds_to_open": round(opened, 4),
            "mentions_per_second": {"graph": round(len(queries) / searched), "all": round(len(queries) / compared)},
            "recall_at_20": round(float(recall), 4),
        }
    print(json.dumps(results, indent=2))
    (RESULTS / "linking_graph.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf8")


def headings(data: Path) -> list[str]:
    """Return the names of MeSH's descriptors."""
    lines = (data / "kb" / "mesh_descriptors_2015.tsv").read_text(encoding="utf8").splitlines()[1:]
    return [line.split("\t")[-1] for line in lines]


def genes(data: Path) -> list[str]:
    """Return symbols, synonyms, descriptions and other designations of human genes."""
    with gzip.open(data / "kb" / "Homo_sapiens.gene_info.gz", "rt", encoding="utf8") as file:
        next(file)
        fields = [line.rstrip("\n").split("\t") for line in file]
    names = [name for row in fields for name in (row[2], *row[4].split("|"), row[8], *row[13].split("|"))]
    return [name for name in names if name and name != "-"]


if __name__ == "__main__":
    main()
