"""What `memory.py` measures, run by it in a process of its own, so that nothing else is counted.

Reads a task as JSON from standard input and prints the outcome as JSON. Peaks are those that Linux keeps in /proc.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any


def megabytes(what: str) -> float:
    """Return the memory that this process holds, ``"VmRSS"``, or has held at most, ``"VmHWM"``."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    raise SystemExit("Memory can be measured on Linux only.")


def load(folder: str, text: str) -> dict[str, float]:
    """Load a pipeline and annotate a text; all but the first two figures are beyond those."""
    started = time.perf_counter()
    import spacy

    spacy.blank("en")
    result = {"blank_seconds": time.perf_counter() - started, "blank_megabytes": megabytes("VmHWM")}
    started = time.perf_counter()
    nlp = spacy.load(folder)
    result["load_seconds"] = time.perf_counter() - started
    result["load_megabytes"] = megabytes("VmHWM") - result["blank_megabytes"]
    nlp(text)
    result["load_and_first_text_seconds"] = time.perf_counter() - started
    result["load_and_first_text_megabytes"] = megabytes("VmHWM") - result["blank_megabytes"]
    return result


def long_doc(folder: str, texts: list[str], words: int) -> dict[str, float]:
    """Annotate one document of so many words."""
    import spacy

    nlp = spacy.load(folder)
    for text in texts[:32]:
        nlp(text)
    before = megabytes("VmHWM")
    tokens, parts = 0, []
    for text in cycle(texts):
        parts.append(text)
        tokens += len(nlp.make_doc(text))
        if tokens >= words:
            break
    nlp.max_length = max(nlp.max_length, sum(map(len, parts)) + len(parts))
    started = time.perf_counter()
    doc = nlp("\n".join(parts))
    return {
        "words": len(doc),
        "seconds": time.perf_counter() - started,
        "megabytes_before": before,
        "megabytes_beyond": megabytes("VmHWM") - before,
        "megabytes_of_vectors": doc._.trf_data.model_output.last_hidden_state.nbytes / 2**20,
    }


def many_docs(folder: str, texts: list[str], docs: int, batch_size: int, annotate: bool) -> dict[str, Any]:
    """Keep docs in a list, and note at every thousandth how much memory this process has come to hold.

    Args:
        folder: The pipeline.
        texts: What the docs are made of, again and again; each doc has one word that no other has.
        docs: How many.
        batch_size: Docs that go through the pipeline at once.
        annotate: Whether the pipeline runs, vectors dropped at its end, or the tokenizer alone.
    """
    import spacy

    nlp = spacy.load(folder)
    width = nlp.get_pipe("biobert").model.get_dim("nO")
    nlp.add_pipe("doc_cleaner")
    if not annotate:
        nlp.select_pipes(enable=[])
    start, steps, kept, words = megabytes("VmRSS"), [], [], 0
    numbered = (f"{text} Record{number}." for number, text in enumerate(islice(cycle(texts), docs)))
    started = time.perf_counter()
    for doc in nlp.pipe(numbered, batch_size=batch_size):
        kept.append(doc)
        words += len(doc)
        if not len(kept) % 1000:
            steps.append(round(megabytes("VmRSS") - start))
            print(f"  {len(kept):>6,} docs  {steps[-1]:>6,} MB", file=sys.stderr, flush=True)
    return {
        "docs": len(kept),
        "words": words,
        "seconds": time.perf_counter() - started,
        "megabytes_after_loading": start,
        "megabytes_beyond_at_each_1000_docs": steps,
        "peak_megabytes_beyond": megabytes("VmHWM") - start,
        "megabytes_that_vectors_would_take": words * width * 4 / 2**20,
    }


if __name__ == "__main__":
    task = json.load(sys.stdin)
    print(json.dumps({"load": load, "long_doc": long_doc, "many_docs": many_docs}[task.pop("task")](**task)))
