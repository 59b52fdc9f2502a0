"""``spacy biobert evaluate-linking``: score a linker by BioSyn's protocol, by the strict one, and end to end."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import srsly
import typer
from spacy import Language
from spacy.tokens import Doc
from wasabi import msg

from ..errors import Errors
from . import app
from .gpu import use_gpu
from .messages import clear_errors, clear_warnings, percent
from .options import listed

if TYPE_CHECKING:
    from ..linking.component import Linker
    from ..linking.evaluation import DocumentScores, ProtocolScores

SHOWN_RANKS = (1, 5, 20)


@app.command("evaluate-linking")
def evaluate_linking_cli(
    model: Annotated[str, typer.Argument(help="A pipeline with a linker, or the folder of a knowledge base.")],
    corpus: Annotated[Path, typer.Argument(exists=True, help="Gold mentions: .spacy or PubTator.")],
    names: Annotated[
        list[Path] | None,
        typer.Option("--names", "-n", exists=True, help="Corpora whose names BioSyn's protocol adds."),
    ] = None,
    labels: Annotated[
        str | None, typer.Option("--labels", "-l", help="Labels of the mentions that count, joined by commas.")
    ] = None,
    linker: Annotated[str | None, typer.Option("--linker", help="The component, where there are several.")] = None,
    spans_key: Annotated[
        str | None, typer.Option("--spans-key", help="Group of doc.spans with the gold mentions; doc.ents if left out.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="JSON file of all scores.")
    ] = None,
    plot: Annotated[Path | None, typer.Option("--plot", dir_okay=False, help="SVG file for recall at k.")] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU to use, -1 for none.")] = -1,
) -> None:
    """Score a linker as the field does, each protocol by its name.

    BioSyn's: gold mentions, names of --names in the dictionary, every concept that bears the name found is credited,
    any gold id counts. Strict: gold mentions, the dictionary as it is, the pipeline's one answer. End to end: mentions
    found by the pipeline, ids compared document by document; left out where the pipeline finds no mentions.
    """
    with clear_errors(), clear_warnings():
        if plot and plot.suffix != ".svg":
            raise ValueError(Errors.B516.format(path=plot))
        use_gpu(gpu_id)
        results = evaluate(
            model, corpus, names or [], labels=labels, linker_name=linker, spans_key=spans_key, corpus_name=corpus.stem
        )
        if output:
            output.parent.mkdir(parents=True, exist_ok=True)
            srsly.write_json(output, results)
            msg.good(f"All scores: {output}")
        if plot:
            from ..linking.curves import recall_plot

            curves = {f"{scores['protocol']} protocol": scores["recall"] for scores in results["protocols"]}
            plot.parent.mkdir(parents=True, exist_ok=True)
            plot.write_text(
                recall_plot(curves, title=f"{corpus.stem}: gold among the first k candidates"), encoding="utf8"
            )
            msg.good(f"Recall at k: {plot}")


def evaluate(
    model: str,
    corpus: Path,
    names: Sequence[Path],
    *,
    labels: str | None = None,
    linker_name: str | None = None,
    spans_key: str | None = None,
    corpus_name: str = "",
) -> dict[str, Any]:
    """Score a linker on a corpus and print the tables; the arguments are the command's."""
    # Every spaCy command imports this module, and few link.
    from ..linking.evaluation import corpus_names, evaluate_biosyn, evaluate_strict, extend_with_names
    from ..linking.kb import KnowledgeBase
    from ..linking.mentions import mentions_of
    from .linking_corpora import encode, find_linker, load_linking_pipeline, read_references

    nlp = load_linking_pipeline(model)
    linker = find_linker(nlp, linker_name, model)
    chosen = listed(labels)
    kept = None if chosen is None else set(chosen)
    references = read_references(corpus, nlp)
    if kept is not None:
        there = {span.label_ for doc in references for span in mentions_of(doc, spans_key)}
        if kept.isdisjoint(there):
            raise ValueError(Errors.B515.format(path=corpus, labels=labels, there=", ".join(sorted(there)) or "none"))
        references = [keep_labels(doc, spans_key, kept) for doc in references]
    if linker.cfg["ranker"] and linker.cfg["context_vectors"]:
        references = encode(nlp, references)
    protocols = [evaluate_strict(linker, references, spans_key=spans_key)]
    with tempfile.TemporaryDirectory(prefix="spacy-biobert-") as folder:
        known = (keep_labels(doc, spans_key, kept) for path in names for doc in read_references(path, nlp))
        added = corpus_names(known, spans_key)
        dictionary = KnowledgeBase.build(extend_with_names(linker.require_kb(), added), Path(folder) / "kb")
        protocols.insert(0, evaluate_biosyn(linker, references, dictionary, spans_key=spans_key))
    documents = end_to_end(nlp, linker, references, kept)
    # What `kb extend` added before is in the dictionary of both protocols.
    known_from = [str(file) for file in linker.require_kb().meta["source"].get("names_from", ())]
    names_from = {"BioSyn": list(dict.fromkeys([*known_from, *(path.name for path in names)])), "strict": known_from}
    print_linking(corpus_name, protocols, documents, names_from)
    return {
        "corpus": corpus_name,
        "names_from": names_from,
        "protocols": [scores.to_dict() for scores in protocols],
        "end_to_end": documents.to_dict() if documents else None,
    }


