"""Abbreviations that a text defines itself: "Wilson disease (WD)", found as Schwartz and Hearst do.

A. S. Schwartz and M. A. Hearst, *A simple algorithm for identifying abbreviation definitions in biomedical text*,
Pacific Symposium on Biocomputing 8 (2003), 451-462, https://psb.stanford.edu/psb-online/proceedings/psb03/schwartz.pdf

Added to the paper's algorithm: words whose initials are the letters of the short form are its long form, as in
"attenuated adenomatous polyposis coli (AAPC)", where the shortest match lacks the first word, and in another order, as
in "myotonic dystrophy (DM)". What a definition implies counts, too: "hyperparathyroidism-jaw tumor (HPT-JT)" defines
"HPT" and "JT", "multiple endocrine neoplasia (MEN)" also "MEN2", and "retinal dystrophies (RDs)" also "RD". And
"colorectal carcinoma (CRC)" is not "carcinoma", though that has all three letters: words before a single one belong to
it if each begins with a letter of the short form.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

MAX_SHORT_LENGTH = 10
"""Characters of the longest short form, as in the paper."""

_PARENTHESIS = re.compile(r"[(\[]([^()\[\]]{1,200})[)\]]")
_SENTENCE_END = re.compile(r"[.!?;]\s")
_WORD = re.compile(r"\S+")
_INITIAL = re.compile(r"(?<![^\W_])[^\W_]")
_JOINT = re.compile(r"[-/]")


class Abbreviations:
    """The abbreviations that a text defines.

    The first definition counts. Where the initials of other words are the letters of a short form that follows them in
    parentheses, "acute mountain illness (AMI)", it means these from there on.

    Args:
        text: A document.
    """

    def __init__(self, text: str) -> None:
        self._definitions = list(_definitions(text))
        # Where what a short form means changes; in most texts that is nowhere.
        self._changes: list[int] = []
        meant: dict[str, str] = {}
        for place, short, long_form, is_sure in self._definitions:
            if meant.setdefault(short, long_form).casefold() != long_form.casefold() and is_sure:
                meant[short] = long_form
                self._changes.append(place)
        self._changes.sort()
        self._long_forms: dict[int, dict[str, str]] = {}

    def at(self, place: int) -> Mapping[str, str]:
        """Return the long form of each short form at a place in the text, in characters.

        Args:
            place: Where a mention begins. What is defined behind it counts where nothing is defined before.
        """
        number = bisect_right(self._changes, place)
        if number not in self._long_forms:
            end = self._changes[number - 1] if number else -1
            changed = [definition for definition in self._definitions if definition[0] <= end and definition[3]]
            every = [*reversed(changed), *self._definitions]
            self._long_forms[number] = _long_forms((short, long_form) for _, short, long_form, _ in every)
        return self._long_forms[number]


def _long_forms(definitions: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the long form of each short form, the first where there are several, and of what definitions imply."""
    long_forms: dict[str, str] = {}
    implied: dict[str, str] = {}
    for short, long_form in definitions:
        long_forms.setdefault(short, long_form)
        for part, meaning in _implied(short, long_form):
            implied.setdefault(part, meaning)
    # What is defined counts before what is implied, wherever it stands.
    long_forms = {**implied, **long_forms}
    # "attenuated FAP (AFAP)": a long form may hold a short form that the text defines elsewhere.
    return {short: expand(long_form, long_forms) for short, long_form in long_forms.items()}


def expand(mention: str, long_forms: Mapping[str, str]) -> str:
    """Write out the short forms in a mention: "sporadic ALS" becomes "sporadic amyotrophic lateral sclerosis".

    Args:
        mention: The mention's text.
        long_forms: The long form of each short form, as :meth:`Abbreviations.at` returns them.

    Returns:
        The mention with each short form that stands as a word of its own replaced; the mention itself where none does.
    """
    if not long_forms:
        return mention
    if mention in long_forms:
        return long_forms[mention]
    # The longest first, so that "HD" does not break "HD-like 2"; one pass, so that nothing is replaced in what has
    # been written out.
    present = sorted((short for short in long_forms if short in mention), key=len, reverse=True)
    if not present:
        return mention
    alternatives = "|".join(re.escape(short) for short in present)
    # A mention that holds a definition, "von Hippel-Lindau (VHL) disease", needs the short form no more.
    mention = re.sub(rf"\s*[(\[](?:{alternatives})[)\]]", "", mention) or mention
    # "BCs" is a plural of "BC": only after a capital ("p53s" is none), and where "BCs" was not defined itself.
    pattern = re.compile(rf"(?<![^\W_])({alternatives})([0-9]*|(?<=[A-Z])s)(?![^\W_])([\s-]+\w+)?")
    return pattern.sub(lambda match: _written_out(long_forms[match[1]], match[2], match[3] or ""), mention)


def _written_out(long_form: str, ending: str, following: str) -> str:
    """Put a long form in the place of a short one: a number is a type, and "HPT-JT syndrome" is no syndrome twice."""
    if ending.isdigit():
        return f"{long_form} type {ending}{following}"
    return long_form if long_form.lower().endswith(following.lower()) else long_form + following


def _implied(short: str, long_form: str) -> Iterator[tuple[str, str]]:
    """Yield what else a definition defines: the singular of a plural, and the parts of "HPT-JT"."""
    if singular := _singular(short):
        yield singular, long_form
    joints = list(_JOINT.finditer(short))
    if len(joints) != 1:
        return
    first, last = short[: joints[0].start()], short[joints[0].end() :]
    of_last = _match(last, long_form) if last.isalpha() else None
    if of_last is None:
        return
    of_first = long_form[: len(long_form) - len(of_last)].strip(" -/")
    if _by_letters(first, of_first) and len(last) > 1 and last.isupper():
        # "jaw tumor syndrome" without the word that "JT" says nothing of.
        words = of_last.split()
        shorter = " ".join(words[:-1])
        yield last, shorter if len(words) > len(last) and _match(last, shorter) == shorter else of_last
        if len(first) > 1 and first.isupper():
            yield first, of_first


