"""How fast a fine-tuned token classifier runs here, beside Hugging Face's own ``pipeline("token-classification")``.

    python benchmarks/hf_pipeline.py minilm
    python benchmarks/hf_pipeline.py base

One classifier on both sides, its last layer of random weights: ours is made of it by what `spacy biobert from-hf` does,
so that both compute the same scores. Both annotate the same texts, tokenization and the grouping of tags to entities
included, with as many texts a batch, taking turns. Theirs cuts what is longer than the model's 512 positions, ours does
not. Both in float32; ours in bfloat16 is shown beside.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import harness
import spacy
import torch
from encoder_speed import random_bert_base
from spacy.language import Language

from spacy_biobert.ner.from_hf import from_hf

CLASSES = ("O", "B-Chemical", "I-Chemical", "B-Disease", "I-Disease")
PEER = "transformers.pipeline, float32"


def classifier(encoder: Path, folder: Path) -> Path:
    """Put a classifier of random weights on an encoder and store both as Hugging Face's tools do."""
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    torch.manual_seed(0)
    names = dict(enumerate(CLASSES))
    model = AutoModelForTokenClassification.from_pretrained(
        encoder, id2label=names, label2id={name: i for i, name in names.items()}
    )
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(encoder, model_max_length=512).save_pretrained(folder)
    return folder


def theirs(folder: Path, texts: Sequence[str], batch_size: int) -> Callable[[], object]:
    """Make Hugging Face's side."""
    from transformers import pipeline

    pipe = pipeline("token-classification", model=str(folder), aggregation_strategy="simple", device="cpu")
    return lambda: pipe(list(texts), batch_size=batch_size)


def ours(nlp: Language, precision: str, texts: Sequence[str], batch_size: int) -> Callable[[], object]:
    """Make our side."""
    nlp.get_pipe("biobert").precision = precision
    return lambda: [doc.ents for doc in nlp.pipe(texts, batch_size=batch_size)]


def main() -> None:
    """Time all sides and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=("minilm", "base"))
    parser.add_argument("--abstracts", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()

    texts = harness.abstracts(args.abstracts)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encoder = harness.minilm_folder() if args.size == "minilm" else random_bert_base(folder / "encoder")
        checkpoint = classifier(encoder, folder / "classifier")
        from_hf(checkpoint).to_disk(folder / "pipeline")
        sides = {PEER: theirs(checkpoint, texts, args.batch_size)}
        for precision in ("float32", "bfloat16"):
            nlp = spacy.load(folder / "pipeline")
            sides[f"biobert + biobert_ner, {precision}"] = ours(nlp, precision, texts, args.batch_size)
        seconds = harness.alternate(sides, args.rounds)

    result = {}
    print(f"\n{len(texts)} abstracts, {args.batch_size} a batch, {args.size}")
    for side, times in seconds.items():
        ratio = harness.median([peer / mine for peer, mine in zip(seconds[PEER], times, strict=True)])
        rate = len(texts) / harness.median(times)
        result[side] = {"abstracts_per_second": round(rate, 1), "ratio": round(ratio, 2)}
        print(f"{side:<40} {rate:8.1f} abstracts/s   {ratio:.2f}x")
    harness.save(f"hf_pipeline_{args.size}", {"texts": len(texts), "batch_size": args.batch_size, "sides": result})


if __name__ == "__main__":
    main()
