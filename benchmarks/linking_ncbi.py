"""How many mentions of NCBI-disease get the right concept of MEDIC, and how fast.

    SPACY_BIOBERT_DATA=… python benchmarks/linking_ncbi.py [--split test|dev|train]

Strict protocol: gold mentions, the dictionary as it was published (no names from the corpus, nothing trained), one
concept for each mention. A mention counts as right when the concept's id, or one of its alternative ids, is one of the
mention's gold ids. The files are those of `project.yml`; the README of the project says where they come from.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_biobert.corpora.concept_ids import split_concept_ids
from spacy_biobert.corpora.documents import SPANS_KEY
from spacy_biobert.corpora.readers import pubtator_docs
from spacy_biobert.linking.component import Linker
from spacy_biobert.linking.extension import get_candidates
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.scorer import score_links
from spacy_biobert.linking.sources import read_medic

RESULTS = Path(__file__).parent / "results" / "linking_ncbi.json"
FILES = {"train": "NCBItrainset_corpus.txt", "dev": "NCBIdevelopset_corpus.txt", "test": "NCBItestset_corpus.txt"}
TOP_N = 20
REPEATS = 5


def main() -> None:
    """Build, link, score, time; print the outcome, and store it where it is that of the test set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=FILES, default="test", help="which part of the corpus (default: test)")
    split = parser.parse_args().split
    data = os.environ.get("SPACY_BIOBERT_DATA")
    if not data:
        parser.error("set SPACY_BIOBERT_DATA to the folder that holds kb/ and linking/")
    nlp = spacy.blank("en")
    references = list(pubtator_docs(Path(data, "linking", "ncbi_disease", FILES[split]), nlp.make_doc))
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        kb = KnowledgeBase.build(read_medic(Path(data, "kb", "medic_06Jul2012.txt")), Path(folder, "kb"))
        seconds_to_build = time.perf_counter() - start
        results = {
            "split": split,
            "mentions": sum(len(doc.spans[SPANS_KEY]) for doc in references),
            "concepts": len(kb),
            "names": kb.n_names,
            "seconds_to_build": round(seconds_to_build, 2),
            "megabytes": round(sum(file["size"] for file in kb.meta["files"].values()) / 1e6, 1),
            "accuracy": {
                "as written": accuracy(nlp, kb, references, expand_abbreviations=False, threshold=0.0),
                "abbreviations expanded": accuracy(nlp, kb, references, threshold=0.0),
                "abbreviations expanded, default threshold": accuracy(nlp, kb, references),
            },
            "mentions_per_second": speed(kb, references),
        }
    print(json.dumps(results, indent=2))
    if split == "test":
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf8")


def accuracy(nlp: spacy.Language, kb: KnowledgeBase, references: list[Doc], **settings) -> dict[str, float]:
    """Link gold mentions with the pipe itself and score them."""
    linker = Linker(nlp.vocab, "links", spans_key=SPANS_KEY, top_n=TOP_N, **settings)
    linker.set_kb(kb)
    examples = []
    found = n = 0
    for predicted, reference in zip(linker.pipe(map(without_ids, references)), references, strict=True):
        examples.append(Example(predicted, reference))
        for span, gold in zip(predicted.spans[SPANS_KEY], reference.spans[SPANS_KEY], strict=True):
            ids = [same for concept, _ in get_candidates(span, "links") for same in kb.equivalent_ids(concept)]
            found += not set(ids).isdisjoint(split_concept_ids(gold.kb_id_))
            n += 1
    scores = score_links(examples, spans_key=SPANS_KEY, equivalent_ids=kb.equivalent_ids)
    return {
        "any gold id": round(scores["link_acc"], 4),
        "all gold ids": round(scores["link_acc_set"], 4),
        f"gold id among {TOP_N}": round(found / n, 4),
    }


def without_ids(reference: Doc) -> Doc:
    """Copy a doc, with its gold mentions but not their concepts."""
    doc = reference.copy()
    doc.spans[SPANS_KEY] = [Span(doc, span.start, span.end, label=span.label) for span in reference.spans[SPANS_KEY]]
    return doc


def speed(kb: KnowledgeBase, references: list[Doc]) -> dict[str, float]:
    """Time the look-up of all different mentions at once, on one core, at the median of some repeats."""
    mentions = sorted({span.text for doc in references for span in doc.spans[SPANS_KEY]})
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        kb.candidates(mentions, TOP_N)
        seconds.append(time.perf_counter() - start)
    return {
        "different mentions": len(mentions),
        "median": round(len(mentions) / statistics.median(seconds)),
        "best": round(len(mentions) / min(seconds)),
    }


if __name__ == "__main__":
    main()
