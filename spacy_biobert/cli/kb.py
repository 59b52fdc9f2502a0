"""``spacy biobert kb``: make, merge, describe, export and try out knowledge bases."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import spacy
import typer
from wasabi import msg

from ..identifiers import NIL
from ..linking.concepts import can_be_id
from ..linking.evaluation import corpus_names, extend_with_names, gold_ids
from ..linking.export import export_jsonl
from ..linking.kb import KnowledgeBase
from ..linking.merge import KnowledgeBaseMerge
from ..linking.sources import READERS
from ..linking.sources.reading import SourceReading
from . import app
from .linking_corpora import read_all
from .messages import clear_errors, clear_warnings
from .options import listed

kb_app = typer.Typer(name="kb", help="Knowledge bases to link entities to.", no_args_is_help=True)
app.add_typer(kb_app, name="kb")

Out = Annotated[Path, typer.Argument(help="Folder to make")]
Force = Annotated[bool, typer.Option("--force", "-F", help="Replace a knowledge base that is there")]
Name = Annotated[str, typer.Option("--name", help="What to call it; after its source if left out")]


@kb_app.command("build")
def build(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="SOURCE…", help="Files of the vocabulary, may be gzipped; for rrf its folder"),
    ],
    out: Out,
    source_format: Annotated[
        str, typer.Option("--format", "-f", help=f"Their format: {', '.join(READERS)}; lists in csv are joined by |")
    ],
    types: Annotated[
        str | None, typer.Option("--types", "-t", help="Semantic types of all concepts, joined by commas")
    ] = None,
    name: Name = "",
    version: Annotated[str, typer.Option("--version", help="Version of the source, if it does not say itself")] = "",
    prefix: Annotated[str | None, typer.Option("--prefix", help="csv, jsonl: vocabulary of ids that name none")] = None,
    languages: Annotated[
        str | None, typer.Option("--languages", help="rrf: languages of names, ENG if left out, '*' for all")
    ] = None,
    sabs: Annotated[
        str | None, typer.Option("--sources", help="rrf: vocabularies (SAB) of names, all if left out")
    ] = None,
    suppressible: Annotated[bool, typer.Option("--suppressible", help="rrf: keep what UMLS says to suppress")] = False,
    taxa: Annotated[
        str | None, typer.Option("--taxa", help="gene_info: species, 9606 for man; all if left out")
    ] = None,
    force: Force = False,
) -> None:
    """Make a knowledge base from a vocabulary's own files."""
    options: dict[str, Any] = {
        "prefix": prefix,
        "languages": listed(languages and languages.upper()),
        "sources": listed(sabs and sabs.upper()),
        "suppressible": suppressible or None,
        "taxa": listed(taxa),
    }
    with clear_errors(), clear_warnings():
        reading = SourceReading(
            sources,
            source_format,
            types=listed(types),
            name=name,
            version=version,
            options={option: value for option, value in options.items() if value is not None},
        )
        progress = sys.stderr.isatty()
        try:
            kb = KnowledgeBase.build(reading, out, source=reading.describe, overwrite=force, progress=progress)
        finally:
            # Where nothing is left, that is why.
            _show_counts("Left out", reading.skipped)
    msg.good(f"{out}: {len(kb):,} concepts, {kb.n_names:,} names")


@kb_app.command("merge")
def merge(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER…", help="Knowledge bases, the most trusted first")],
    out: Out,
    same_ids_only: Annotated[
        bool, typer.Option("--same-ids-only", help="Do not unite concepts by alternative ids")
    ] = False,
    shared: Annotated[bool, typer.Option("--shared", help="Unite also concepts that share an alternative id")] = False,
    name: Name = "",
    force: Force = False,
) -> None:
    """Make one knowledge base of several. Concepts with the same id, or with the other's as alternative id, are united.

    The id, canonical name and definition are those of the knowledge base named first.
    """
    with clear_errors(), clear_warnings():
        merged = KnowledgeBaseMerge(
            [KnowledgeBase.open(folder) for folder in folders],
            unite_alternatives=not same_ids_only,
            unite_shared=shared,
        )
        kb = KnowledgeBase.build(
            merged,
            out,
            source=lambda: merged.describe() | ({"name": name} if name else {}),
            overwrite=force,
            progress=sys.stderr.isatty(),
        )
    _show_counts("Merged", merged.counts)
    msg.good(f"{out}: {len(kb):,} concepts, {kb.n_names:,} names")


