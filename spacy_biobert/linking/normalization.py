"""One spelling for names that differ in form only: what the index and the look-up share.

"Ataxia-Telangiectasias", "ataxia telangiectasia" and "TELANGIECTASIA, ATAXIA" have the same words; so have
"Thalassaemia, β, type II" and "beta thalassemia type 2".
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_GREEK = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "omicron", "pi", "rho", "sigma", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
)  # fmt: skip
# In the order of Unicode, from U+03B1; sigma has a second form, for the end of words.
_GREEK_TABLE = {ord("\N{GREEK SMALL LETTER ALPHA}") + i: f" {name} " for i, name in enumerate(_GREEK)}
# "i" to "xii", but "x": it is the chromosome (X-linked) more often than ten.
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8", "ix": "9"}
_ROMAN |= {"xi": "11", "xii": "12"}
_POSSESSIVE = re.compile(r"(?<=\w)['`\u2019]s(?!\w)")
_WORD = re.compile(r"[^\W_]+")


def name_words(text: str) -> tuple[str, ...]:
    """Split a name or a mention into normalised words.

    Case, accents, punctuation, possessive "'s", plurals, British spelling ("ae", "oe", "our"), roman numerals up to 12
    (but "x", as in X-linked) and Greek letters are evened out. The order of the words is kept.

    Args:
        text: Any text.

    Returns:
        The words, none where the text holds neither a letter nor a digit. The outcome depends on the text alone.
    """
    # Decomposed, and without the marks: "Sjögren" is "Sjogren", "\N{ROMAN NUMERAL TWO}" is "II".
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    if not decomposed.isascii():
        # Case folding can bring new marks: decompose again.
        decomposed = unicodedata.normalize("NFKD", decomposed)
        decomposed = "".join(character for character in decomposed if not unicodedata.combining(character))
        decomposed = decomposed.translate(_GREEK_TABLE)
    return tuple(_normalize_word(word) for word in _WORD.findall(_POSSESSIVE.sub("", decomposed)))


def normalize_name(text: str) -> str:
    """Normalise a name; names that are equal then differ in form only. See :func:`name_words`."""
    return " ".join(name_words(text))


@lru_cache(maxsize=65536)
def _normalize_word(word: str) -> str:
    if word in _ROMAN:
        return _ROMAN[word]
    return _american(_singular(word))


def _singular(word: str) -> str:
    """Take a plural's ending away; it need not be right as long as it is the same on both sides."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 5 and word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _american(word: str) -> str:
    """Bring British spelling to American: "haemophilia", "oedema", "tumour"."""
    word = word.replace("ae", "e").replace("oe", "e")
    return word.replace("our", "or") if len(word) > 4 else word
