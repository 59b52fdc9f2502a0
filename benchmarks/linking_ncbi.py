"""How many mentions of NCBI-disease get the right concept of MEDIC, by both protocols of the field, and how fast.

    SPACY_BIOBERT_DATA=… python benchmarks/linking_ncbi.py [--split test|dev] [--steps 600] [--epochs 6]

Two linkers: by spelling alone, and with vectors of names and a ranker, as `spacy biobert train-linker` trains them. For
the test set BioSyn's protocol takes names, and its ranker mentions, from train and dev; the strict one knows nothing
but MEDIC as it was published, and its ranker the mentions of train. For the development set, both have train alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import spacy
from harness import RESULTS, data_folder
from spacy.tokens import Doc

from spacy_biobert.cli.evaluate_linking import corpus_names
from spacy_biobert.corpora.documents import SPANS_KEY
from spacy_biobert.corpora.readers import pubtator_docs
from spacy_biobert.linking.alignment import AlignmentSettings, train_name_encoder
from spacy_biobert.linking.component import Linker
from spacy_biobert.linking.dense import NameEncoder
from spacy_biobert.linking.evaluation import evaluate_biosyn, evaluate_strict, extend_with_names
from spacy_biobert.linking.fitting import train_ranker
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.resolver import Resolver
from spacy_biobert.linking.sources import read_medic

FILES = {"train": "NCBItrainset_corpus.txt", "dev": "NCBIdevelopset_corpus.txt", "test": "NCBItestset_corpus.txt"}
CDR = "CDR_TestSet.PubTator.txt"
REPEATS = 5


def main() -> None:
    """Build, train, link, score, time; print the outcome, and store it where it is that of the test set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("dev", "test"), default="test", help="which part of the corpus")
    parser.add_argument("--steps", type=int, default=600, help="batches of names to learn vectors from")
    parser.add_argument("--epochs", type=int, default=6, help="times that the ranker sees the training mentions")
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)  # what is odd in these files is known
    data = data_folder()
    nlp = spacy.blank("en")
    splits = {
        name: list(pubtator_docs(data / "linking" / "ncbi_disease" / file, nlp.make_doc))
        for name, file in FILES.items()
    }
    gold = splits[options.split]
    known = splits["train"] + (splits["dev"] if options.split == "test" else [])
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        kb = KnowledgeBase.build(read_medic(data / "kb" / "medic_06Jul2012.txt"), Path(folder, "kb"))
        results: dict[str, Any] = {"split": options.split, "seconds_to_build": round(time.perf_counter() - start, 2)}
        dictionary = KnowledgeBase.build(
            extend_with_names(kb, corpus_names(known, SPANS_KEY, None)), Path(folder, "more")
        )
        start = time.perf_counter()
        encoder = train_name_encoder(kb, settings=AlignmentSettings(steps=options.steps))
        results["seconds_to_learn_vectors"] = round(time.perf_counter() - start, 1)
        spelling = make_linker(nlp, kb)
        strict = make_linker(nlp, kb, encoder, splits["train"], options.epochs)
        biosyn = make_linker(nlp, kb, encoder, known, options.epochs) if options.split == "test" else strict
        cdr = [disease_mentions(doc) for doc in pubtator_docs(data / "linking" / "bc5cdr" / CDR, nlp.make_doc)]
        results["ncbi_disease"] = {
            "by spelling": scores(gold, dictionary, spelling, spelling),
            "with vectors and ranker": scores(gold, dictionary, strict, biosyn),
        }
        results["bc5cdr_test_diseases"] = {
            "by spelling": scores(cdr, kb, spelling, spelling),
            "with vectors and ranker": scores(cdr, kb, strict, strict),
        }
        queries = sorted({span.text for doc in gold for span in doc.spans[SPANS_KEY]})
        results["different_mentions"] = len(queries)
        results["mentions_per_second"] = {
            "look-up by spelling": rate(lambda: kb.candidates(queries, 20), len(queries)),
            "full ranking": rate(lambda: rank_all(strict, queries), len(queries)),
        }
    print(json.dumps(results, indent=2))
    if options.split == "test":
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "linking_ncbi.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf8")


def make_linker(
    nlp: spacy.Language,
    kb: KnowledgeBase,
    encoder: NameEncoder | None = None,
    references: Iterable[Doc] = (),
    epochs: int = 0,
) -> Linker:
    """Make a linker that ranks by spelling, or one with vectors and a ranker trained on gold mentions."""
    linker = Linker(
        nlp.vocab, "links", spans_key=SPANS_KEY, threshold=0.0, split_composites=True, ranker=encoder is not None
    )
    linker.set_kb(kb)
    if encoder is not None:
        linker.dense = encoder
        for loss in train_ranker(linker, list(references), epochs=epochs):
            print(f"  ranker: {loss:.4f} nats a mention", flush=True)
    return linker


def disease_mentions(doc: Doc) -> Doc:
    """Leave out chemicals."""
    doc.spans[SPANS_KEY] = [span for span in doc.spans[SPANS_KEY] if span.label_ == "Disease"]
    return doc


def scores(gold: list[Doc], dictionary: KnowledgeBase, strict: Linker, biosyn: Linker) -> dict[str, Any]:
    """Score by both protocols; where no names of corpora join the dictionary, BioSyn's says that it is not whole."""
    full = dictionary is not strict.kb
    return {
        "BioSyn protocol" if full else "BioSyn protocol, no names added": shown(
            evaluate_biosyn(biosyn, gold, dictionary, spans_key=SPANS_KEY).to_dict()
        ),
        "strict protocol": shown(evaluate_strict(strict, gold, spans_key=SPANS_KEY).to_dict()),
    }


def shown(result: dict[str, Any]) -> dict[str, Any]:
    """Keep what a table shows."""
    recall = {f"recall at {k}": round(result["recall"][k - 1], 4) for k in (1, 5, 20)}
    numbers = {key: round(result[key], 4) for key in ("accuracy", "missing")}
    return {"mentions": result["mentions"], "names": result["names"], **numbers, **recall}


def rank_all(linker: Linker, mentions: list[str]) -> None:
    """Rank the concepts of different mentions, each in a doc of its own."""
    from spacy_biobert.linking.candidates import Query
    from spacy_biobert.linking.mentions import Mention

    resolver: Resolver = linker.resolver()
    resolver.rank([[Mention(Query(mention, None, None))] for mention in mentions], 20)


def rate(run: Callable[[], object], n: int) -> int:
    """Return how many a second, on one core, at the median of some repeats."""
    run()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return round(n / statistics.median(seconds))


if __name__ == "__main__":
    main()
