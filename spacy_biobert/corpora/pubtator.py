"""PubTator files: abstracts with mentions at character offsets, their concept ids, and relations between concepts.

    10192393|t|A common human skin tumour is caused by activating mutations in beta-catenin.
    10192393|a|WNT signalling orchestrates a number of developmental programs. …
    10192393	15	26	skin tumour	DiseaseClass	D012878
    227508	CID	D003000	D007022

Nothing here knows of spaCy: a file becomes documents that say what it says, and documents become a file again. What a
file's concept ids mean is settled in `concept_ids`, how its mentions sit on tokens in `documents`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import Errors
from ..text_files import numbered_lines
from .annotations import AnnotatedDocument, Mention, Passage, Relation

_PASSAGE = re.compile(r"([^|\t]+)\|(\w+)\|(.*)", re.DOTALL)
_OFFSET = re.compile(r"[0-9]+")
_RELATION_TYPE = re.compile(r"[^\W\d].*", re.DOTALL)
# What would break a line or a column, here or in tools that split at every line separator of Unicode.
_BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
_NO_NAME = re.compile(rf"\||{_BREAKS.pattern}")


def read_pubtator(path: Path) -> Iterator[AnnotatedDocument]:
    """Read a PubTator file, a document at a time.

    A document starts at a title, or at a passage with another id than the one before; blank lines mean nothing. Every
    mention is compared with the text at its offsets, white space at either end aside.

    Args:
        path: The file, in UTF-8.

    Yields:
        The documents, in order, with nothing left out.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is not UTF-8, has no known form, belongs to no document, or contradicts the text. The message
            names the file and the line.
    """
    document_id: str | None = None
    passages: list[Passage] = []
    annotations: list[tuple[int, list[str]]] = []
    first = 0
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        if match := _PASSAGE.fullmatch(line):
            passage = Passage(match[2], match[3])
            if match[1] != document_id or passage.kind == "t":
                if document_id is not None:
                    yield _document(path, first, document_id, passages, annotations)
                document_id, passages, annotations, first = match[1], [], [], number
            passages.append(passage)
            continue
        columns = line.split("\t")
        if len(columns) == 1:
            raise ValueError(Errors.B310.format(path=path, line=number, content=line[:80]))
        if columns[0] != document_id:
            above = "no document" if document_id is None else document_id
            raise ValueError(Errors.B311.format(path=path, line=number, id=columns[0], document=above))
        annotations.append((number, columns))
    if document_id is not None:
        yield _document(path, first, document_id, passages, annotations)


def format_pubtator(document: AnnotatedDocument) -> str:
    """Write a document in PubTator's format, which `read_pubtator` reads back.

    Args:
        document: The document. Its first passage becomes the title and all others the abstract, since the format has
            only these two. Tabs and line breaks, which it cannot hold, are written as spaces: offsets stay as they are.

    Returns:
        The document's lines, and a blank one.
    """
    name = _NO_NAME.sub("_", document.id).strip() or "_"
    texts = [_BREAKS.sub(" ", passage.text) for passage in document.passages] or [""]
    lines = [f"{name}|t|{texts[0]}", f"{name}|a|{' '.join(texts[1:])}"]
    for mention in document.mentions:
        ids = () if mention.ids is None else (mention.ids,)
        text = _BREAKS.sub(" ", mention.text)
        lines.append("\t".join((name, str(mention.start), str(mention.end), text, mention.label, *ids, *mention.extra)))
    lines += ["\t".join((name, relation.label, *relation.arguments)) for relation in document.relations]
    return "".join(f"{line}\n" for line in (*lines, ""))


def _document(
    path: Path, first: int, document_id: str, passages: list[Passage], annotations: list[tuple[int, list[str]]]
) -> AnnotatedDocument:
    """Put a document together and check its annotations against its text."""
    document = AnnotatedDocument(document_id, tuple(passages), line=first)
    text = document.text
    mentions: list[Mention] = []
    relations: list[Relation] = []
    for number, columns in annotations:
        if _OFFSET.fullmatch(columns[1]):
            mentions.append(_mention(path, number, columns, text))
        elif _RELATION_TYPE.fullmatch(columns[1]) and len(columns) >= 3:
            relations.append(Relation(columns[1], tuple(columns[2:])))
        else:
            raise ValueError(Errors.B310.format(path=path, line=number, content="\t".join(columns)[:80]))
    return AnnotatedDocument(document_id, tuple(passages), tuple(mentions), tuple(relations), first)


def _mention(path: Path, number: int, columns: list[str], text: str) -> Mention:
    """Read a mention and check it against the document's text."""
    if len(columns) < 5 or not _OFFSET.fullmatch(columns[2]):
        raise ValueError(Errors.B312.format(path=path, line=number, n=len(columns), content="\t".join(columns)[:80]))
    start, end = int(columns[1]), int(columns[2])
    written, label = columns[3], columns[4].strip()
    if not 0 <= start < end <= len(text):
        raise ValueError(Errors.B313.format(path=path, line=number, start=start, end=end, length=len(text)))
    found = text[start:end]
    if found.strip() != written.strip() or not found.strip():
        raise ValueError(Errors.B314.format(path=path, line=number, start=start, end=end, written=written, found=found))
    if not label:
        raise ValueError(Errors.B315.format(path=path, line=number, mention=found))
    return Mention(start, end, found, label, columns[5] if len(columns) > 5 else None, tuple(columns[6:]))
