"""Mentions of several concepts at once: "breast and ovarian cancer" can be read as two mentions, or as one.

What words share in a coordination, its grammar does not say: "colon, breast and ovarian cancer" shares the last word,
"cancer of the breast and ovary" the first ones, "deafness and goitre" none. So all readings are made, and what the
knowledge base knows decides between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

MAX_CONJUNCTS = 5
"""A mention with more is an enumeration that no reading will get right."""

MAX_SHARED_WORDS = 4

_CONJUNCTION = re.compile(r"\s*,?\s+(?:and/or|and|or|as well as)\s+|\s*,\s+|\s*/\s*", re.IGNORECASE)
_SIGN = re.compile(r"\s(?:and|or|and/or|as)\s|,\s|/", re.IGNORECASE)
# "both breast and ovarian cancer", "and some other cancers"
_FILLER = re.compile(r"^(?:both|either|(?:some\s+)?other|the)\s+", re.IGNORECASE)

Reading = tuple[str, ...]


def composite_readings(mention: str) -> list[Reading]:
    """Return the ways in which a mention can be read as several.

    Args:
        mention: The mention's text, abbreviations written out.

    Returns:
        The texts of the parts of each reading, at least two; nothing for a mention without "and", "or", comma or slash.
        The reading in which nothing is shared comes first.
    """
    if not _SIGN.search(mention):
        return []
    written = [part.strip() for part in _CONJUNCTION.split(mention.strip())]
    conjuncts = [_FILLER.sub("", part) for part in written]
    if not 2 <= len(conjuncts) <= MAX_CONJUNCTS or not all(conjuncts):
        return []
    # "colon and some other cancers": all that the last one says is shared.
    whole = written[-1] != conjuncts[-1]
    return list(dict.fromkeys([tuple(conjuncts), *_shared_end(conjuncts, whole), *_shared_start(conjuncts)]))


def _shared_end(conjuncts: Sequence[str], whole: bool) -> Iterator[Reading]:
    """Give the last words of the last conjunct to all others, or the whole of it, too."""
    words = conjuncts[-1].split()
    for n_shared in range(1, min(len(words) + whole, MAX_SHARED_WORDS + 1)):
        shared = " ".join(words[-n_shared:])
        yield (*(f"{conjunct} {shared}" for conjunct in conjuncts[:-1]), conjuncts[-1])


def _shared_start(conjuncts: Sequence[str]) -> Iterator[Reading]:
    """Give the first words of the first conjunct to all others."""
    words = conjuncts[0].split()
    for n_shared in range(1, min(len(words), MAX_SHARED_WORDS + 1)):
        shared = " ".join(words[:n_shared])
        yield (conjuncts[0], *(f"{shared} {conjunct}" for conjunct in conjuncts[1:]))
