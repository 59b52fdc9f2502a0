"""Three ways to train a tagger of the same words from the same checkpoint, for `ner_quality.py`.

All see as many words under the same schedule: 1,000 words a batch, a learning rate that rises to 3e-4 over 100 steps
and falls to nothing at the last, dropout 0.1, and the best of the scores on development sentences.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import spacy
import torch
from seqeval.metrics import f1_score
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from thinc.api import Config

from spacy_biobert.corpora.iob import Sentence
from spacy_biobert.encoder.precision import multiplies_bfloat16
from spacy_biobert.span_places import SPANS_KEY

RECIPE = Path(__file__).parent.parent / "configs" / "ner.cfg"
WORDS_A_BATCH = 1000
EVERY = 100
LEARN_RATE, WARMUP = 3e-4, 100


@dataclass
class Task:
    """What a system is trained on and scored on.

    Attributes:
        train, dev, test: Sentences with their mentions.
        documents: More to train on, in ``.spacy`` files: the same text as whole abstracts; our own system only.
        steps: How many batches it may take.
        dev_documents: What is scored on while training, in ``.spacy`` files, in place of `dev`; our own system only.
        test_labels: For each test sentence the labels that count, where the system finds others too; empty for all.
        settings: What differs from the recipe, as dotted names; for our own system only.
        keep: Where the best pipeline is kept; None for nowhere.
    """

    train: list[Sentence]
    dev: list[Sentence]
    test: list[Sentence]
    steps: int
    documents: list[Path] = field(default_factory=list)
    dev_documents: list[Path] = field(default_factory=list)
    test_labels: list[tuple[str, ...]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    keep: Path | None = None


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        history: For each evaluation the step, the CPU seconds of training so far, and F1 on dev, from 0 to 1.
        tags: The test sentences' tags (BIO), as the best model predicts them.
    """

    history: list[tuple[int, float, float]]
    tags: list[list[str]]


