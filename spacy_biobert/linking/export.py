"""Knowledge bases written for others to read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..errors import Errors
from ..files import replacing
from .concepts import Concept
from .kb import KnowledgeBase


def export_jsonl(
    kb: KnowledgeBase,
    path: str | Path,
    *,
    strip_prefix: str = "",
    all_fields: bool = False,
    overwrite: bool = False,
    progress: bool = False,
) -> int:
    """Write the concepts as JSON lines that scispaCy's ``KnowledgeBase(file_path)`` reads, and so does our builder.

    Args:
        kb: The knowledge base.
        path: The file to write, ending in ".jsonl". It appears when it is complete, or not at all.
        strip_prefix: A prefix to leave out of ids: "UMLS" for bare CUIs, as scispaCy's own files have them.
        all_fields: Whether to write alternative and related ids too. scispaCy refuses a file that has them.
        overwrite: Whether a file that is there may be replaced.
        progress: Whether to show a progress bar.

    Returns:
        How many alternative and related ids were left out.

    Raises:
        ValueError: The path has another ending.
        FileExistsError: There is such a file.
    """
    path = Path(path)
    if path.suffix != ".jsonl":
        raise ValueError(Errors.B290.format(path=path))
    if path.exists() and not (overwrite and path.is_file()):
        raise FileExistsError(Errors.B291.format(path=path))
    left_out = 0
    # ASCII: scispaCy reads in whatever encoding the machine prefers.
    with replacing(path) as part, part.open("w", encoding="ascii", newline="\n") as file:
        for concept in tqdm(kb.concepts(), total=len(kb), desc="concepts", unit="", disable=not progress):
            file.write(json.dumps(_record(concept, strip_prefix, all_fields)) + "\n")
            if not all_fields:
                left_out += len(concept.alternative_ids) + len(concept.related_ids)
    return left_out


def _record(concept: Concept, strip_prefix: str, all_fields: bool) -> dict[str, Any]:
    record: dict[str, Any] = {
        "concept_id": concept.id.removeprefix(f"{strip_prefix}:") if strip_prefix else concept.id,
        "canonical_name": concept.name,
        "aliases": list(concept.synonyms),
        "types": list(concept.types),
        "definition": concept.definition,
    }
    if all_fields:
        record |= {"alternative_ids": list(concept.alternative_ids), "related_ids": list(concept.related_ids)}
    return record
