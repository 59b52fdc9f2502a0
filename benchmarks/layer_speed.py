"""Where the time of one transformer layer goes, and what oneDNN, fused activations, int8 and plain products save.

    python benchmarks/layer_speed.py

Steps of a layer on 2,048 pieces, on one thread, in turns; the processor's time rather than the clock's, so that other
work on the machine counts little. Milliseconds, medians.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable

import harness
import torch
import torch.nn.functional as F
from torch import nn

from spacy_biobert.encoder.bert import attend_by_products
from spacy_biobert.encoder.int8 import Int8Down, Int8Linear, Int8Up, Reach
from spacy_biobert.encoder.packed import PackedLinear

PIECES = 2048


def steps(width: int) -> dict[str, Callable[[], object]]:
    """Return what a layer of this width computes, one call for each step and way."""
    made: dict[str, Callable[[], object]] = {}
    x32 = torch.randn(PIECES, width)
    x = x32.to(torch.bfloat16)
    largest = x.float().abs().amax(dim=0)
    for name, n_out in (("query, key, value", 3 * width), ("attention out", width)):
        linear = nn.Linear(width, n_out)
        exact = copy.deepcopy(linear)
        int8, rounded = Int8Linear(linear, largest, torch.bfloat16), linear.to(torch.bfloat16)
        for way, layer in {"float32": exact, "float32 by oneDNN": PackedLinear(exact)}.items():
            made[f"{name}: {way}"] = lambda layer=layer: layer(x32)
        ways = {"bfloat16": rounded, "packed": PackedLinear(rounded), "int8": int8, "making int8 rows": int8.to_uint8}
        for way, layer in ways.items():
            made[f"{name}: {way}"] = lambda layer=layer: layer(x)
    up, down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
    inner = F.gelu(up(x.float()))
    reach = Reach({"up": largest}, inner.amax(dim=0), inner.min().item())
    int8_up, int8_down = Int8Up(up, torch.bfloat16, "gelu", reach), Int8Down(down, torch.bfloat16, reach)
    exact_up, exact_down = copy.deepcopy(up), copy.deepcopy(down)
    dnn_up, dnn_down = PackedLinear(exact_up, "gelu"), PackedLinear(exact_down)
    made["feed-forward: float32"] = lambda: exact_down(F.gelu(exact_up(x32)))
    made["feed-forward: float32 by oneDNN, GELU fused"] = lambda: dnn_down(dnn_up(x32))
    up, down = up.to(torch.bfloat16), down.to(torch.bfloat16)
    packed_up, fused_up, packed_down = PackedLinear(up), PackedLinear(up, "gelu"), PackedLinear(down)
    made["feed-forward: bfloat16"] = lambda: down(F.gelu(up(x)))
    made["feed-forward: packed"] = lambda: packed_down(F.gelu(packed_up(x)))
    made["feed-forward: packed, GELU fused"] = lambda: packed_down(fused_up(x))
    made["feed-forward: int8, GELU fused"] = lambda: int8_down(int8_up(x))
    norm = nn.LayerNorm(width, dtype=torch.bfloat16)
    made["normalisation"] = lambda: norm(x)
    for dtype in (torch.float32, torch.bfloat16):
        query = torch.randn(PIECES // 128, 12, 128, width // 12).to(dtype)
        name = f"attention, windows of 128, {str(dtype).removeprefix('torch.')}"
        made[f"{name}: fused"] = lambda query=query: F.scaled_dot_product_attention(query, query, query)
        made[f"{name}: products"] = lambda query=query: attend_by_products(query, query, query, None)
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
