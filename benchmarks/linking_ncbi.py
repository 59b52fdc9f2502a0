"""How many mentions of diseases in NCBI-disease and BC5CDR get the right concept of MEDIC, by both protocols.

    SPACY_BIOBERT_DATA=… python benchmarks/linking_ncbi.py [--split test|dev] [--vectors FILE] [--steps N] [--epochs N]

Two linkers: by spelling alone, and with vectors of names and a ranker, as `spacy biobert train-linker` trains them. For
the test set BioSyn's protocol takes names, and its ranker mentions, from train and dev; the strict one knows nothing
but MEDIC as it was published, and its ranker the mentions of train. For the development set, both have train alone.
BioSyn's ranker learns each part of the training mentions from MEDIC with the names of the other parts. Of BC5CDR, which
is looked at with the test set, BioSyn's protocol takes names and mentions of its own train and dev.

`--vectors` takes vectors that were learned before, such as those of a transformer that learned train's mentions, too:
`spacy biobert train-linker … --encoder assets/encoder --names NCBItrainset_corpus.txt`. For the test set, BioSyn's
protocol may also know those of dev, `--biosyn-vectors`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import spacy
from harness import RESULTS, data_folder
from spacy.tokens import Doc

from spacy_biobert.corpora.readers import pubtator_docs
from spacy_biobert.linking.alignment import BagSettings, train_bag_encoder
from spacy_biobert.linking.component import Linker
from spacy_biobert.linking.evaluation import corpus_names, evaluate_biosyn, evaluate_strict, extend_with_names
from spacy_biobert.linking.fitting import train_ranker
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.name_encoder import NameEncoder, Remembering, load_name_encoder
from spacy_biobert.linking.settings import LinkerSettings
from spacy_biobert.linking.sources import read_medic
from spacy_biobert.span_places import SPANS_KEY

FILES = {"train": "NCBItrainset_corpus.txt", "dev": "NCBIdevelopset_corpus.txt", "test": "NCBItestset_corpus.txt"}
CDR = {
    "known": ("CDR_TrainingSet.PubTator.txt", "CDR_DevelopmentSet.PubTator.txt"),
    "test": ("CDR_TestSet.PubTator.txt",),
}


def main() -> None:
    """Build, train, link, score; print the outcome, and store it where it is that of the test set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("dev", "test"), default="test", help="which part of the corpus")
    parser.add_argument("--steps", type=int, default=600, help="batches of names to learn vectors from")
    parser.add_argument("--epochs", type=int, default=20, help="times that the ranker sees the training mentions")
    parser.add_argument("--vectors", type=Path, help="name vectors that are trained already, dense.safetensors")
    parser.add_argument("--biosyn-vectors", type=Path, help="others for BioSyn's protocol on NCBI-disease's test set")
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
        dictionary = KnowledgeBase.build(extend_with_names(kb, corpus_names(known, SPANS_KEY)), Path(folder, "more"))
        start = time.perf_counter()
        learned: NameEncoder
        if options.vectors is None:
            learned = train_bag_encoder(kb, settings=BagSettings(steps=options.steps))
            results["seconds_to_learn_vectors"] = round(time.perf_counter() - start, 1)
        else:
            learned = load_name_encoder(options.vectors)
        # Several dictionaries have most names in common.
        encoder = Remembering(learned)
        spelling = make_linker(nlp, kb)
        strict = make_linker(nlp, kb, encoder, splits["train"], options.epochs)
        others = Remembering(load_name_encoder(options.biosyn_vectors)) if options.biosyn_vectors else encoder
        biosyn = make_linker(nlp, dictionary, others, known, options.epochs, published=kb)
        results["ncbi_disease"] = {
            "by spelling": scores(gold, dictionary, spelling, spelling),
            "with vectors and ranker": scores(gold, dictionary, strict, biosyn),
        }
        if options.split == "test":
            cdr = {part: cdr_diseases(data, files, nlp) for part, files in CDR.items()}
            names = corpus_names(cdr["known"], SPANS_KEY)
            dictionary = KnowledgeBase.build(extend_with_names(kb, names), Path(folder, "cdr"))
            biosyn = make_linker(nlp, dictionary, encoder, cdr["known"], options.epochs, published=kb)
            # The strict protocol's ranker comes from NCBI-disease: it has seen nothing of this corpus.
            results["bc5cdr_test_diseases"] = {
                "by spelling": scores(cdr["test"], dictionary, spelling, spelling),
                "with vectors and ranker": scores(cdr["test"], dictionary, strict, biosyn),
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
    *,
    published: KnowledgeBase | None = None,
) -> Linker:
    """Make a linker that ranks by spelling, or one with vectors and a ranker trained on gold mentions.

    `published` is the knowledge base without the names of these mentions, if it has them.
    """
    settings = LinkerSettings(spans_key=SPANS_KEY, threshold=0.0, split_composites=True, ranker=encoder is not None)
    linker = Linker(nlp.vocab, "links", settings)
    linker.kb = kb
    if encoder is not None:
        linker.name_encoder = encoder
        for loss in train_ranker(linker, list(references), epochs=epochs, published=published):
            print(f"  ranker: {loss:.4f} nats a mention", flush=True)
    return linker


def cdr_diseases(data: Path, files: Iterable[str], nlp: spacy.Language) -> list[Doc]:
    """Read parts of BC5CDR, leaving out chemicals."""
    docs = [doc for file in files for doc in pubtator_docs(data / "linking" / "bc5cdr" / file, nlp.make_doc)]
    for doc in docs:
        doc.spans[SPANS_KEY] = [span for span in doc.spans[SPANS_KEY] if span.label_ == "Disease"]
    return docs


def scores(gold: list[Doc], dictionary: KnowledgeBase, strict: Linker, biosyn: Linker) -> dict[str, Any]:
    """Score by both protocols; the dictionary is the one with the names of the corpus."""
    return {
        "BioSyn protocol": shown(evaluate_biosyn(biosyn, gold, dictionary, spans_key=SPANS_KEY).to_dict()),
        "strict protocol": shown(evaluate_strict(strict, gold, spans_key=SPANS_KEY).to_dict()),
    }


def shown(result: dict[str, Any]) -> dict[str, Any]:
    """Keep what a table shows."""
    recall = {f"recall at {k}": round(result["recall"][k - 1], 4) for k in (1, 5, 20)}
    numbers = {key: round(result[key], 4) for key in ("accuracy", "missing")}
    return {"mentions": result["mentions"], "names": result["names"], **numbers, **recall}


if __name__ == "__main__":
    main()
