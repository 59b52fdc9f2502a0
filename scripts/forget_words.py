"""Leave the words of the training corpus out of a trained pipeline.

spaCy stores every word that it has met, in ``vocab/strings.json``. A pipeline that was trained on clinical notes, or on
a corpus that may not be passed on, then carries their words, names included. No component of this package reads them:
what stays is what spaCy's tokenizer brings along, and the labels.

    python scripts/forget_words.py training/sample/model-best
"""

from __future__ import annotations

import argparse
from pathlib import Path

import spacy
import srsly

from spacy_biobert.files import replacing


def main() -> None:
    """Write the strings anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipeline", type=Path, help="folder of the pipeline")
    args = parser.parse_args()
    nlp = spacy.load(args.pipeline)
    blank = spacy.blank(nlp.lang)
    labels = {label for name in nlp.pipe_names for label in nlp.pipe_labels.get(name, ())}
    kept = sorted({*blank.vocab.strings, *map(str, labels)})
    path = args.pipeline / "vocab" / "strings.json"
    before = len(srsly.read_json(path))
    with replacing(path) as part:
        srsly.write_json(part, kept)
    print(f"{path}: {len(kept):,} strings of {before:,} stay")


if __name__ == "__main__":
    main()
