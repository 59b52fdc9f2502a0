"""Where sentences start in biomedical prose, by rule.

Good enough to cut long documents into windows at sentence ends; no substitute for a parser.
"""

from __future__ import annotations

import re

# The escapes are the curly quotes, closing ones after a full stop and opening ones before a word.
_END = re.compile(r"""[.!?][)\]"'\u201d\u2019]*\s+(?=["'\u201c\u2018(\[]*[^\W_a-z])""")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'\u201c\u2018])"
    r"(?:al|approx|ca|cf|dr|e\.g|eqs?|figs?|i\.[empv]|incl|mrs?|ms|nos?|p\.o|prof|refs?|resp|s\.c|spp?|st|subsp|var|vs)$",
    re.IGNORECASE,
)
_WINDOW = len("approx") + 2
_BEFORE_DECIMALS = (*"0123456789", "=", "<", ">")


def sentence_starts(text: str) -> list[int]:
    """Find the offsets at which sentences start.

    A sentence ends with a full stop, question or exclamation mark, with any quotes and brackets that close after it,
    when white space and a capital letter or a digit follow and the word before is no common abbreviation; between
    digits it is taken for a decimal point.

    Args:
        text: A passage.

    Returns:
        Character offsets in ascending order; the first is that of the first character that is not white space, and an
        empty or blank text has none.
    """
    stripped = text.lstrip()
    if not stripped:
        return []
    starts = [len(text) - len(stripped)]
    for match in _END.finditer(text):
        # The window holds the longest abbreviation and what stands before it.
        before = text[max(0, match.start() - _WINDOW) : match.start()]
        # NCBI-disease writes decimals with a blank: "P = 0. 05".
        inside_number = text[match.end()].isdigit() and before.endswith(_BEFORE_DECIMALS)
        if not inside_number and not _ABBREVIATION.search(before):
            starts.append(match.end())
    return starts
