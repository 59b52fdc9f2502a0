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
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

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

COLLECTION = ('{"source": "", "date": "", "key": "", "infons": {}, "documents": [\n', ",\n", "\n]}\n")
"""What a file of BioC JSON has before its documents, between them, and behind them."""


class _Place(NamedTuple):
    """Where a passage lies.

    Attributes:
        first: Where it begins in the offsets that are known.
        other: Where it begins in those that are wanted.
        last: Where it ends in those that are known.
    """

    first: int
    other: int
    last: int

    def holds(self, start: int, end: int) -> bool:
        """Whether a stretch of text lies within it."""
        return self.first <= start and end <= self.last


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


def format_bioc(document: AnnotatedDocument) -> str:
    """Write a document as BioC JSON has it, which `read_bioc` reads back, in a `COLLECTION` or by itself.

    Args:
        document: The document. Passages begin where the file that it was read from says. Mentions without an id of
            their own are numbered; those that no passage holds whole are annotations of the document.

    Returns:
        One line, without its end.
    """
    kinds = {kind: name for name, kind in _KINDS.items()}
    passages: list[dict[str, Any]] = []
    places: list[_Place] = []
    whole: list[dict[str, Any]] = []
    text, here = document.text, 0
    for passage in document.passages:
        offset = here if passage.offset is None else passage.offset
        infons = {"type": kinds.get(passage.kind, passage.kind)} if passage.kind else {}
        empty: dict[str, Any] = {"annotations": [], "relations": [], "sentences": []}
        passages.append({"infons": infons, "offset": offset, "text": passage.text, **empty})
        places.append(_Place(here, offset, here + len(passage.text)))
        here += len(passage.text) + 1
    taken = {mention.id for mention in document.mentions}
    free = (str(number) for number in count() if str(number) not in taken)
    for mention in document.mentions:
        pieces = mention.fragments or ((mention.start, mention.end),)
        found = [moved for piece in pieces if (moved := _moved(places, *piece))]
        ids = {} if mention.ids is None else {"identifier": mention.ids}
        annotation = {
            "id": mention.id or next(free),
            "infons": {"type": mention.label, **ids},
            "locations": [{"offset": start, "length": end - start} for start, end in found],
            "text": " ".join(text[start:end] for start, end in pieces),
        }
        holding = [i for i, place in enumerate(places) if place.holds(mention.start, mention.end)]
        (passages[holding[0]]["annotations"] if holding else whole).append(annotation)
    relations = [
        {
            "id": f"R{number}",
            "infons": {"type": relation.label},
            "nodes": [{"refid": argument, "role": ""} for argument in relation.arguments],
        }
        for number, relation in enumerate(document.relations)
    ]
    written = {"id": document.id, "infons": {}, "passages": passages, "annotations": whole, "relations": relations}
    return json.dumps(written, ensure_ascii=False)


def _document(path: Path, data: Mapping[str, Any]) -> AnnotatedDocument:
    """Make a document of what the file says of it."""
    name = str(data.get("id", ""))
    passages = [_passage(passage) for passage in data["passages"]]
    text = " ".join(passage.text for passage in passages)
    places: list[_Place] = []
    here = 0
    for passage in passages:
        first = passage.offset or 0
        places.append(_Place(first, here, first + len(passage.text)))
        here += len(passage.text) + 1
    mentions: list[Mention] = []
    relations = [_relation(relation) for relation in data.get("relations", ())]
    for place, passage in zip(places, data["passages"], strict=True):
        for part in (passage, *passage.get("sentences", ())):
            mentions += _mentions(path, name, part, [place], text)
            relations += [_relation(relation) for relation in part.get("relations", ())]
    mentions += _mentions(path, name, data, places, text)
    return AnnotatedDocument(name, tuple(passages), tuple(mentions), tuple(relations), data.get(LINE, 0))


def _passage(data: Mapping[str, Any]) -> Passage:
    """Read a passage; one given as sentences is put together, each in its place."""
    kind = str(data.get("infons", {}).get("type", ""))
    offset = _number(data, "offset")
    text = data.get("text")
    if text is None:
        text = ""
        for sentence in data.get("sentences", ()):
            text = text.ljust(_number(sentence, "offset") - offset) + (sentence.get("text") or "")
    return Passage(_KINDS.get(kind, kind), text, offset)


def _mentions(path: Path, name: str, data: Mapping[str, Any], places: list[_Place], text: str) -> Iterator[Mention]:
    """Read the annotations of a part of the document, which stand in the passages that lie at these places."""
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
        pieces = tuple(moved for span in spans if (moved := _moved(places, *span)))
        if len(pieces) < len(spans):
            reach = {"first": places[0].first, "last": places[-1].last}
            raise ValueError(Errors.B362.format(path=path, place=place, id=key, start=first, end=last, **reach))
        found = " ".join(text[start:end] for start, end in pieces)
        written = annotation.get("text") or found
        start, end = min(start for start, _ in pieces), max(end for _, end in pieces)
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


def _moved(places: list[_Place], start: int, end: int) -> tuple[int, int] | None:
    """Find where a stretch of text lies in the other offsets, or None where it is empty, or outside all passages.

    One that reaches over the end of a passage, as only those of whole documents may, ends in another.
    """
    for place in places:
        if place.holds(start, end) and start < end:
            return start - place.first + place.other, end - place.first + place.other
    starts = [start - place.first + place.other for place in places if place.holds(start, start)]
    ends = [end - place.first + place.other for place in places if place.holds(end, end)]
    return (starts[-1], ends[0]) if starts and ends and starts[-1] < ends[0] else None


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
