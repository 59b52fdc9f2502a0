"""PubMed's XML: the citations of its yearly baseline, of its daily updates, and of E-utilities' `efetch`.

    <PubmedArticle><MedlineCitation><PMID>8701013</PMID><Article><ArticleTitle>Famotidine and delirium.</ArticleTitle>
      <Abstract><AbstractText Label="METHODS">Chart review.</AbstractText></Abstract></Article></MedlineCitation>

(https://www.nlm.nih.gov/bsd/licensee/elements_descriptions.html.) A citation's text is its title and its abstract,
joined by a space; parts of an abstract that have a label begin with it, "METHODS: Chart review.", as PubMed shows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from ..errors import Errors
from ..text_files import opened
from .annotations import AnnotatedDocument, Passage

_CITATION = "MedlineCitation"
_BOOK = "BookDocument"
"""A chapter, such as GeneReviews' and StatPearls'."""


def read_pubmed(path: Path) -> Iterator[AnnotatedDocument]:
    """Read the citations of a PubMed XML file, plain or gzipped, one at a time.

    Args:
        path: The file.

    Yields:
        Documents without mentions; their ids are PubMed's. An abstract may be empty.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no XML, or has no citation.
    """
    found = False
    with opened(path) as file:
        try:
            for _, element in ElementTree.iterparse(file):
                if element.tag in (_CITATION, _BOOK):
                    found = True
                    within = "Article/" if element.tag == _CITATION else ""
                    title = _text(element.find(f"{within}ArticleTitle")) or _text(element.find("Book/BookTitle"))
                    parts = element.findall(f"{within}Abstract/AbstractText")
                    abstract = " ".join(filter(None, map(_labelled, parts)))
                    yield AnnotatedDocument(
                        element.findtext("PMID", "").strip(), (Passage("t", title), Passage("a", abstract)), ()
                    )
                if element.tag in (_CITATION, _BOOK, "PubmedArticle", "PubmedBookArticle"):
                    element.clear()  # a file of the baseline holds 30,000
        except ElementTree.ParseError as error:
            raise ValueError(Errors.B369.format(path=path, reason=error)) from error
    if not found:
        raise ValueError(Errors.B369.format(path=path, reason=f"there is no <{_CITATION}> in it"))


def _labelled(part: ElementTree.Element) -> str:
    """Return a part of an abstract, with its label before it."""
    text, label = _text(part), part.get("Label", "")
    return f"{label}: {text}" if label and text else text


def _text(element: ElementTree.Element | None) -> str:
    """Return the text of an element and of all in it, such as <i> and <sup>, on one line."""
    return " ".join("".join(element.itertext()).split()) if element is not None else ""
