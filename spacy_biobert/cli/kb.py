"""``spacy biobert kb``: make, describe and try out knowledge bases."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from ..errors import Errors
from ..linking.folder import file_checksum
from ..linking.kb import KnowledgeBase
from ..linking.sources import READERS
from . import app
from .messages import clear_errors

kb_app = typer.Typer(name="kb", help="Knowledge bases to link entities to.", no_args_is_help=True)
app.add_typer(kb_app, name="kb")


@kb_app.command("build")
def build(
    source: Annotated[Path, typer.Argument(help="File of the vocabulary, may be gzipped")],
    out: Annotated[Path, typer.Argument(help="Folder to make")],
    source_format: Annotated[str, typer.Option("--format", "-f", help="Format of the file: jsonl, medic or obo")],
    types: Annotated[
        str | None, typer.Option("--types", "-t", help="Semantic types of all concepts, joined by commas")
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-F", help="Replace a knowledge base that is there")] = False,
) -> None:
    """Make a knowledge base from a vocabulary's own file."""
    with clear_errors():
        if source_format not in READERS:
            raise ValueError(Errors.B251.format(format=source_format, formats=", ".join(READERS)))
        names = None if types is None else tuple(name.strip() for name in types.split(",") if name.strip())
        concepts = READERS[source_format](source, types=names)
        origin = {"file": source.name, "format": source_format}
        if source.is_file():
            # A file that is missing is the reader's to explain.
            origin["sha256"] = file_checksum(source)
        kb = KnowledgeBase.build(concepts, out, source=origin, overwrite=force, progress=sys.stderr.isatty())
    msg.good(f"{out}: {len(kb):,} concepts, {kb.n_names:,} names")


@kb_app.command("info")
def info(
    folder: Annotated[Path, typer.Argument(help="Folder of a knowledge base")],
) -> None:
    """Describe a knowledge base and compare its files with their checksums."""
    with clear_errors():
        kb = KnowledgeBase.open(folder)
        kb.verify()
    source = ", ".join(f"{key} {value}" for key, value in kb.meta["source"].items())
    rows = {
        "Concepts": f"{len(kb):,}",
        "Names": f"{kb.n_names:,}",
        "Types": ", ".join(sorted(kb.types)) or "none",
        "Source": source or "not recorded",
        "Made by": f"spacy-biobert {kb.meta['package_version']}",
        "Size": f"{sum(file['size'] for file in kb.meta['files'].values()):,} bytes",
        "Checksum": kb.checksum,
    }
    msg.table(rows, title=str(folder))
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
