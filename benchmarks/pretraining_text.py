"""What the running text of pretraining holds of each corpus's words: why that alone gave more on some than on others.

    SPACY_BIOBERT_DATA=… python benchmarks/pretraining_text.py

For the words inside the mentions of each training set: into how many pieces MiniLM's vocabulary and the embedded one
cut them, and what share of them stands at least once, ten times and fifty times in the text of pretraining.
"""

from __future__ import annotations

import gzip
import re
from collections import Counter
from pathlib import Path

import harness

from spacy_biobert.corpora.iob import read_iob
from spacy_biobert.encoder.tokenization import PieceTokenizer, load_tokenizer

CORPORA = ("ncbi_disease", "bc5cdr", "bc2gm")
TIMES = (1, 10, 50)
EMBEDDED = Path(__file__).parent.parent / "assets" / "encoder"


def words_of_text() -> Counter[str]:
    """Count the words of the running text that the embedded encoder was pretrained on, lower-cased."""
    words: Counter[str] = Counter()
    for path in sorted((harness.data_folder() / "text").glob("*.txt.gz")):
        with gzip.open(path, "rt", encoding="utf8") as file:
            for line in file:
                words.update(re.findall(r"\w+", line.lower()))
    return words


def mention_words(corpus: str) -> Counter[str]:
    """Count the words inside the mentions of a training set."""
    sentences = read_iob(harness.data_folder() / "ner" / corpus / "train.tsv")
    return Counter(word for sentence in sentences for a, b, _ in sentence.spans for word in sentence.words[a:b])


def pieces_a_word(words: Counter[str], tokenizer: PieceTokenizer) -> float:
    """Return the mean number of pieces of a word."""
    return sum(n * len(tokenizer.pieces(word, after_space=True)) for word, n in words.items()) / words.total()


def main() -> None:
    """Print and store the shares."""
    text = words_of_text()
    tokenizers = {"minilm": load_tokenizer(harness.minilm_folder()), "embedded": load_tokenizer(EMBEDDED)}
    found = {}
    for corpus in CORPORA:
        words = mention_words(corpus)
        letters = Counter({word: n for word, n in words.items() if re.search(r"\w", word)})
        seen = {
            str(times): round(sum(n for word, n in letters.items() if text[word.lower()] >= times) / letters.total(), 3)
            for times in TIMES
        }
        pieces = {name: round(pieces_a_word(words, tokenizer), 3) for name, tokenizer in tokenizers.items()}
        found[corpus] = {"pieces a word": pieces, "share seen so many times": seen}
        print(f"{corpus:<14} pieces a word {pieces}  seen {seen}", flush=True)
    harness.save("pretraining_text", {"words of text": text.total(), "corpora": found})


if __name__ == "__main__":
    main()
