"""Where the time of one transformer layer goes, by arithmetic: what packing, fused activations and int8 save.

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

from spacy_biobert.encoder.int8 import Int8Linear
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
        activation = "gelu" if name == "up" else None
        int8 = Int8Linear(linear, x.float().abs().amax(dim=0), activation)
        rounded = linear.to(torch.bfloat16)
        ways: dict[str, Callable[[Tensor], Tensor]] = {"bfloat16": rounded, "packed": PackedLinear(rounded)}
        if activation:
            ways["bfloat16, then GELU"] = lambda x, layer=rounded: F.gelu(layer(x))
            ways["packed, GELU fused"] = PackedLinear(rounded, activation)
        if name != "down":
            ways["int8, GELU fused" if activation else "int8"] = int8
            ways["of which making int8 rows"] = int8.to_int8
        for way, layer in ways.items():
            made[f"{name}: {way}"] = lambda layer=layer, x=x: layer(x)
    hidden = torch.randn(PIECES, width).to(torch.bfloat16)
    query = torch.randn(PIECES // 128, 12, 128, width // 12).to(torch.bfloat16)
    norm = nn.LayerNorm(width, dtype=torch.bfloat16)
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
