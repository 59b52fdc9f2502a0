"""Teach the embedded encoder to read names, for `linking_ncbi.py`: from MEDIC's synonyms and NCBI-disease's mentions.

    SPACY_BIOBERT_DATA=… python benchmarks/name_vectors.py FOLDER [--steps N] [--runs N]

Writes FOLDER/vectors, which know the mentions of train, for `--vectors`, and FOLDER/biosyn_vectors, which went on from
there with those of dev, for `--biosyn-vectors`. A run of 1,500 batches takes two minutes of a large GPU, and forty of
one core. Scores on dev belong to the former: the latter have learned its mentions.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import spacy
from harness import data_folder
from linking_ncbi import FILES
from tqdm import tqdm

from spacy_biobert.corpora.readers import pubtator_docs
from spacy_biobert.encoder.checkpoints import Checkpoint, load_checkpoint
from spacy_biobert.linking.alignment import TransformerSettings, train_transformer_encoder
from spacy_biobert.linking.evaluation import corpus_names
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.sources import read_medic
from spacy_biobert.linking.synonyms import names_of_concepts
from spacy_biobert.span_places import SPANS_KEY

EMBEDDED = Path(__file__).parent.parent / "assets" / "encoder"
LEARN_RATE = 1e-4
STEPS_WITH_DEV = 300


def main() -> None:
    """Train and store both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=1500, help="batches of each run")
    parser.add_argument("--runs", type=int, default=3, help="trainings whose weights are averaged")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)  # what is odd in these files is known
    options.folder.mkdir(parents=True, exist_ok=True)
    checkpoint = load_checkpoint(EMBEDDED)
    settings = TransformerSettings(steps=options.steps, learn_rate=LEARN_RATE, runs=options.runs)
    with tempfile.TemporaryDirectory() as folder:
        kb = KnowledgeBase.build(read_medic(data_folder() / "kb" / "medic_06Jul2012.txt"), Path(folder, "kb"))
        learn(kb, checkpoint, ["train"], settings, options.device, options.folder / "vectors")
        settings = TransformerSettings(steps=STEPS_WITH_DEV, learn_rate=LEARN_RATE, seed=1)
        learn(kb, checkpoint, ["train", "dev"], settings, options.device, options.folder / "biosyn_vectors")


def learn(
    kb: KnowledgeBase, checkpoint: Checkpoint, splits: list[str], settings: TransformerSettings, device: str, path: Path
) -> None:
    """Go on with the checkpoint's weights, and store what comes of it."""
    nlp = spacy.blank("en")
    corpus = data_folder() / "linking" / "ncbi_disease"
    docs = [doc for split in splits for doc in pubtator_docs(corpus / FILES[split], nlp.make_doc)]
    mentions = names_of_concepts(kb, corpus_names(docs, SPANS_KEY))
    with tqdm(total=settings.steps * settings.runs, desc=path.name, unit="batch") as bar:

        def report(_: int, loss: float) -> None:
            bar.update()
            bar.set_postfix(loss=f"{loss:.3f}")

        encoder = train_transformer_encoder(kb, checkpoint, mentions, device=device, settings=settings, report=report)
    path.write_bytes(encoder.to_bytes("float16"))


if __name__ == "__main__":
    main()
