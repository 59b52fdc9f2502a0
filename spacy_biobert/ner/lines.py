"""Where the lines of a text end what they say, so that no mention goes on behind them.

A line's end in a note is either a place where prose was wrapped, and "colorectal⏎cancer" is one mention, or it ends an
item: of a list, a heading, a table. It is taken to end one

- where an empty line follows;
- where the next line begins as an item does, with a bullet or a number;
- where the next line begins with a capital, and its first word would have had room behind the line: so nobody wraps.
"""

from __future__ import annotations

import re

import numpy as np
from spacy.tokens import Doc

_ITEM = re.compile(r"[ \t]*(?:[-*•·\u2013\u2014+>]|\(?[0-9]{1,3}[.):])\s")
_WORD = re.compile(r"[ \t]*(\S+)")
_WIDTH = 40
"""Characters of the shortest lines that prose is wrapped to."""


def starts_after_lines(doc: Doc) -> list[int]:
    """Return the places of the tokens that follow a line which ends what it says."""
    spaces = np.flatnonzero(doc.to_array("IS_SPACE")).tolist()
    if not any("\n" in doc[i].text for i in spaces):
        return []
    text = doc.text
    width = max(_WIDTH, *map(len, text.split("\n")))
    starts, n_lines, last = [], 0, -1
    for i in spaces:
        breaks = doc[i].text.count("\n")
        n_lines = breaks + (n_lines if i == last + 1 else 0)
        last = i
        if n_lines > 1 or (breaks and _ends(text, doc[i].idx, doc[i].idx + len(doc[i]), width)):
            starts.append(i + 1)
    return starts


def _ends(text: str, start: int, end: int, width: int) -> bool:
    """Tell whether a line ends what it says.

    Args:
        text: The whole text.
        start: Where the white space begins that ends the line.
        end: Where it ends.
        width: Characters of the longest line.
    """
    if _ITEM.match(text, end):
        return True
    word = _WORD.match(text, end)
    line = start - (text.rfind("\n", 0, start) + 1)
    return word is not None and word[1][0].isupper() and line + 1 + len(word[1]) <= width
