"""How a corpus, or a file of texts, is written, told by how it begins: the same for what is converted and annotated."""

from __future__ import annotations

import re
from pathlib import Path

from ..text_files import opened

_PUBTATOR = re.compile(r"[^|\t\r\n]+\|[ta]\|")
_PUBMED = re.compile(r"<(?:PubmedArticle|PubmedBookArticle|MedlineCitation|BookDocument)")
"""Of a set, of one article, or of a citation by itself."""
_XML = re.compile(r"<(?:\?xml|!DOCTYPE|!--|(?:collection|article|pmc-articleset|TEI|html)\b)")
"""BioC, or what its reader refuses by name."""
# A brace with something else behind it may be a token with its tag, or a text.
_JSON = re.compile(r"(?:\[\s*)*\{\s*\"")
_BIOC = re.compile(r"\"(?:documents|passages|PubTator3)\"\s*:\s*\[")
_HEAD = 1 << 16
"""Bytes of a file in which its format is looked for."""


def guess_format(path: Path) -> str:
    """Tell the format of a corpus or of a file of texts, plain or gzipped.

    Returns:
        "brat" for a folder; "pubtator", "bioc" or "pubmed" by the marks that these have; "json" for JSON that is no
        BioC, one value or one a line; "lines" for all else: plain texts, or tokens and their tags.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The gzipped file is damaged.
    """
    if path.is_dir():
        return "brat"
    with opened(path) as file:
        # Not by lines: all of a file may be one.
        return format_of(file.read(_HEAD))


def format_of(start: bytes) -> str:
    """Tell the format of what starts so, as `guess_format` does."""
    head = start.decode("utf-8-sig", errors="replace").lstrip()
    if _PUBTATOR.match(head):
        return "pubtator"
    if head.startswith("<") and _PUBMED.search(head):
        return "pubmed"
    if _XML.match(head):
        return "bioc"
    if _JSON.match(head):
        return "bioc" if _BIOC.search(head) else "json"
    return "lines"
