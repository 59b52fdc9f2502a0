"""``spacy biobert train-linker``: learn vectors of names, and a ranker, and store both with their knowledge base."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import spacy
import typer
from tqdm import tqdm
from wasabi import msg

from ..errors import Errors
from . import app
from .messages import clear_errors

EPOCHS, WIDTH = 20, 128


@app.command("train-linker")
def train_linker_cli(
    kb_folder: Annotated[Path, typer.Argument(help="Folder of a knowledge base.")],
    output: Annotated[Path, typer.Argument(file_okay=False, help="Folder for the pipeline: a linker, ready.")],
    corpora: Annotated[
        list[Path] | None,
        typer.Argument(exists=True, help="Gold mentions, to train the ranker: .spacy or PubTator."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Batches of names to learn vectors from.")] = 600,
    runs: Annotated[
        int, typer.Option(min=1, help="With --encoder: trainings with a seed each, whose weights are averaged.")
    ] = 1,
    learn_rate: Annotated[
        float | None,
        typer.Option(min=0.0, help="Highest learning rate of the vectors. [with --encoder 3e-4, without it 0.02]"),
    ] = None,
    width: Annotated[int, typer.Option(min=1, help="Size of a vector, without --encoder.")] = WIDTH,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="What learns to read names, a checkpoint or a pipeline with an encoder: finds more, and takes longer."
        ),
    ] = None,
    names: Annotated[
        list[Path] | None,
        typer.Option(
            "--names",
            "-n",
            exists=True,
            help="Gold mentions that the vectors learn from as names; with --encoder CORPORA if left out.",
        ),
    ] = None,
    published: Annotated[
        Path | None,
        typer.Option(help="The knowledge base without the names of CORPORA, if KB_FOLDER has them."),
    ] = None,
    context: Annotated[
        str | None,
        typer.Option(
            help="A pipeline whose encoder reads CORPORA: the ranker then sees a mention's token vectors, too. The "
            "linker is for pipelines with this encoder."
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Times that the ranker sees the training mentions.")] = EPOCHS,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
) -> None:
    """Learn which names mean the same from a knowledge base's synonyms; and, from corpora, how to rank concepts.

    Names are read as bags of words and trigrams, or, with --encoder, by a transformer.

    The vectors, OUTPUT/biobert_linker/dense.safetensors, can also be named in a config, `[initialize.components.
    biobert_linker] dense = …`, for a ranker that `spacy train` trains; or the linker is sourced from OUTPUT.
    """
    # Every spaCy command imports this module, and few train.
    from ..linking.alignment import BagSettings, TransformerSettings, train_bag_encoder, train_transformer_encoder
    from ..linking.component import Linker
    from ..linking.dense import EXACT_NAMES
    from ..linking.evaluation import corpus_names, gold_ids
    from ..linking.fitting import train_ranker
    from ..linking.graph import NameGraph
    from ..linking.kb import KnowledgeBase
    from ..linking.synonyms import names_of_concepts
    from .linking_corpora import find_encoder, load_encoder, read_all
    from .pipelines import load_pipeline

    with clear_errors():
        if not corpora:
            _refuse({"--published": published, "--context": context, "--epochs": epochs != EPOCHS}, "without CORPORA")
        if encoder is None:
            _refuse({"--runs": runs != 1}, "without --encoder")
        else:
            _refuse({"--width": width != WIDTH}, "with --encoder, whose width counts")
        kb = KnowledgeBase.open(kb_folder)
        if corpora and kb.n_names > EXACT_NAMES:
            NameGraph.require_package()  # the ranker needs it, once the vectors are learned
        nlp = spacy.blank("en")
        reader = load_pipeline(context) if context is not None and corpora else None
        seen = find_encoder(reader, str(context)) if reader is not None else None
        config = {"ranker": bool(corpora), "context_vectors": seen is not None, "split_composites": True}
        linker = nlp.add_pipe("biobert_linker", config=config)
        if not isinstance(linker, Linker):
            raise TypeError(type(linker))
        linker.kb = kb
        references = read_all(corpora, reader or nlp)
        if corpora:
            gold_ids(references, linker.cfg["spans_key"])  # refuses what teaches nothing
        named = references if names is None and encoder is not None else read_all(names, nlp)
        mentions = names_of_concepts(kb, corpus_names(named, linker.cfg["spans_key"]))
        chosen: dict[str, Any] = {"steps": steps, "seed": seed}
        if learn_rate is not None:
            chosen["learn_rate"] = learn_rate
        with tqdm(total=steps if encoder is None else steps * runs, desc="vectors", unit="batch") as bar:

            def report(step: int, loss: float) -> None:
                bar.update()
                bar.set_postfix(loss=f"{loss:.3f}")

            if encoder is None:
                bag = BagSettings(width=width, **chosen)
                linker.name_encoder = train_bag_encoder(kb, mentions, settings=bag, report=report)
            else:
                settings = TransformerSettings(runs=runs, **chosen)
                checkpoint = load_encoder(encoder)
                linker.name_encoder = train_transformer_encoder(
                    kb, checkpoint, mentions, settings=settings, report=report
                )
        if references:
            without = KnowledgeBase.open(published) if published else None
            losses = train_ranker(linker, references, epochs=epochs, seed=seed, published=without, encoder=seen)
            for epoch, loss in enumerate(tqdm(losses, total=epochs, desc="ranker", unit="epoch"), start=1):
                tqdm.write(f"epoch {epoch}: {loss:.4f} nats a mention")
        nlp.to_disk(output)
    msg.good(f"{output}: a linker for {len(kb):,} concepts" + ("" if references else ", with vectors but no ranker"))


def _refuse(options: Mapping[str, object], why: str) -> None:
    """Refuse those options that were given: they would do nothing."""
    if given := [option for option, value in options.items() if value]:
        raise ValueError(Errors.B518.format(options=", ".join(given), why=why))