@kb_app.command("extend")
def extend(
    folder: Annotated[Path, typer.Argument(help="Folder of a knowledge base")],
    out: Out,
    corpora: Annotated[
        list[Path], typer.Argument(metavar="CORPUS…", exists=True, help="Gold mentions: .spacy or PubTator")
    ],
    spans_key: Annotated[
        str | None, typer.Option("--spans-key", help="Group of doc.spans with the mentions; doc.ents if left out")
    ] = None,
    name: Name = "",
    force: Force = False,
) -> None:
    """Add the mentions of corpora, abbreviations written out, to the names of their concepts, as BioSyn does.

    A ranker for the outcome needs the knowledge base as it was: `spacy biobert train-linker OUT … --published FOLDER`.
    """
    with clear_errors(), clear_warnings():
        kb = KnowledgeBase.open(folder)
        references = read_all(corpora, spacy.blank("en"))
        ids = gold_ids(references, spans_key)
        names = corpus_names(references, spans_key)
        record = {
            "name": name or kb.name,
            "version": kb.version,
            "names_from": [*kb.meta["source"].get("names_from", ()), *(path.name for path in corpora)],
            "parts": [{"checksum": kb.checksum, "source": kb.meta["source"]}],
        }
        extended = KnowledgeBase.build(
            extend_with_names(kb, names), out, source=record, overwrite=force, progress=sys.stderr.isatty()
        )
    mentioned = {identifier for of_doc in ids for of_mention in of_doc for identifier in of_mention}
    if left_out := {identifier for identifier in mentioned - {NIL} if not can_be_id(identifier)}:
        msg.info(f"{len(left_out):,} ids that no concept can have were left out, such as {min(left_out)}")
    added = f"{len(extended) - len(kb):,} concepts and {extended.n_names - kb.n_names:,} names"
    msg.good(f"{out}: {len(extended):,} concepts, {extended.n_names:,} names; {added} are new")


@kb_app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="Folder of a knowledge base")],
    out: Annotated[Path, typer.Argument(help="File to write, ending in .jsonl")],
    strip_prefix: Annotated[
        str, typer.Option("--strip-prefix", help="Prefix to leave out of ids: UMLS for bare CUIs")
    ] = "",
    all_fields: Annotated[
        bool, typer.Option("--all-fields", help="Keep alternative and related ids; scispaCy does not read such a file")
    ] = False,
    force: Annotated[bool, typer.Option("--force", "-F", help="Replace a file that is there")] = False,
) -> None:
    """Write a knowledge base as the JSON lines that scispaCy's KnowledgeBase reads, and `kb build --format jsonl`."""
    with clear_errors():
        kb = KnowledgeBase.open(folder)
        left_out = export_jsonl(
            kb,
            out,
            strip_prefix=strip_prefix,
            all_fields=all_fields,
            overwrite=force,
            progress=sys.stderr.isatty(),
        )
    if left_out:
        msg.info(f"{left_out:,} alternative and related ids have no place in it; --all-fields writes them")
    msg.good(f"{out}: {len(kb):,} concepts")


@kb_app.command("info")
def info(
    folder: Annotated[Path, typer.Argument(help="Folder of a knowledge base")],
) -> None:
    """Describe a knowledge base and compare its files with their checksums."""
    with clear_errors():
        kb = KnowledgeBase.open(folder)
        kb.verify()
    rows = {
        "Name": kb.name,
        "Version": kb.version or "not recorded",
        "Concepts": f"{len(kb):,}",
        "Names": f"{kb.n_names:,}",
        "Types": ", ".join(sorted(kb.types)) or "none",
        "Made by": f"spacy-biobert {kb.meta['package_version']}",
        "Size": f"{sum(file['size'] for file in kb.meta['files'].values()):,} bytes",
        "Checksum": kb.checksum,
    }
    msg.table(rows, title=str(folder))
    if kb.meta["source"]:
        msg.divider("Source")
        _show_record(kb.meta["source"])
    msg.good("All files are as they were written")


@kb_app.command("search")
def search(
    folder: Annotated[Path, typer.Argument(help="Folder of a knowledge base")],
    mentions: Annotated[list[str], typer.Argument(help="Names to look up")],
    top_n: Annotated[int, typer.Option("--top-n", "-n", help="How many concepts for each")] = 5,
) -> None:
    """Show the concepts that names may mean."""
    with clear_errors():
        kb = KnowledgeBase.open(folder)
        found = kb.candidates(mentions, top_n)
    for mention, candidates in zip(mentions, found, strict=True):
        rows = [
            (identifier, f"{score:.2f}", name, concept.name if (concept := kb.get(identifier)) else "")
            for identifier, score, name in candidates
        ]
        msg.divider(mention)
        if rows:
            msg.table(rows, header=("Concept", "Score", "Name found", "Canonical name"), divider=True, max_col=60)
        else:
            msg.info("Nothing in the knowledge base is like this")


def _show_counts(title: str, counts: Mapping[str, int]) -> None:
    if counts:
        msg.info(title + ": " + ", ".join(f"{count:,} {what}" for what, count in counts.items()))


def _show_record(record: Mapping[str, Any], indent: str = "") -> None:
    """Print where a knowledge base comes from, each file and each part on lines of its own."""
    for key, value in record.items():
        if key == "files":
            for file in value:
                print(f"{indent}file: {file['name']}, {file['size']:,} bytes, SHA-256 {file['sha256']}")
        elif key == "parts":
            for number, part in enumerate(value, start=1):
                print(f"{indent}part {number}, checksum {part['checksum']}")
                _show_record(part["source"], indent + "    ")
        elif isinstance(value, Mapping):
            print(f"{indent}{key}: " + ", ".join(f"{name} {json.dumps(each)}" for name, each in value.items()))
        else:
            print(f"{indent}{key}: {value}")
