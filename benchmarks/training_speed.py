"""How fast training is: words and sentences a second inside ``nlp.update``, on the training sentences of NCBI-disease.

    python benchmarks/training_speed.py

Three sides on the same weights (MiniLM) and the same batches, taking turns: spaCy-transformers with spaCy's `ner`; this
package; and a plain PyTorch loop over Hugging Face's token classifier, in bfloat16 where this package trains in it and
batches sorted by length, which is what one would write by hand.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable

import harness
import torch
from encoder_speed import ours, theirs
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam

from spacy_biobert.corpora.iob import read_iob
from spacy_biobert.encoder.precision import resolve_precision
from spacy_biobert.training.optimizer import AdamW

SENTENCES_A_BATCH = 32
TAGS = ["O", "B-Disease", "I-Disease"]


def sentences(n: int) -> list[tuple[list[str], list[int]]]:
    """Return sentences as words and tags."""
    found = []
    for sentence, _ in zip(
        read_iob(harness.data_folder() / "ner" / "ncbi_disease" / "train.tsv"), range(n), strict=False
    ):
        tags = [0] * len(sentence.words)
        for start, end, _ in sentence.spans:
            tags[start:end] = [1] + [2] * (end - start - 1)
        found.append((list(sentence.words), tags))
    return found


def examples(nlp: Language, data: list[tuple[list[str], list[int]]]) -> list[list[Example]]:
    """Make batches of examples."""
    made = []
    for words, tags in data:
        iob = [TAGS[tag] for tag in tags]
        made.append(Example(Doc(nlp.vocab, words=words), Doc(nlp.vocab, words=words, ents=iob)))
    return [made[i : i + SENTENCES_A_BATCH] for i in range(0, len(made), SENTENCES_A_BATCH)]


def spacy_side(nlp: Language, data: list[tuple[list[str], list[int]]], optimizer: object) -> Callable[[], None]:
    """Train a pipeline as spaCy's own loop does."""
    batches = examples(nlp, data)

    def run() -> None:
        for batch in batches:
            nlp.update(batch, drop=0.1, sgd=optimizer)

    return run


def plain_side(data: list[tuple[list[str], list[int]]]) -> Callable[[], None]:
    """Train Hugging Face's classifier in a loop of our own."""
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(harness.minilm_folder())
    model = AutoModelForTokenClassification.from_pretrained(harness.minilm_folder(), num_labels=len(TAGS)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, fused=True)
    autocast = resolve_precision("auto", torch.device("cpu")) == "bfloat16"
    ordered = sorted(data, key=lambda pair: len(pair[0]))
    batches = [ordered[i : i + SENTENCES_A_BATCH] for i in range(0, len(ordered), SENTENCES_A_BATCH)]

    def run() -> None:
        random.shuffle(batches)
        for batch in batches:
            words, tags = zip(*batch, strict=True)
            encoded = tokenizer(list(words), is_split_into_words=True, padding=True, return_tensors="pt")
            labels = torch.full(encoded["input_ids"].shape, -100)
            for row, row_tags in enumerate(tags):
                previous = None
                for place, word in enumerate(encoded.word_ids(row)):
                    if word is not None and word != previous:
                        labels[row, place] = row_tags[word]
                    previous = word
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
                loss = model(**encoded, labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()

    return run


def main() -> None:
    """Time all sides and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    data = sentences(args.sentences)
    peer, mine = theirs(harness.minilm_folder(), ["Disease"]), ours(harness.minilm_folder(), "auto", 128, ["Disease"])
    sides = {
        "spacy-transformers + ner": spacy_side(peer, data, Adam(5e-5)),
        "biobert + biobert_ner": spacy_side(mine, data, AdamW(5e-5)),
        "plain PyTorch loop": plain_side(data),
    }
    seconds = harness.alternate(sides, args.rounds)
    result = {}
    ours_seconds = harness.median(seconds["biobert + biobert_ner"])
    print(f"\n{len(data)} sentences, {SENTENCES_A_BATCH} a batch")
    for name, times in seconds.items():
        rate = len(data) / harness.median(times)
        result[name] = {
            "sentences_per_second": round(rate, 1),
            "ours_is_faster_by": round(harness.median(times) / ours_seconds, 2),
        }
        print(f"{name:<30} {rate:8.1f} sentences/s   ours is {result[name]['ours_is_faster_by']:.2f}x")
    harness.save(f"training_speed_{harness.processor()[-1]}", {"sentences": len(data), "sides": result})


if __name__ == "__main__":
    main()
