"""BRAT's standoff files: a folder of texts (``7.txt``), each with its annotations beside it (``7.ann``).

    T1	Disease 0 6;18 24	breast cancer
    N1	Reference T1 MESH:D001943	Breast Neoplasms
    #1	AnnotatorNotes T1	MESH:D001943
    R1	Causes Arg1:T2 Arg2:T1

Mentions are the T lines, triggers of events among them. Concept ids are the N lines, and those notes that hold nothing
but concept ids with their vocabulary, or UMLS's, or one and its name. Relations between mentions are the R lines.
Events (E), attributes (A, M), equivalences (*) and all other notes say nothing of entities, and are passed over.
(Stenetorp et al., 2012; described at https://brat.nlplab.org/standoff.html.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import Errors
from ..identifiers import NIL, known_prefix
from ..text_files import numbered_lines, whole_text
from .annotations import AnnotatedDocument, Mention, Passage, Relation, same_words
from .concept_ids import parse_concept_ids

_MENTION = re.compile(r"(\S+) ([0-9]+ [0-9]+(?:;[0-9]+ [0-9]+)*)")
_REFERENCE = re.compile(r"\S+ ([A-Z]\S+) (\S+)")
_NOTE = re.compile(r"\S+ (T\S+)")
_RELATION = re.compile(r"(\S+)((?: \S+:\S+)+)")
_PASSED_OVER = ("E", "A", "M", "*", "#")
_ID = r"(?:[A-Za-z][\w.-]*:[\w.:-]*[0-9][\w.-]*|C[0-9]{7})"
# "MESH:D001943", or several: a note is free text, and only what can be nothing else is taken for concept ids.
_IDS = re.compile(rf"{_ID}(?:(?:\s*[|,;]\s*|\s+){_ID})*")
# "UMLS:C0006142 breast cancer".
_NAMED = re.compile(rf"(([A-Za-z][\w.-]*):[\w.:-]*[0-9][\w.-]*)\s+(?!.*{_ID})\S.*", re.DOTALL)
_BREAKS = re.compile(r"[\t\n\r]")
# A point at the beginning hides a file.
_NO_FILE_NAME = re.compile(r"^\.|[^\w.-]")
_LONGEST = 200
"""Bytes of a file's name; file systems hold 255."""


def read_brat(folder: Path) -> Iterator[AnnotatedDocument]:
    """Read a folder of BRAT's files, in the order of their names; folders in it are not looked into.

    Offsets count the characters of the text as it is stored, line breaks and all. A mention of several pieces
    becomes the stretch that covers them, with the pieces in `Mention.fragments`.

    Args:
        folder: The folder.

    Yields:
        The documents; their ids are the names of the files.

    Raises:
        FileNotFoundError: There is no such folder, or a text has no annotations beside it, or these no text.
        ValueError: A line is not UTF-8, has no known form, names a mention that is not there, or contradicts the text.
            The message names the file and the line.
    """
    if not folder.is_dir():
        raise FileNotFoundError(Errors.B343.format(path=folder))
    for stem in sorted({path.stem for path in folder.iterdir() if path.suffix in (".txt", ".ann")}):
        text_path, path = folder / f"{stem}.txt", folder / f"{stem}.ann"
        for present, absent in ((path, text_path), (text_path, path)):
            if not absent.is_file():
                raise FileNotFoundError(Errors.B344.format(path=present, absent=absent.name))
        yield _document(path, stem, whole_text(text_path))


def format_brat(document: AnnotatedDocument) -> tuple[str, str]:
    """Write a document in BRAT's format, which `read_brat` reads back.

    Args:
        document: The document. Mentions keep their own ids where all have different ones of BRAT's form (``T1``), and
            are numbered otherwise. White space in labels, which the format cannot hold, is written as "_".

    Returns:
        The content of the .txt and of the .ann file.
    """
    text = document.text
    names = [mention.id for mention in document.mentions]
    renamed: dict[str, str] = {}
    if len(set(names)) < len(names) or not all(re.fullmatch(r"T\w+", name) for name in names):
        names = [f"T{number}" for number in range(1, len(names) + 1)]
        renamed = {mention.id: name for mention, name in zip(document.mentions, names, strict=True) if mention.id}
    lines: list[str] = []
    references: list[str] = []
    for name, mention in zip(names, document.mentions, strict=True):
        pieces = mention.fragments or ((mention.start, mention.end),)
        offsets = ";".join(f"{start} {end}" for start, end in pieces)
        written = " ".join(_BREAKS.sub(" ", text[start:end]) for start, end in pieces)
        label = re.sub(r"\s", "_", mention.label)
        lines.append(f"{name}\t{label} {offsets}\t{written}")
        references += [f"{name} {curie}" for curie in parse_concept_ids(mention.ids) if curie != NIL]
    lines += [f"N{number}\tReference {reference}\t" for number, reference in enumerate(references, 1)]
    for number, relation in enumerate(document.relations, 1):
        called = [renamed.get(argument, argument) for argument in relation.arguments]
        arguments = " ".join(f"Arg{i}:{argument}" for i, argument in enumerate(called, 1))
        lines.append(f"R{number}\t{relation.label} {arguments}\t")
    return text, "".join(f"{line}\n" for line in lines)


