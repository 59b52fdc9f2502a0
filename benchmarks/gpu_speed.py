"""How much of a GPU the encoder's forward pass uses, without spaCy: of its time, and of its rate of matrix products.

    python benchmarks/gpu_speed.py

Random weights, windows of 128 word pieces and of lengths that sentences have, in bfloat16, several sizes of batch.
The rate is of the operations that the pieces need, not of padding's or fillers': two for each weight of a layer and
piece, and attention's products. It is compared with the card's own in a product of two square bfloat16 matrices.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import harness
import numpy as np
import torch

from spacy_biobert.encoder.bert import Bert, BertConfig
from spacy_biobert.encoder.pieces import Pieces
from spacy_biobert.encoder.runtime import Runtime
from spacy_biobert.encoder.windows import Plan, make_plan, make_windows

SIZES = {
    "base": BertConfig(30_522, 768, 12, 12, 3072, 512),
    "minilm": BertConfig(30_522, 384, 6, 12, 1536, 512),
}
BATCH_PIECES = (2048, 8192, 16384, 32768, 65536)
PIECES = 262_144
SQUARE = 8192
ROUNDS = 7


def main() -> None:
    """Time the product and the encoders, print the shares and store them."""
    if not torch.cuda.is_available():
        raise SystemExit("There is no GPU here that PyTorch can use.")
    peak = product_rate()
    print(f"{torch.cuda.get_device_name()}: {peak / 1e12:.0f} TFLOP/s in a product of {SQUARE} x {SQUARE} in bfloat16")
    found: dict[str, Any] = {"product_tflops": round(peak / 1e12, 1), "rows": []}
    for size, config in SIZES.items():
        torch.manual_seed(0)
        runtime = Runtime(Bert(config), device="cuda:0", precision="bfloat16")
        for kind, lengths in (("windows of 128", full_windows()), ("sentences", sentences())):
            operations = sum(operations_of(config, length) for length in lengths)
            for budget in BATCH_PIECES:
                plan = plan_of(lengths, budget)
                seconds = median_seconds(partial(runtime.predict, plan, "mean"))
                row = {
                    "encoder": size,
                    "text": kind,
                    "max_batch_pieces": budget,
                    "pieces_per_second": round(sum(lengths) / seconds),
                    "tflops": round(operations / seconds / 1e12, 1),
                    "share_of_product": round(operations / seconds / peak, 3),
                }
                found["rows"].append(row)
                print(
                    "  ".join(f"{value:>12,}" if isinstance(value, int) else f"{value!s:>16}" for value in row.values())
                )
    harness.save("gpu_speed", found)


def product_rate() -> float:
    """Return the operations a second of a product of two square matrices of random numbers."""
    a, b = (torch.randn(SQUARE, SQUARE, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    return 2 * SQUARE**3 / median_seconds(lambda: a @ b)


def median_seconds(run: Callable[[], object]) -> float:
    """Return how long a call takes, until the GPU is done."""
    seconds = []
    for _ in range(ROUNDS + 2):
        torch.cuda.synchronize()
        start = time.perf_counter()
        run()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[2:])


def full_windows() -> list[int]:
    """Return lengths of texts, special pieces included, each of which is a window of 128."""
    return [128] * (PIECES // 128)


def sentences() -> list[int]:
    """Draw lengths like those of sentences: about 40 pieces, sometimes many more."""
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(mean=3.5, sigma=0.5, size=PIECES), 4, 128).astype(int)
    return lengths[: int(np.searchsorted(np.cumsum(lengths), PIECES))].tolist()


def plan_of(lengths: list[int], budget: int) -> Plan:
    """Lay out texts of random pieces."""
    inner = np.array(lengths, dtype=np.int64) - 2
    ids = np.random.default_rng(0).integers(1000, 30_000, inner.sum())
    pieces = Pieces(ids, np.ones_like(ids), inner, np.zeros(len(ids), dtype=bool))
    windows = make_windows(pieces, window=128, overlap=0)
    return make_plan(pieces, windows, max_batch_pieces=budget, cls=2, sep=3, pad=0)


def operations_of(config: BertConfig, length: int) -> int:
    """Count the operations that a window of some pieces needs."""
    weights = 4 * config.width**2 + 2 * config.width * config.hidden_width
    return config.n_layers * (2 * weights * length + 4 * config.width * length**2)


if __name__ == "__main__":
    main()
