"""Tiny random checkpoints of every family, and pipelines with heads on them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from tokenizers import ByteLevelBPETokenizer

from spacy_biobert.encoder.bert import Bert
from spacy_biobert.encoder.pieces import Pieces
from spacy_biobert.encoder.runtime import Runtime
from spacy_biobert.encoder.windows import Plan, make_plan, make_windows

FAMILIES = ("bert", "bert-cased", "roberta", "distilbert", "electra")
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
CAPITALS = LETTERS.upper()
CHARACTERS = "0123456789.,-()/:"
WORDS = ["the", "patient", "of", "with", "colon", "cancer", "mutation", "in", "gene", "##tion", "##itis", "is", "and"]
CASED_WORDS = ["BRCA", "Patient", "##RNA", "The"]
SENTENCES = ["The patient with colon cancer .", "BRCA1 mutation in the gene of patients and colitis .", "Pain is gone"]
LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "upstream": "*",
    "pooling": {"@layers": "reduce_mean.v1"},
}
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 144,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
}


def word_pieces(*, cased: bool = False) -> list[str]:
    letters = LETTERS + CAPITALS if cased else LETTERS
    characters = list(letters + CHARACTERS)
    inside = [f"##{character}" for character in letters + "0123456789"]
    return [*SPECIAL, *characters, *inside, *WORDS, *(CASED_WORDS if cased else [])]


def write_vocabulary(folder: Path, *, cased: bool = False, settings: dict | None = None) -> int:
    """Write a WordPiece vocabulary, with tokenizer settings if there are any, and return its size."""
    pieces = word_pieces(cased=cased)
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf8")
    if settings is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf8")
    return len(pieces)


def train_bpe(folder: Path) -> int:
    tokenizer = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(SENTENCES * 3, vocab_size=300, min_frequency=2, special_tokens=special)
    tokenizer.save_model(str(folder))
    return tokenizer.get_vocab_size()


def build_hf_model(family: str, folder: Path):
    """Make a model of Hugging Face's with random weights, and its vocabulary in the folder."""
    import transformers

    torch.manual_seed(0)
    if family == "roberta":
        size = train_bpe(folder)
        return transformers.RobertaModel(
            transformers.RobertaConfig(vocab_size=size, **SIZES | {"max_position_embeddings": 66}, type_vocab_size=1)
        )
    size = write_vocabulary(folder, cased=family == "bert-cased")
    if family == "distilbert":
        return transformers.DistilBertModel(
            transformers.DistilBertConfig(
                vocab_size=size, dim=32, n_layers=2, n_heads=4, hidden_dim=144, max_position_embeddings=64,
                initializer_range=0.3,
            )
        )  # fmt: skip
    if family == "electra":
        return transformers.ElectraModel(transformers.ElectraConfig(vocab_size=size, embedding_size=16, **SIZES))
    return transformers.BertModel(transformers.BertConfig(vocab_size=size, **SIZES))


def change_config(folder: Path, **changes: Any) -> None:
    """Change settings of a checkpoint's config.json; "absent" takes one out."""
    path = folder / "config.json"
    settings = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in settings.items() if value != "absent"}))


def stored_weights(folder: Path) -> dict[str, bytes]:
    """Return all weights of a stored pipeline, as bytes."""
    files = [path for path in folder.rglob("*") if path.name in ("model", "model.safetensors") and path.is_file()]
    assert files
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def plan_of(texts: list[list[int]], *, window: int = 64, cls: int = 2, sep: int = 3, pad: int = 0) -> Plan:
    """Lay out texts of word pieces, each of them a token of its own."""
    ids = np.array([piece for text in texts for piece in text], dtype=np.int64)
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    pieces = Pieces(ids, np.ones_like(ids), lengths, np.zeros(len(ids), dtype=bool))
    windows = make_windows(pieces, window=window, overlap=0)
    return make_plan(pieces, windows, max_batch_pieces=2048, cls=cls, sep=sep, pad=pad)


def encode(bert: Bert, texts: list[list[int]], **special: int) -> torch.Tensor:
    """Return the hidden state of each piece of each text, (n_pieces, width)."""
    runtime = Runtime(bert, device="cpu", precision="float32")
    return runtime.predict(plan_of(texts, **special), "first")


def add_head(nlp: Language, factory: str, name: str | None = None, **listener) -> None:
    """Add one of spaCy's trainable pipes, as its defaults make it, but reading a shared encoder."""
    model = dict(Language.get_factory_meta(factory).default_config["model"])
    model["tok2vec"] = LISTENER | listener
    config = {"model": model}
    if factory == "parser":
        config["min_action_freq"] = 1  # four examples hold too few of each action
    nlp.add_pipe(factory, name=name or factory, config=config)


def make_examples(nlp: Language) -> list[Example]:
    """Three sentences in one doc and each in one of its own, with all that spaCy's heads learn from."""
    examples = []
    for i, text in enumerate([" ".join(SENTENCES), *SENTENCES]):
        predicted = nlp.make_doc(text)
        words = [token.text for token in predicted]
        reference = Doc(
            nlp.vocab,
            words=words,
            spaces=[bool(token.whitespace_) for token in predicted],
            tags=["X" if len(word) > 3 else "Y" for word in words],
            pos=["NOUN" if len(word) > 3 else "DET" for word in words],
            lemmas=[word.lower().removesuffix("s") for word in words],
            heads=[1 if len(words) > 1 else 0] * len(words),
            deps=["ROOT" if j == 1 else "dep" for j in range(len(words))],
        )
        reference.set_ents([Span(reference, 1, 3, label="Disease")])
        reference.spans["sc"] = [Span(reference, 0, 2, label="Disease"), Span(reference, 2, 3, label="Gene")]
        reference.cats = {"good": float(i % 2), "bad": float(1 - i % 2)}
        examples.append(Example(predicted, reference))
    return examples
