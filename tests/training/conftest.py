"""A corpus and configs that train a tiny encoder and heads in seconds."""

import random

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from tiny import SENTENCES, add_head

ADAMW = {
    "@optimizers": "spacy_biobert.AdamW.v1",
    "learn_rate": {"@schedules": "warmup_linear.v1", "warmup_steps": 3, "total_steps": 14, "initial_rate": 0.01},
}
BATCHER = {
    "@batchers": "spacy.batch_by_words.v1",
    "size": {"@schedules": "compounding.v1", "start": 20, "stop": 60, "compound": 1.1},
    "tolerance": 0.2,
    "discard_oversize": False,
    "get_length": None,
}


def write_corpus(path, n, seed, annotated=lambda words: True):
    """Write docs of shuffled words, with tags, and with entities where `annotated` says so."""
    nlp, rng = spacy.blank("en"), random.Random(seed)
    words = sorted({word for sentence in SENTENCES for word in sentence.split()})
    docs = []
    for _ in range(n):
        some = rng.choices(words, k=rng.randint(3, 12))
        doc = Doc(nlp.vocab, words=some, tags=["X" if len(word) > 3 else "Y" for word in some])
        starts = [i for i, word in enumerate(some) if word in ("cancer", "colitis")]
        if annotated(some):
            doc.set_ents([Span(doc, i, i + 1, label="Disease") for i in starts])
        docs.append(doc)
    DocBin(docs=docs).to_disk(path)


@pytest.fixture
def make_config(tmp_path, bert_folder):
    """Write a config, ``config.cfg``, and its corpora into a folder, and return the path of the config."""

    def make(*heads, folder=tmp_path, **training):
        folder.mkdir(exist_ok=True)
        nlp = spacy.blank("en")
        model = {
            "@architectures": "spacy_biobert.Encoder.v1", "name": str(bert_folder), "window": 32,
            "save_dtype": "float32", "attention_dropout": 0.1,
        }  # fmt: skip
        nlp.add_pipe("biobert", config={"model": model, "precision": "float32", "train_precision": "float32"})
        for head in heads:
            add_head(nlp, head)
        config = nlp.config.copy()
        config["nlp"]["tokenizer"] = {"@tokenizers": "spacy_biobert.Tokenizer.v1", "split_numbers": False}
        for name, n, seed in (("train", 23, 0), ("dev", 6, 1)):
            write_corpus(folder / f"{name}.spacy", n, seed)
            config["corpora"][name]["path"] = str(folder / f"{name}.spacy")
        config["training"] |= {
            "dropout": 0.2, "max_steps": 13, "eval_frequency": 4, "patience": 0, "batcher": BATCHER, "optimizer": ADAMW,
            "score_weights": dict.fromkeys(["tag_acc" if "tagger" in heads else "ents_f"], 1.0),
        } | training  # fmt: skip
        config.to_disk(folder / "config.cfg")
        return folder / "config.cfg"

    return make
