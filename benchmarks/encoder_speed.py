"""How fast a pipeline of encoder and entity head runs, beside spaCy-transformers with spaCy's `ner`.

    python benchmarks/encoder_speed.py minilm
    python benchmarks/encoder_speed.py base
    python benchmarks/encoder_speed.py base --gpu --abstracts 500

Both sides load the same checkpoint and annotate the same texts through ``nlp.pipe``, tokenization included, in one
process, taking turns. ``base`` is a BERT-base of random weights: speed does not depend on what they are. On a GPU spaCy
itself runs there, too, for both sides, and spaCy-transformers is also timed with its own mixed precision.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import harness
import spacy
from spacy.language import Language

LABELS = ("Chemical", "Disease")


def random_bert_base(folder: Path) -> Path:
    """Make a cased BERT-base of random weights with MiniLM's vocabulary."""
    import shutil

    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=30_522)).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        shutil.copy(harness.minilm_folder() / name, folder)
    return folder


def theirs(checkpoint: Path, labels: Sequence[str] = LABELS, *, mixed_precision: bool = False) -> Language:
    """Make the pipeline that spaCy's own quickstart makes: strided windows of 128 tokens, 96 apart."""
    nlp = spacy.blank("en")
    nlp.add_pipe(
        "transformer",
        config={
            "model": {
                "@architectures": "spacy-transformers.TransformerModel.v3",
                "name": str(checkpoint),
                "tokenizer_config": {"use_fast": True},
                "mixed_precision": mixed_precision,
                "get_spans": {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 128, "stride": 96},
            }
        },
    )
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
    }
    parser = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 64,
        "maxout_pieces": 2,
        "use_upper": False,
        "tok2vec": listener,
    }
    ner = nlp.add_pipe("ner", config={"model": parser})
    for label in labels:
        ner.add_label(label)
    nlp.initialize()
    return nlp


def ours(
    checkpoint: Path, precision: str, window: int, labels: Sequence[str] = LABELS, *, save_dtype: str = "float32"
) -> Language:
    """Make our pipeline on the same weights."""
    nlp = spacy.blank("en")
    model = {"name": str(checkpoint), "window": window, "save_dtype": save_dtype}
    nlp.add_pipe("biobert", config={"model": model, "precision": precision})
    ner = nlp.add_pipe("biobert_ner")
    for label in labels:
        ner.add_label(label)
    nlp.initialize()
    return nlp


def main() -> None:
    """Time all sides and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=("minilm", "base"))
    parser.add_argument("--abstracts", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--window", type=int, default=128)
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16", "int8"])
    parser.add_argument("--gpu", action="store_true", help="run on the first GPU, where there is no int8")
    args = parser.parse_args()
    if args.gpu:
        spacy.require_gpu(0)
        args.precisions = [precision for precision in args.precisions if precision != "int8"]

    texts = harness.abstracts(args.abstracts)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = harness.minilm_folder() if args.size == "minilm" else random_bert_base(Path(folder))
        pipelines = {"spacy-transformers + ner, float32": theirs(checkpoint)}
        if args.gpu:
            pipelines["spacy-transformers + ner, mixed"] = theirs(checkpoint, mixed_precision=True)
        for precision in args.precisions:
            pipelines[f"biobert + biobert_ner, {precision}"] = ours(checkpoint, precision, args.window)
    peer, *_ = pipelines
    words = {name: sum(len(nlp.make_doc(text)) for text in texts) for name, nlp in pipelines.items()}
    sides = {name: lambda nlp=nlp: [None for _ in nlp.pipe(texts)] for name, nlp in pipelines.items()}
    seconds = harness.alternate(sides, args.rounds)

    result = {}
    print(f"\n{len(texts)} abstracts, {words[peer]:,} words, {args.size}")
    for name, times in seconds.items():
        ratios = [theirs / mine for theirs, mine in zip(seconds[peer], times, strict=True)]
        result[name] = {"words_per_second": round(words[peer] / harness.median(times)), "ratio": harness.median(ratios)}
        print(f"{name:<40} {result[name]['words_per_second']:>8,} words/s   {result[name]['ratio']:.2f}x")
    # Ratios differ from one kind of processor to another, and their results stand side by side.
    name = f"encoder_speed_{args.size}_{'gpu' if args.gpu else harness.processor()[-1]}"
    harness.save(name, {"texts": len(texts), "words": words[peer], "sides": result})


if __name__ == "__main__":
    main()
