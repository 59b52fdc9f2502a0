"""What entities of many corpora cost at inference, beside those of one.

    python benchmarks/ner_quality.py joined --keep kept
    python benchmarks/ner_quality.py run --keep kept
    python benchmarks/joined_speed.py kept/joined-minilm-0 kept/ncbi-minilm-spacy_biobert-0

The same abstracts of BC5CDR's test set go through both pipelines, encoder and entity head, taking turns. What is
stored is the median over the rounds of each round's ratio; see ``ner_quality.py`` for how such pipelines are trained.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import harness
import spacy


def main() -> None:
    """Time them; print and store the outcome."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("joined", type=Path)
    parser.add_argument("single", type=Path)
    parser.add_argument("--precision", default="float32", help="of both encoders")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--texts", type=int, default=200)
    options = parser.parse_args()
    texts = harness.abstracts(options.texts)
    words = sum(len(text.split()) for text in texts)

    def side(folder: Path) -> Callable[[], int]:
        nlp = spacy.load(folder, config={"components.biobert.precision": options.precision})
        return lambda: sum(len(doc.ents) for doc in nlp.pipe(texts))

    sides = {"joined": side(options.joined), "single": side(options.single)}
    mentions = {name: run() for name, run in sides.items()}
    seconds = harness.alternate(sides, options.rounds)
    ratio = harness.median([a / b for a, b in zip(seconds["joined"], seconds["single"], strict=True)])
    print(f"{options.precision}: three corpora take {ratio:.3f} times what one takes")
    harness.save(
        f"joined_speed_{options.precision}",
        {
            "texts": len(texts),
            "words": words,
            "mentions": mentions,
            "words_per_second": {name: round(words / harness.median(each)) for name, each in seconds.items()},
            "ratio": round(ratio, 3),
        },
    )


if __name__ == "__main__":
    main()
