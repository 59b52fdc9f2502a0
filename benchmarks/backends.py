"""Whether another backend would run the encoder faster on a CPU than PyTorch does as we use it: OpenVINO, ONNX Runtime.

    pip install openvino onnxruntime onnx onnxscript
    python benchmarks/backends.py minilm
    python benchmarks/backends.py base

One encoder of random weights, full windows of 128 word pieces, eight at a time: no padding, no tokenization, nothing of
spaCy, which is what suits the others best. They are given Hugging Face's network, which they fuse as they see fit. All
sides in float32 and bfloat16 take turns; ours in int8 is shown beside. Pieces a second, and how far each is from
PyTorch's own float32, by norm.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import harness
import numpy as np
import torch
from torch import Tensor
from transformers import BertConfig, BertModel

from spacy_biobert.encoder.checkpoints import build_bert
from spacy_biobert.encoder.families import read_config
from spacy_biobert.encoder.pieces import Pieces
from spacy_biobert.encoder.runtime import Runtime
from spacy_biobert.encoder.windows import make_plan, make_windows

SIZES = {"minilm": (384, 6, 1536), "base": (768, 12, 3072)}
WINDOW, WINDOWS, AT_ONCE = 128, 64, 8
CLS, SEP = 2, 3
Side = Callable[[], Tensor]
"""Encodes all windows as (windows, pieces, width); special pieces are encoded, too, but not given."""


def main() -> None:
    """Time all sides, print and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=tuple(SIZES))
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    torch.manual_seed(0)
    width, layers, hidden = SIZES[args.size]
    config = BertConfig(hidden_size=width, num_hidden_layers=layers, num_attention_heads=12, intermediate_size=hidden)
    model = BertModel(config, add_pooling_layer=False).eval()
    ids = np.random.default_rng(0).integers(1000, 30_000, (WINDOWS, WINDOW))
    ids[:, 0], ids[:, -1] = CLS, SEP

    sides: dict[str, Side] = {"PyTorch, Hugging Face's, float32": pytorch(model, ids)}
    sides |= {f"ours, {precision}": ours(model, precision, ids) for precision in ("float32", "bfloat16", "int8")}
    sides |= {f"OpenVINO, {precision}": openvino(model, precision, ids) for precision in ("float32", "bfloat16")}
    sides["ONNX Runtime, float32"] = onnx_runtime(model, ids)
    exact = next(iter(sides.values()))()
    off = {name: ((run() - exact).norm() / exact.norm()).item() for name, run in sides.items()}
    seconds = harness.alternate(sides, args.rounds)
    rows = {
        name: {"pieces_per_second": round(ids.size / harness.median(some)), "off_by": float(f"{off[name]:.2g}")}
        for name, some in seconds.items()
    }
    for name, row in rows.items():
        print(f"{name:<35}{row['pieces_per_second']:>10,}  off by {row['off_by']:.2g}")
    harness.save(f"backends_{args.size}_{harness.processor()[-1]}", {"rounds": args.rounds, "sides": rows})


def batches(ids: np.ndarray) -> list[np.ndarray]:
    """Divide windows into batches."""
    return [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]


def pytorch(model: BertModel, ids: np.ndarray) -> Side:
    """Make the side of PyTorch with Hugging Face's modules."""
    tensors = [torch.from_numpy(some) for some in batches(ids)]

    @torch.inference_mode()
    def run() -> Tensor:
        return torch.cat([model(some).last_hidden_state for some in tensors])[:, 1:-1]

    return run


def ours(model: BertModel, precision: str, ids: np.ndarray) -> Side:
    """Make our side; int8 finds its scales on the very windows."""
    where = "the encoder"
    bert = build_bert(read_config(model.config.to_dict(), where), "bert", model.state_dict(), where)
    inner = ids[:, 1:-1]
    pieces = Pieces(
        inner.ravel().copy(),
        np.ones(inner.size, dtype=np.int64),
        np.full(len(inner), inner.shape[1]),
        np.zeros(inner.size, dtype=bool),
    )
    windows = make_windows(pieces, window=WINDOW, overlap=0)
    plan = make_plan(pieces, windows, max_batch_pieces=WINDOW * AT_ONCE, cls=CLS, sep=SEP, pad=0)
    runtime = Runtime(bert, device="cpu", precision=precision, sample=lambda: plan)

    def run() -> Tensor:
        return runtime.predict(plan, "first").view(len(ids), -1, bert.config.width)

    return run


def openvino(model: BertModel, precision: str, ids: np.ndarray) -> Side:
    """Make OpenVINO's side, on as many threads as PyTorch has."""
    import openvino as ov

    converted = ov.convert_model(model, example_input={"input_ids": torch.from_numpy(ids[:AT_ONCE])})
    converted.reshape([AT_ONCE, WINDOW])
    compiled = ov.compile_model(
        converted,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        },
    )
    request = compiled.create_infer_request()

    def run() -> Tensor:
        # A result lies in the request's own memory, which the next one uses again.
        return torch.cat([torch.from_numpy(request.infer([some])[0].copy()) for some in batches(ids)])[:, 1:-1]

    return run


def onnx_runtime(model: BertModel, ids: np.ndarray) -> Side:
    """Make ONNX Runtime's side, with all its optimisations."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encoder.onnx"
        torch.onnx.export(model, (torch.from_numpy(ids[:AT_ONCE]),), path, dynamo=True, input_names=["ids"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run() -> Tensor:
        return torch.cat([torch.from_numpy(session.run(None, {"ids": some})[0]) for some in batches(ids)])[:, 1:-1]

    return run


if __name__ == "__main__":
    main()