def bio(sentence: Sentence) -> list[str]:
    """Write a sentence's mentions as BIO tags."""
    tags = ["O"] * len(sentence.words)
    for start, end, label in sentence.spans:
        tags[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
    return tags


def train_spacy_biobert(task: Task, checkpoint: Path, seed: int) -> Outcome:
    """Train by the recipe, ``configs/ner.cfg``."""
    config = Config().from_disk(RECIPE, interpolate=False)
    return _train_spacy(task, _with(config, task.settings), checkpoint, seed)


def train_spacy_transformers(task: Task, checkpoint: Path, seed: int) -> Outcome:
    """Train spaCy-transformers with spaCy's `ner`, as spaCy's quickstart sets them up."""
    from encoder_speed import theirs

    config = Config().from_disk(RECIPE, interpolate=False)
    peer = theirs(checkpoint)
    peer.config["components"]["transformer"]["model"]["name"] = "${paths.encoder}"
    config["components"] = peer.config["components"]
    config["nlp"] = {**peer.config["nlp"], "batch_size": 64}
    config["training"]["optimizer"] = {
        "@optimizers": "Adam.v1",
        "L2_is_weight_decay": True,
        "L2": 0.01,
        "grad_clip": 1.0,
        "learn_rate": config["training"]["optimizer"]["learn_rate"],
    }
    config["initialize"] = {"vectors": None}
    return _train_spacy(task, config, checkpoint, seed)


def train_huggingface(task: Task, checkpoint: Path, seed: int) -> Outcome:
    """Train Hugging Face's token classifier on first pieces, batches of sentences of like length.

    In bfloat16 where the processor multiplies in it, as our own training does.
    """
    from transformers import AutoModelForTokenClassification, AutoTokenizer, get_linear_schedule_with_warmup

    torch.manual_seed(seed)
    autocast = multiplies_bfloat16(torch.device("cpu"))
    names = ["O", *sorted({tag for sentence in task.train for tag in bio(sentence)} - {"O"})]
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForTokenClassification.from_pretrained(checkpoint, num_labels=len(names))
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARN_RATE, weight_decay=0.01, fused=True)
    schedule = get_linear_schedule_with_warmup(optimizer, WARMUP, task.steps)

    def encode(sentences: Sequence[Sentence]) -> tuple[Any, list[list[int]]]:
        words = [list(sentence.words) for sentence in sentences]
        encoded = tokenizer(words, is_split_into_words=True, padding=True, truncation=True, return_tensors="pt")
        firsts = []
        for row in range(len(words)):
            ids = encoded.word_ids(row)
            firsts.append([i for i, word in enumerate(ids) if word is not None and word != ids[i - 1]])
        return encoded, firsts

    @torch.no_grad()
    def predict(sentences: Sequence[Sentence]) -> list[list[str]]:
        model.eval()
        found: list[list[str]] = [["O"] * len(sentence.words) for sentence in sentences]
        order = sorted(range(len(sentences)), key=lambda i: len(sentences[i].words))
        for start in range(0, len(order), 64):
            chosen = order[start : start + 64]
            encoded, firsts = encode([sentences[i] for i in chosen])
            best = model(**encoded).logits.argmax(-1)
            for row, i in enumerate(chosen):
                words = (encoded.word_ids(row)[place] for place in firsts[row])
                for word, place in zip(words, firsts[row], strict=True):
                    found[i][word] = names[int(best[row, place])]
        return found

    def update(batch: Sequence[Sentence]) -> None:
        model.train()
        encoded, firsts = encode(batch)
        labels = torch.full(encoded["input_ids"].shape, -100)
        for row, sentence in enumerate(batch):
            tags = bio(sentence)
            for place in firsts[row]:
                labels[row, place] = names.index(tags[encoded.word_ids(row)[place]])
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            loss = model(**encoded, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()

    history: list[tuple[int, float, float]] = []
    gold, seconds, best_score, best = [bio(sentence) for sentence in task.dev], 0.0, -1.0, model.state_dict()
    batches = _endless_batches(task.train, random.Random(seed))
    for step in range(1, task.steps + 1):
        started = time.process_time()
        update(next(batches))
        seconds += time.process_time() - started
        if step % EVERY == 0 or step == task.steps:
            score = float(f1_score(gold, predict(task.dev)))
            history.append((step, seconds, score))
            print(f"    step {step:>5}  {seconds:7.0f} s  dev F1 {100 * score:.2f}", flush=True)
            if score > best_score:
                best_score, best = score, {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(best)
    return Outcome(history, predict(task.test))


SYSTEMS: dict[str, Callable[[Task, Path, int], Outcome]] = {
    "spacy_biobert": train_spacy_biobert,
    "spacy-transformers": train_spacy_transformers,
    "huggingface": train_huggingface,
}


def _train_spacy(task: Task, config: Config, checkpoint: Path, seed: int) -> Outcome:
    """Run `spacy train` in a process of its own, with a logger that notes CPU time, and apply the best model."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        config["paths"] = {"train": str(folder / "train"), "dev": str(folder / "dev"), "encoder": str(checkpoint)}
        config["initialize"]["vectors"] = config["initialize"]["init_tok2vec"] = None
        config = _with(
            config,
            {
                "system.seed": seed,
                "training.max_steps": task.steps,
                "training.optimizer.learn_rate.total_steps": task.steps,
                "training.logger": {"@loggers": "ner_clock.v1", "path": str(folder / "history.jsonl")},
            },
        )
        config.to_disk(folder / "config.cfg")
        blank = spacy.blank("en")
        for name, own, more in (("train", task.train, task.documents), ("dev", task.dev, task.dev_documents)):
            (folder / name).mkdir()
            if own:
                _to_disk(blank, own, folder / name / "sentences.spacy")
            for path in more:
                (folder / name / path.name).symlink_to(path.resolve())
        clock = Path(__file__).parent / "ner_clock.py"
        arguments = ["train", "config.cfg", "--output", "out", "--code", str(clock)]
        with (folder / "log.txt").open("w") as log:
            done = subprocess.run([sys.executable, "-m", "spacy", *arguments], cwd=folder, stdout=log, stderr=log)
        if done.returncode:
            raise SystemExit((folder / "log.txt").read_text())
        lines = (folder / "history.jsonl").read_text().splitlines()
        if task.keep:
            shutil.copytree(folder / "out" / "model-best", task.keep, dirs_exist_ok=True)
        nlp = spacy.load(folder / "out" / "model-best")
        docs = nlp.pipe((Doc(nlp.vocab, words=list(sentence.words)) for sentence in task.test), batch_size=256)
        if task.test_labels:
            tags = [_tags_of_labels(doc, labels) for doc, labels in zip(docs, task.test_labels, strict=True)]
        else:
            tags = [_tags(doc) for doc in docs]
        return Outcome([tuple(json.loads(line)) for line in lines], tags)


def _tags(doc: Doc) -> list[str]:
    return [f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O" for token in doc]


def _tags_of_labels(doc: Doc, labels: tuple[str, ...]) -> list[str]:
    """Write mentions of some labels as BIO tags, of those that overlap the likelier ones."""
    tags = ["O"] * len(doc)
    found = [span for span in doc.spans[SPANS_KEY] if span.label_ in labels]
    for span in sorted(found, key=lambda span: -span._.score):
        if all(tag == "O" for tag in tags[span.start : span.end]):
            tags[span.start : span.end] = [f"B-{span.label_}"] + [f"I-{span.label_}"] * (len(span) - 1)
    return tags


def _to_disk(nlp: Language, sentences: Sequence[Sentence], path: Path) -> None:
    docs = (Doc(nlp.vocab, words=list(sentence.words), ents=bio(sentence)) for sentence in sentences)
    DocBin(docs=docs).to_disk(path)


def _endless_batches(sentences: Sequence[Sentence], rng: random.Random) -> Iterator[list[Sentence]]:
    """Yield batches of about 1,000 words, made of sentences of like length, in random order."""
    while True:
        ordered = sorted(sentences, key=lambda sentence: len(sentence.words) + rng.random())
        batches: list[list[Sentence]] = [[]]
        words = 0
        for sentence in ordered:
            if words + len(sentence.words) > WORDS_A_BATCH and batches[-1]:
                batches.append([])
                words = 0
            batches[-1].append(sentence)
            words += len(sentence.words)
        rng.shuffle(batches)
        yield from batches


def _with(config: Config, settings: dict[str, Any]) -> Config:
    """Set dotted names of a config."""
    for name, value in settings.items():
        *sections, last = name.split(".")
        block: Any = config
        for section in sections:
            block = block[section]
        block[last] = value
    return config


def set_threads(n: int) -> None:
    """Let this process and those that it starts use so many threads."""
    os.environ["OMP_NUM_THREADS"] = str(n)
    torch.set_num_threads(n)
