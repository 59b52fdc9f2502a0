"""BioC files, as XML or as JSON: documents of passages with offsets, annotations and relations.

    <document><id>8701013</id>
      <passage><infon key="type">title</infon><offset>0</offset><text>Famotidine and delirium.</text>
        <annotation id="0"><infon key="type">Chemical</infon><infon key="MESH">D015738</infon>
          <location offset="0" length="10"/><text>Famotidine</text></annotation>

(Comeau et al., 2013; http://bioc.sourceforge.net.) Written by PubTator, PubMed Central and most corpora of late.

A document's text is its passages joined by one space each. In PubTator's files that is the text that offsets count in;
where a file leaves more room between passages, or none, mentions keep their places within their passages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import Errors
from .annotations import AnnotatedDocument, Mention, Passage, Relation, same_words
from .bioc_files import LINE, bioc_documents

_KINDS = {"title": "t", "abstract": "a"}
# Infons that hold concept ids, by their names in small letters, and the vocabulary of ids that name none.
_CONCEPTS = {
    "identifier": "",
    "concept_id": "",
    "mesh": "MESH",
    "omim": "OMIM",
    "ncbi gene": "NCBIGene",
    "ncbi gene identifier": "NCBIGene",
    "ncbi taxonomy": "NCBITaxon",
    "species": "NCBITaxon",
    "chebi": "CHEBI",
    "umls": "UMLS",
}
_SEPARATORS = re.compile(r"([|+,;]\s*)")
_UNLABELLED = ("type", "relation")


def read_bioc(path: Path) -> Iterator[AnnotatedDocument]:
    """Read a BioC file, XML or JSON, plain or gzipped.

    Annotations without a location, such as the headings a document is indexed under, are no mentions and are passed
    over. One of several locations becomes the stretch that covers them, with the pieces in `Mention.fragments`.

    Args:
        path: The file.

    Yields:
        The documents, in order.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no BioC, or an annotation has no type, or contradicts the text. The message names the
            file, and the line in XML, the document in JSON.
    """
    for data in bioc_documents(path):
        place = f":{data[LINE]}" if LINE in data else f", document {data.get('id')}"
        try:
            yield _document(path, data)
        except (KeyError, TypeError, AttributeError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise ValueError(Errors.B360.format(path=path, place=place, reason=reason)) from error


def format_bioc(documents: Iterable[AnnotatedDocument]) -> str:
    """Write documents as BioC JSON, which `read_bioc` reads back.

    Args:
        documents: The documents. Mentions without an id of their own are numbered.

    Returns:
        The text of the file.
    """
    kinds = {kind: name for name, kind in _KINDS.items()}
    written = []
    for document in documents:
        passages: list[dict[str, Any]] = []
        offset = 0
        for passage in document.passages:
            infons = {"type": kinds.get(passage.kind, passage.kind)}
            empty: dict[str, Any] = {"annotations": [], "relations": [], "sentences": []}
            passages.append({"infons": infons, "offset": offset, "text": passage.text, **empty})
            offset += len(passage.text) + 1
        for number, mention in enumerate(document.mentions):
            # A mention over the space between two passages belongs to the first.
            home = next(passage for passage in reversed(passages) if passage["offset"] <= mention.start)
            pieces = mention.fragments or ((mention.start, mention.end),)
            ids = {} if mention.ids is None else {"identifier": mention.ids}
            home["annotations"].append(
                {
                    "id": mention.id or str(number),
                    "infons": {"type": mention.label, **ids},
                    "locations": [{"offset": start, "length": end - start} for start, end in pieces],
                    "text": " ".join(document.text[start:end] for start, end in pieces),
                }
            )
        relations = [
            {
                "id": f"R{number}",
                "infons": {"type": relation.label},
                "nodes": [{"refid": argument, "role": ""} for argument in relation.arguments],
            }
            for number, relation in enumerate(document.relations)
        ]
        written.append(
            {"id": document.id, "infons": {}, "passages": passages, "annotations": [], "relations": relations}
        )
    collection = {"source": "", "date": "", "key": "", "infons": {}, "documents": written}
    return json.dumps(collection, ensure_ascii=False, indent=1) + "\n"


def _document(path: Path, data: Mapping[str, Any]) -> AnnotatedDocument:
    """Make a document of what the file says of it."""
    name = str(data.get("id", ""))
    passages = [_passage(passage) for passage in data["passages"]]
    text = " ".join(passage.text for _, passage in passages)
    # Where each passage begins, in the file and here, and where it ends in the file.
    places: list[tuple[int, int, int]] = []
    here = 0
    for first, passage in passages:
        places.append((first, here, first + len(passage.text)))
        here += len(passage.text) + 1
    mentions: list[Mention] = []
    relations = [_relation(relation) for relation in data.get("relations", ())]
    for place, passage in zip(places, data["passages"], strict=True):
        for part in (passage, *passage.get("sentences", ())):
            mentions += _mentions(path, name, part, [place], text)
            relations += [_relation(relation) for relation in part.get("relations", ())]
    mentions += _mentions(path, name, data, places, text)
    kept = tuple(passage for _, passage in passages)
    return AnnotatedDocument(name, kept, tuple(mentions), tuple(relations), data.get(LINE, 0))


def _passage(data: Mapping[str, Any]) -> tuple[int, Passage]:
    """Read a passage and its offset; one given as sentences is put together, each in its place."""
    kind = str(data.get("infons", {}).get("type", "t"))
    offset = _number(data, "offset")
    text = data.get("text")
    if text is None:
        text = ""
        for sentence in data.get("sentences", ()):
            text = text.ljust(_number(sentence, "offset") - offset) + (sentence.get("text") or "")
    return offset, Passage(_KINDS.get(kind, re.sub(r"\W+", "_", kind)), text)


def _mentions(
    path: Path, name: str, data: Mapping[str, Any], places: list[tuple[int, int, int]], text: str
) -> Iterator[Mention]:
    """Read the annotations of a part of the document, which stand in one of its passages."""
    for annotation in data.get("annotations", ()):
        spans = [
            (_number(location, "offset"), _number(location, "offset") + _number(location, "length"))
            for location in annotation["locations"]
        ]
        if not spans:
            continue
        key = str(annotation.get("id", ""))
        place = f":{annotation[LINE]}" if LINE in annotation else f", document {name}"
        first, last = min(start for start, _ in spans), max(end for _, end in spans)
        inside = [passage for passage in places if passage[0] <= first and last <= passage[2]]
        if not inside or any(start >= end for start, end in spans):
            reach = {"first": places[0][0], "last": places[-1][2]}
            raise ValueError(Errors.B362.format(path=path, place=place, id=key, start=first, end=last, **reach))
        shift = inside[0][1] - inside[0][0]
        pieces = tuple((start + shift, end + shift) for start, end in spans)
        found = " ".join(text[start:end] for start, end in pieces)
        written = annotation.get("text") or found
        start, end = first + shift, last + shift
        if not found.strip() or not (same_words(written, found) or same_words(written, text[start:end])):
            offsets = ", ".join(f"{start}-{end}" for start, end in spans)
            message = Errors.B363.format(path=path, place=place, id=key, offsets=offsets, written=written, found=found)
            raise ValueError(message)
        infons = annotation.get("infons", {})
        label = str(infons.get("type") or "").strip()
        if not label:
            raise ValueError(Errors.B361.format(path=path, place=place, what=f"the annotation {key} has no type"))
        fragments = pieces if len(pieces) > 1 else ()
        yield Mention(start, end, text[start:end], label, _concepts(infons), id=key, fragments=fragments)


def _number(data: Mapping[str, Any], name: str) -> int:
    """Read a count of characters, which XML has as text."""
    value = str(data[name]).strip()
    if not re.fullmatch("[0-9]+", value):
        raise TypeError(f"the {name} {value!r} is no number")
    return int(value)


def _concepts(infons: Mapping[str, Any]) -> str | None:
    """Find the concept ids among what is said of an annotation."""
    found: list[str] = []
    for key, value in infons.items():
        vocabulary = _CONCEPTS.get(key.lower())
        if vocabulary is None or value is None or not str(value).strip():
            continue
        parts = _SEPARATORS.split(str(value).strip())
        found.append("".join(_with_vocabulary(part, vocabulary) for part in parts))
    return "|".join(found) or None


def _with_vocabulary(part: str, vocabulary: str) -> str:
    """Put the vocabulary before an identifier that has none."""
    named = not vocabulary or ":" in part or not part[:1].isalnum()
    return part if named else f"{vocabulary}:{part}"


def _relation(data: Mapping[str, Any]) -> Relation:
    """Read a relation: between annotations, or, where it has no nodes, between the concepts that its infons name."""
    infons = data.get("infons", {})
    label = str(infons.get("type") or infons.get("relation") or "")
    nodes = tuple(str(node["refid"]) for node in data.get("nodes", ()))
    return Relation(label, nodes or tuple(str(value) for key, value in infons.items() if key not in _UNLABELLED))