def keep_labels(doc: Doc, spans_key: str | None, labels: set[str] | None) -> Doc:
    """Leave out the gold mentions with other labels."""
    if labels is not None:
        doc.set_ents([span for span in doc.ents if span.label_ in labels])
        if spans_key is not None and spans_key in doc.spans:
            doc.spans[spans_key] = [span for span in doc.spans[spans_key] if span.label_ in labels]
    return doc


def end_to_end(
    nlp: Language, linker: Linker, references: Sequence[Doc], labels: set[str] | None
) -> DocumentScores | None:
    """Score what the pipeline makes of the raw texts; None where nothing in it finds mentions."""
    from ..linking.evaluation import evaluate_documents

    if len(nlp.pipe_names) < 2:
        return None
    predicted = list(nlp.pipe([reference.text for reference in references]))
    if not any(doc.ents for doc in predicted):
        return None
    return evaluate_documents(
        predicted, references, linker.require_kb(), spans_key=linker.cfg["spans_key"], labels=labels
    )


def print_linking(
    corpus: str,
    protocols: Sequence[ProtocolScores],
    documents: DocumentScores | None,
    names_from: Mapping[str, Sequence[str]],
) -> None:
    """Print a table for each protocol, its name above it, and which corpora's names its dictionary has."""
    for scores in protocols:
        rows = [
            ("Accuracy", percent(scores.accuracy)),
            *((f"Gold among the first {k}", percent(scores.recall[k - 1])) for k in SHOWN_RANKS),
            ("Mentions", f"{scores.mentions:,}"),
            ("Mentions whose ids the dictionary lacks", percent(scores.missing)),
            ("Names in the dictionary", f"{scores.names:,}"),
        ]
        msg.divider(f"{corpus}: {scores.protocol} protocol, gold mentions")
        names = ", ".join(names_from[scores.protocol])
        if scores.protocol == "BioSyn":
            rows.append(("with those of", names or "no corpus: not BioSyn's full protocol"))
        elif names:
            rows.append(("with those of", f"{names}: not the strict protocol's"))
        msg.table(rows, aligns=("l", "r"), max_col=44)
    if documents is not None:
        msg.divider(f"{corpus}: end to end, ids of documents")
        header = ("Documents", "P", "R", "F")
        row = (f"{documents.documents:,}", *map(percent, (documents.precision, documents.recall, documents.f_score)))
        msg.table([row], header=header, divider=True, aligns=("r", "r", "r", "r"))