def write_brat(folder: Path, document: AnnotatedDocument, number: int) -> None:
    """Write a document's two files.

    Args:
        folder: A folder of nothing else.
        document: The document. The files are called as it is, without ``.txt`` at the end and with "_" for what names
            of files cannot hold.
        number: Its number, which is put behind the name where another document has the same.
    """
    name = _NO_FILE_NAME.sub("_", re.sub(r"\.txt$", "", document.id, flags=re.IGNORECASE)) or "_"
    name = name.encode()[:_LONGEST].decode(errors="ignore")
    while (folder / f"{name}.txt").exists():
        name = f"{name}-{number}"
    for suffix, content in zip((".txt", ".ann"), format_brat(document), strict=True):
        # Line breaks as they are: they count in offsets.
        (folder / f"{name}{suffix}").write_text(content, encoding="utf-8", newline="")


def _document(path: Path, name: str, text: str) -> AnnotatedDocument:
    """Read the annotations of a text."""
    mentions: dict[str, Mention] = {}
    ids: dict[str, list[str]] = {}
    named: list[tuple[int, str]] = []
    relations: list[Relation] = []
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        key, _, rest = line.partition("\t")
        body, _, written = rest.partition("\t")
        if key.startswith("T") and (match := _MENTION.fullmatch(body)):
            if key in mentions:
                raise ValueError(Errors.B346.format(path=path, line=number, id=key))
            mentions[key] = _mention(path, number, key, match, written, text)
        elif key.startswith("N") and (match := _REFERENCE.fullmatch(body)):
            if match[1].startswith("T"):  # an event's says nothing of mentions
                named.append((number, match[1]))
                ids.setdefault(match[1], []).append(match[2])
        elif key.startswith("R") and (match := _RELATION.fullmatch(body.rstrip(" "))):
            arguments = [pair.partition(":")[2] for pair in match[2].split()]
            named += [(number, argument) for argument in arguments if argument.startswith("T")]
            relations.append(Relation(match[1], tuple(arguments)))
        elif key.startswith("#") and (match := _NOTE.fullmatch(body)) and (noted := _noted_ids(written.strip())):
            named.append((number, match[1]))
            ids.setdefault(match[1], []).append(noted)
        elif not (key.startswith(_PASSED_OVER) and rest):
            raise ValueError(Errors.B345.format(path=path, line=number, content=line[:80]))
    for number, key in named:
        if key not in mentions:
            raise ValueError(Errors.B347.format(path=path, line=number, id=key))
    found = tuple(
        Mention(
            mention.start,
            mention.end,
            mention.text,
            mention.label,
            "|".join(ids[key]) if key in ids else None,
            id=key,
            fragments=mention.fragments,
        )
        for key, mention in mentions.items()
    )
    # The text is one passage: that its first line is a title, the format does not say.
    return AnnotatedDocument(name, (Passage("t", text),), found, tuple(relations), 1)


def _noted_ids(note: str) -> str | None:
    """Return the concept ids that a note gives: by themselves, or one of a known vocabulary with its name behind it."""
    if _IDS.fullmatch(note):
        return note
    named = _NAMED.fullmatch(note)
    return named[1] if named and known_prefix(named[2]) else None


def _mention(path: Path, number: int, key: str, match: re.Match[str], written: str, text: str) -> Mention:
    """Read a T line and check it against the text."""
    numbers = [int(offset) for offset in re.split("[ ;]", match[2])]
    pieces = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    for start, end in pieces:
        if not 0 <= start < end <= len(text):
            raise ValueError(Errors.B348.format(path=path, line=number, start=start, end=end, length=len(text)))
    found = " ".join(text[start:end] for start, end in pieces)
    if not same_words(written, found) or not found.strip():
        offsets = match[2].replace(" ", "-")
        raise ValueError(Errors.B349.format(path=path, line=number, offsets=offsets, written=written, found=found))
    start, end = min(start for start, _ in pieces), max(end for _, end in pieces)
    return Mention(start, end, text[start:end], match[1], id=key, fragments=pieces if len(pieces) > 1 else ())
