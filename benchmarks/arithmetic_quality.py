"""What a pipeline's entities lose by the arithmetic of its encoder, and by the form in which its weights are stored.

    python benchmarks/ner_quality.py run --keep kept
    python benchmarks/arithmetic_quality.py kept/ncbi-minilm-spacy_biobert-0

A pipeline trained on NCBI-disease annotates its development and test sets, as sentences with their own tokens and as
raw abstracts: in each arithmetic, and in float32 from weights that were stored as float16 or int8 and loaded again.
F1, and by how many mentions it differs from float32, since two errors may cancel out.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import harness
import spacy
from spacy.language import Language
from spacy.training import Corpus, Example

from spacy_biobert.corpora.convert import convert_corpus
from spacy_biobert.corpora.tokenizer import blank_pipeline

FILES = {
    ("dev", "sentences"): "ner/ncbi_disease/devel.tsv",
    ("dev", "abstracts"): "linking/ncbi_disease/NCBIdevelopset_corpus.txt",
    ("test", "sentences"): "ner/ncbi_disease/test.tsv",
    ("test", "abstracts"): "linking/ncbi_disease/NCBItestset_corpus.txt",
}
ARITHMETICS = ("float32", "bfloat16", "int8")
STORED = ("float16", "int8")

Mention = tuple[int, int, int, str]


def convert(folder: Path) -> dict[str, Path]:
    """Convert what is annotated, and return where each part lies."""
    found = {}
    for (split, kind), file in FILES.items():
        path = folder / f"{split}_{kind}.spacy"
        style = "iob" if kind == "sentences" else "pubtator"
        labels = {"*": "Disease"}
        convert_corpus([harness.data_folder() / file], path, nlp=blank_pipeline(), format=style, label_map=labels)
        found[f"{split}, {kind}"] = path
    return found


def annotate(nlp: Language, corpus: Path) -> tuple[float, set[Mention]]:
    """Return F1, 0 to 100, and the mentions."""
    examples = list(Corpus(corpus)(nlp))
    docs = list(nlp.pipe(example.predicted for example in examples))
    annotated = [Example(doc, example.reference) for doc, example in zip(docs, examples, strict=True)]
    score = nlp.get_pipe("biobert_ner").score(annotated)["ents_f"]
    return 100 * score, {
        (i, ent.start_char, ent.end_char, ent.label_) for i, doc in enumerate(docs) for ent in doc.ents
    }


def ways(pipeline: Path, folder: Path) -> dict[str, Language]:
    """Load the pipeline in each arithmetic, and from each form of its weights."""

    def load(path: Path, **settings: str) -> Language:
        return spacy.load(path, config={f"components.biobert.{name}": value for name, value in settings.items()})

    loaded = {f"computed in {arithmetic}": load(pipeline, precision=arithmetic) for arithmetic in ARITHMETICS}
    for dtype in STORED:
        load(pipeline, **{"model.save_dtype": dtype}).to_disk(folder / dtype)
        loaded[f"stored as {dtype}"] = load(folder / dtype, precision="float32")
    return loaded


def main() -> None:
    """Annotate in each way; print and store what comes of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipeline", type=Path)
    pipeline = parser.parse_args().pipeline
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpora = convert(folder)
        pipelines = ways(pipeline, folder)
        for part, path in corpora.items():
            exact: set[Mention] = set()
            for way, nlp in pipelines.items():
                score, mentions = annotate(nlp, path)
                exact = exact or mentions
                result.setdefault(way, {})[part] = {
                    "f1": round(score, 2),
                    "mentions": len(mentions),
                    "other mentions": len(mentions ^ exact),
                }
                print(f"{part:<16} {way:<22} F1 {score:.2f}, {len(mentions ^ exact)} mentions differ", flush=True)
    harness.save("arithmetic_quality", {"pipeline": pipeline.name, "ways": result})


if __name__ == "__main__":
    main()