def _by_letters(short: str, long_form: str) -> bool:
    """Tell whether the letters of a short form stand in a long form in their order, the first at its beginning."""
    rest = iter(long_form.lower())
    return long_form[:1].lower() == short[:1].lower() and all(letter in rest for letter in short.lower())


def _definitions(text: str) -> Iterator[tuple[int, str, str, bool]]:
    """Yield where each short form stands, the short form and its long form, and whether its letters are initials.

    Both orders are looked for, "long (short)" and "short (long)"; in the second, nothing is taken for sure.
    """
    for parenthesis in _PARENTHESIS.finditer(text):
        # "(WD; MIM 277900)" and "(HD, see below)": the short form is what comes first.
        inner = re.split(r"[;,]\s|\bor\b", parenthesis.group(1), maxsplit=1)[0].strip()
        before = _clause_before(text, parenthesis.start())
        if _is_short_form(inner):
            window = _last_words(before, min(len(inner) + 5, 2 * len(inner)))
            # "hypertrophy of the retinal pigment epithelium (HRPEs)": the plural may be the short form's alone.
            for form in (inner, _singular(inner)):
                by_initials = _by_initials(form, window) if form else None
                long_form = form and (by_initials or _match(form, window))
                if long_form:
                    long_form = _with_words_before(form, long_form, window)
                    yield parenthesis.start(), inner, long_form, by_initials is not None and "," not in by_initials
                    break
            continue
        short = _last_words(before, 1)
        # The long form must be the whole parenthesis, or "FAP (adenomas of the colon and polyps)" matches.
        if _is_short_form(short) and _match(short, inner) == inner:
            yield text.rindex(short, 0, parenthesis.start()), short, inner, False


def _is_short_form(text: str) -> bool:
    """Tell whether a text can be a short form: 2 to 10 characters, one or two words, an upper-case letter in it."""
    return (
        2 <= len(text) <= MAX_SHORT_LENGTH
        and text[0].isalnum()
        and len(text.split()) <= 2
        and any(character.isupper() for character in text)
    )


def _singular(short: str) -> str:
    """Return the short form that a plural like "RDs" is of, "" where it is none."""
    return short[:-1] if len(short) > 2 and short[-1] == "s" and short[-2].isupper() else ""


def _clause_before(text: str, end: int) -> str:
    """Return what stands before a position, from the last end of a sentence on."""
    start = max(0, end - 300)
    ends = [match.end() for match in _SENTENCE_END.finditer(text, start, end)]
    return text[ends[-1] if ends else start : end].rstrip()


def _last_words(text: str, number: int) -> str:
    """Return the last words of a text, as they stand there."""
    words = list(_WORD.finditer(text))
    return text[words[-min(number, len(words))].start() :] if words else ""


def _by_initials(short: str, window: str) -> str | None:
    """Return the last words of ``window`` whose initials are the letters of ``short``, in whatever order."""
    letters = [character for character in short.lower() if character.isalnum()]
    words = list(_INITIAL.finditer(window))[-len(letters) :]
    initials = [word.group().lower() for word in words]
    if len(letters) < 2 or sorted(initials) != sorted(letters):
        return None
    return window[words[0].start() :]


def _match(short: str, window: str) -> str | None:
    """Find the shortest end of ``window`` that ``short`` abbreviates; None where there is none.

    From right to left each letter or digit of the short form must be found in the window, and the first at the
    beginning of a word.
    """
    position = len(window)
    for index in range(len(short) - 1, -1, -1):
        character = short[index].lower()
        if not character.isalnum():
            continue
        position -= 1
        while position >= 0 and (
            window[position].lower() != character or (index == 0 and position > 0 and window[position - 1].isalnum())
        ):
            position -= 1
        if position < 0:
            return None
    long_form = window[position:].strip()
    # A definition that is no longer than what it defines, or that contains it, defines nothing.
    if len(long_form) <= len(short) or short in long_form.split():
        return None
    return long_form


def _with_words_before(short: str, long_form: str, window: str) -> str:
    """Return a long form of a single word with the words before it, if all of them begin with a letter of ``short``."""
    letters = [character for character in short.lower() if character.isalnum()]
    if len(_WORD.findall(long_form)) > 1 or not window.endswith(long_form):
        return long_form
    words = list(_WORD.finditer(window))
    for number in range(2, min(len(letters), len(words)) + 1):
        some = words[-number:]
        if _begin_with_letters(letters, [word.group().lower() for word in some]):
            return window[some[0].start() :]
    return long_form


def _begin_with_letters(letters: Sequence[str], words: Sequence[str]) -> bool:
    """Tell whether letters stand in words in their order, one of them at the beginning of each word."""
    places = {(0, 1)} if words[0].startswith(letters[0]) else set()
    for letter in letters[1:]:
        inside = {(word, at + 1) for word, start in places for at in _places(words[word], letter, start)}
        next_word = {(word + 1, 1) for word, _ in places if words[word + 1 : word + 2] and words[word + 1][0] == letter}
        places = inside | next_word
    return any(word == len(words) - 1 for word, _ in places)


def _places(word: str, letter: str, start: int) -> list[int]:
    return [at for at in range(start, len(word)) if word[at] == letter]
