"""Sentences with one token a line and a tag in the last column: CoNLL, IOB, IOBES and BILUO files.

The tag schemes need not be told apart. Each tag says whether its token opens, continues or closes a mention, and a
continuing tag with nothing to continue opens one, which is both how IOB1 writes mentions and how ``conlleval``, the
scorer of the CoNLL shared tasks, reads sequences that are not valid in IOB2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import Errors
from ..text_files import numbered_lines

_TAG = re.compile(r"O|([BIMELSU])(?:-(\S+))?")
_OPENS, _CONTINUES, _CLOSES = "BSU", "IMEL", "ESLU"
# CoNLL's own mark, and the one of JNLPBA, which carries the abstract's number.
_DOCUMENT_MARKS = ("-DOCSTART-", "###MEDLINE:")
_BLANKS = re.compile(r"[ \t]+")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A tokenized sentence with its mentions.

    Attributes:
        words: The tokens.
        spans: Mentions as (first token, token after the last, label), in order, never overlapping.
        starts_document: Whether a mark of a new document stands before the sentence.
        line: The line of the first token, from 1; not part of the sentence's identity.
    """

    words: tuple[str, ...]
    spans: tuple[tuple[int, int, str], ...] = ()
    starts_document: bool = False
    line: int = field(default=0, compare=False)


def read_iob(path: Path, *, default_label: str | None = None, strict: bool = False) -> Iterator[Sentence]:
    """Read a file of one token a line, columns separated by tabs, or by blanks where a line has no tab.

    The token is the first column and its tag the last. A blank line ends a sentence; a line that starts with
    ``-DOCSTART-`` or ``###MEDLINE:`` also starts a document.

    Args:
        path: The file, in UTF-8.
        default_label: The label of tags that name none (``B`` instead of ``B-Disease``).
        strict: Refuse a mention that does not open with a B, S or U tag, as IOB2, IOBES and BILUO demand, instead of
            reading it as ``conlleval`` does.

    Yields:
        The sentences, in order.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is not UTF-8, lacks a column or has a tag of no known scheme, or, where `strict`, a mention
            does not open as it must. The message names the file and the line.
    """
    words: list[str] = []
    tags: list[tuple[str, str]] = []
    first = 0
    starts_document = False
    for number, line in numbered_lines(path):
        marked = line.startswith(_DOCUMENT_MARKS)
        if line.strip() and not marked:
            word, tag = _parse_line(path, number, line, default_label)
            if strict and _opens(tag, tags[-1] if tags else None) and tag[0] not in _OPENS:
                raise ValueError(Errors.B306.format(path=path, line=number, tag="-".join(tag), word=word))
            first = first or number
            words.append(word)
            tags.append(tag)
            continue
        if words:
            yield Sentence(tuple(words), _spans(tags), starts_document, first)
            words, tags, first, starts_document = [], [], 0, False
        starts_document = starts_document or marked
    if words:
        yield Sentence(tuple(words), _spans(tags), starts_document, first)


def _parse_line(path: Path, number: int, line: str, default_label: str | None) -> tuple[str, tuple[str, str]]:
    """Split a line into its token and its tag's (prefix, label)."""
    stripped = line.rstrip(" \t")
    columns = stripped.split("\t") if "\t" in stripped else _BLANKS.split(stripped.strip(" "))
    word, tag = columns[0], columns[-1].strip()
    if len(columns) < 2 or not word.strip(" "):
        raise ValueError(Errors.B303.format(path=path, line=number, content=line))
    match = _TAG.fullmatch(tag)
    if match is None:
        raise ValueError(Errors.B304.format(path=path, line=number, tag=tag, word=word))
    prefix, label = match[1] or "O", match[2] or ""
    if prefix != "O" and not label:
        if default_label is None:
            raise ValueError(Errors.B305.format(path=path, line=number, tag=tag, word=word))
        label = default_label
    return word, (prefix, label)


def _opens(tag: tuple[str, str], previous: tuple[str, str] | None) -> bool:
    """Whether a tag is the first of a mention, whatever its scheme."""
    prefix, label = tag
    if prefix not in _CONTINUES:
        return prefix in _OPENS
    return previous is None or previous[0] == "O" or previous[0] in _CLOSES or previous[1] != label


def _spans(tags: Sequence[tuple[str, str]]) -> tuple[tuple[int, int, str], ...]:
    """Read mentions off a sequence of tags."""
    spans: list[tuple[int, int, str]] = []
    previous: tuple[str, str] | None = None
    for i, tag in enumerate(tags):
        if _opens(tag, previous):
            spans.append((i, i + 1, tag[1]))
        elif tag[0] != "O":
            start, _, label = spans[-1]
            spans[-1] = (start, i + 1, label)
        previous = tag
    return tuple(spans)
