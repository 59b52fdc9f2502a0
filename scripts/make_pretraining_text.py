"""Write sentences about genes, chemicals and diseases for the embedded encoder to read beside running text.

    SPACY_BIOBERT_DATA=… python scripts/make_pretraining_text.py --out pretraining/names.txt.gz

Running text that is free to use says little of genes. Two sources say more: the training sentences of BC2GM and
ChemProt, without what was annotated in them, and what knowledge bases say of names: a gene's symbol, name and synonyms
(NCBI Gene), and the names of a disease (MEDIC), each set made into a sentence. Nothing of a test or development set.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from spacy_biobert.corpora.iob import read_iob

MOST_NAMES = 6


def bc2gm(data: Path) -> Iterator[str]:
    """Yield the training sentences of BC2GM."""
    for sentence in read_iob(data / "ner" / "bc2gm" / "train.tsv"):
        yield " ".join(sentence.words)


def chemprot(data: Path) -> Iterator[str]:
    """Yield the different training sentences of ChemProt, without the marks around arguments."""
    with (data / "relations" / "chemprot" / "train.jsonl").open(encoding="utf8") as lines:
        yield from dict.fromkeys(re.sub(r"<< | >>|\[\[ | \]\]", "", json.loads(line)["text"]) for line in lines)


def genes(data: Path) -> Iterator[str]:
    """Yield a sentence for each human gene that codes for a protein."""
    with gzip.open(data / "kb" / "Homo_sapiens.gene_info.gz", "rt", encoding="utf8") as lines:
        next(lines)
        for line in lines:
            fields = line.rstrip("\n").split("\t")
            symbol, synonyms, description, kind, others = (fields[i] for i in (2, 4, 8, 9, 13))
            if kind == "protein-coding":
                names = [name for text in (synonyms, others) for name in text.split("|") if name != "-"]
                also = f", also known as {', '.join(names[:MOST_NAMES])}" if names else ""
                yield f"{symbol} is the gene of {description}{also}."


def diseases(data: Path) -> Iterator[str]:
    """Yield a sentence for each disease of MEDIC that has more than one name."""
    with (data / "kb" / "medic_06Jul2012.txt").open(encoding="utf8") as lines:
        for line in lines:
            name, *others = line.rstrip("\n").split("||")[1].split("|")
            if others:
                yield f"{name} is a disease also known as {', '.join(others[:MOST_NAMES])}."


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="file to make, .txt.gz")
    args = parser.parse_args()
    data = Path(os.environ["SPACY_BIOBERT_DATA"])
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(args.out, "wt", encoding="utf8") as file:
        for source in (bc2gm, chemprot, genes, diseases):
            texts = list(source(data))
            file.writelines(f"{text}\n" for text in texts)
            print(f"{source.__name__:<10}{len(texts):>8,} lines")


if __name__ == "__main__":
    main()
