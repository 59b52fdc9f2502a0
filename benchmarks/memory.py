"""How much memory and time a pipeline takes, each measured in a fresh process (Linux only).

    python benchmarks/memory.py load            # BERT-base, beside spaCy-transformers with spaCy's `ner`, same weights
    python benchmarks/memory.py small           # MiniLM with entities, and links into the sample knowledge base
    python benchmarks/memory.py docs            # a document of 50,000 words; 10,000 docs kept, their vectors dropped

``load`` and ``small`` count from where ``import spacy; spacy.blank("en")`` has come, which imports every plugin that is
installed. Pipelines are stored in float32, as spaCy-transformers does; ``load`` shows float16 too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import harness
from encoder_speed import ours, random_bert_base, theirs

ASSETS = Path(__file__).parent.parent / "assets" / "sample"
PEER = "spacy-transformers + ner"


def measure(task: str, **arguments: Any) -> dict[str, Any]:
    """Run a task of `memory_process.py` in a process of its own."""
    script = Path(__file__).with_name("memory_process.py")
    message = json.dumps({"task": task, **arguments})
    done = subprocess.run([sys.executable, str(script)], input=message, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def sample_text() -> str:
    """Return one of the sample abstracts."""
    return (ASSETS / "abstracts.txt").read_text(encoding="utf8").splitlines()[0]


def store(folder: Path, *, size: str, save_dtype: str = "float32", linker: bool = False) -> str:
    """Make and store a pipeline; return its folder."""
    folder.mkdir(exist_ok=True)
    checkpoint = harness.minilm_folder() if size == "minilm" else random_bert_base(folder / "checkpoint")
    nlp = ours(checkpoint, "auto", 128, save_dtype=save_dtype)
    if linker:
        from spacy_biobert.linking.kb import KnowledgeBase
        from spacy_biobert.linking.sources import READERS

        kb = KnowledgeBase.build(READERS["jsonl"](ASSETS / "knowledge_base.jsonl"), folder / "kb")
        nlp.add_pipe("biobert_linker").kb = kb
    nlp.to_disk(folder / "pipeline")
    return str(folder / "pipeline")


def repeat(folders: dict[str, str], rounds: int) -> dict[str, dict[str, float]]:
    """Load each pipeline once a round, in turns, each time in a fresh process; return the medians."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in folders}
    for i in range(rounds + 1):
        for name, folder in folders.items():
            result = measure("load", folder=folder, text=sample_text())
            if i:  # the first is to bring the files into memory
                found[name].append(result)
                seconds, peak = result["load_seconds"], result["load_megabytes"]
                print(f"  round {i}/{rounds}  {name:<40} {seconds:6.2f} s {peak:6.0f} MB", flush=True)
    return {
        name: {key: round(harness.median([result[key] for result in results]), 3) for key in results[0]}
        for name, results in found.items()
    }


def show(sides: dict[str, dict[str, float]]) -> None:
    """Print what was measured."""
    for name, result in sides.items():
        print(name)
        for key, value in result.items():
            share = f"{value / sides[PEER][key]:8.2f} of the peer's" if PEER in sides and name != PEER else ""
            print(f"    {key.replace('_', ' '):<34}{value:10.2f}{share}")


def load(folder: Path, rounds: int) -> None:
    """Compare loading with spaCy-transformers."""
    checkpoint = random_bert_base(folder / "checkpoint")
    theirs(checkpoint).to_disk(folder / "theirs")
    folders = {PEER: str(folder / "theirs")}
    for dtype in ("float32", "float16"):
        folders[f"biobert + biobert_ner, stored in {dtype}"] = store(folder / dtype, size="base", save_dtype=dtype)
    sides = repeat(folders, rounds)
    show(sides)
    harness.save("memory_load", {"rounds": rounds, "sides": sides})


def small(folder: Path, rounds: int) -> None:
    """Measure the small pipeline."""
    folders = {
        "MiniLM, entities": store(folder / "ner", size="minilm", save_dtype="float16"),
        "MiniLM, entities and links": store(folder / "linker", size="minilm", save_dtype="float16", linker=True),
    }
    sides = repeat(folders, rounds)
    show(sides)
    harness.save("memory_small", {"rounds": rounds, "sides": sides})


def docs(folder: Path, *, size: str, words: int, n_docs: int, batch_size: int) -> None:
    """Measure a long document, and many that are kept."""
    texts = harness.abstracts(500)
    pipeline = store(folder, size=size, save_dtype="float16")
    many = {"folder": pipeline, "texts": texts, "docs": n_docs, "batch_size": batch_size}
    result = {
        "size": size,
        "long_document": measure("long_doc", folder=pipeline, texts=texts, words=words),
        "kept_documents": measure("many_docs", annotate=True, **many),
        "kept_documents_tokenizer_alone": measure("many_docs", annotate=False, **many),
    }
    print(json.dumps(result, indent=2))
    harness.save(f"memory_docs_{size}", result)


def main() -> None:
    """Measure what was asked for, and store it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("load", "small", "docs"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", choices=("minilm", "base"), default="minilm", help="of the encoder, for docs")
    parser.add_argument("--words", type=int, default=50_000)
    parser.add_argument("--docs", type=int, default=10_000)
    parser.add_argument("--batch-size", type=int, default=64)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.what == "docs":
            docs(Path(folder), size=args.size, words=args.words, n_docs=args.docs, batch_size=args.batch_size)
        else:
            {"load": load, "small": small}[args.what](Path(folder), args.rounds)


if __name__ == "__main__":
    main()
