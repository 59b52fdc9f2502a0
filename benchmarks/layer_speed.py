"""Where the time of one transformer layer goes, by arithmetic: why weights are packed, and why int8 does not win.

    python benchmarks/layer_speed.py

Steps of a layer on 2,048 pieces, on one thread, in turns; the processor's time rather than the clock's, so that other
work on the machine counts little. Milliseconds, medians.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import harness
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spacy_biobert.encoder.int8 import Int8Linear, to_int8
from spacy_biobert.encoder.packed import PackedLinear

PIECES = 2048


def steps(width: int) -> dict[str, Callable[[], Tensor]]:
    """Return what a layer of this width computes, one call for each step and way."""
    made: dict[str, Callable[[], Tensor]] = {}
    for name, n_out, n_in in (
        ("query, key, value", 3 * width, width),
        ("attention out", width, width),
        ("up", 4 * width, width),
        ("down", width, 4 * width),
    ):
        linear = nn.Linear(n_in, n_out)
        x = torch.randn(PIECES, n_in).to(torch.bfloat16)
        ways = {"int8": Int8Linear(linear), "bfloat16": linear.to(torch.bfloat16), "packed": PackedLinear(linear)}
        for way in ("bfloat16", "packed", "int8"):
            made[f"{name}: {way}"] = lambda layer=ways[way], x=x: layer(x)
        made[f"{name}: of which making int8 rows"] = lambda x=x: to_int8(x)[0]
    hidden, inner = (torch.randn(PIECES, n).to(torch.bfloat16) for n in (width, 4 * width))
    query = torch.randn(PIECES // 128, 12, 128, width // 12).to(torch.bfloat16)
    norm = nn.LayerNorm(width, dtype=torch.bfloat16)
    made["GELU"] = lambda: F.gelu(inner)
    made["normalisation"] = lambda: norm(hidden)
    made["attention, windows of 128"] = lambda: F.scaled_dot_product_attention(query, query, query)
    return made


def main() -> None:
    """Time the steps at the widths of MiniLM and of BERT-base."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    torch.manual_seed(0)
    result: dict[str, dict[str, float]] = {}
    with torch.inference_mode():
        for width in (384, 768):
            seconds: dict[str, list[float]] = {}
            ways = steps(width)
            for i in range(rounds + 1):
                for name, run in ways.items():
                    started = time.thread_time()
                    run()
                    if i:  # the first is for warmth
                        seconds.setdefault(name, []).append(time.thread_time() - started)
            result[str(width)] = {name: round(1000 * harness.median(some), 2) for name, some in seconds.items()}
    for name in result["384"]:
        print(f"{name:<45}{result['384'][name]:8.2f}{result['768'][name]:8.2f}")
    harness.save("layer_speed", {"pieces": PIECES, "rounds": rounds, "milliseconds_by_width": result})


if __name__ == "__main__":
    main()
