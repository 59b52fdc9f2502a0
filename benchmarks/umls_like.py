"""A made-up knowledge base of any size whose names have the statistics of real ones, and mentions that look for them.

UMLS cannot be handed out. What matters to an index is how long names are, how words and trigrams are distributed, how
fast new words turn up, and how alike the names of a concept are. All of that is taken from public vocabularies (MEDIC,
MeSH, human genes): a name keeps the pattern of a real one, or of two joined as in "A due to B", while its words are
drawn anew. Words follow Simon's process (H. A. Simon, *On a class of skew distribution functions*, Biometrika 1955): a
word is new with a fixed probability and else drawn from those used before, in proportion to their use, which gives
Zipf's law. New words join the beginning of one real word with the end of another, or change the digits of a code.
"""

from __future__ import annotations

import gzip
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.normalization import name_words
from spacy_biobert.linking.sources import read_medic

NEW_WORD = 0.12
"""How often a replaced word is one that was not there before."""

KEEP_WORD = 0.35
"""How often a word of the pattern stays; all others are drawn anew."""

JOIN = 0.3
"""How often a name is two names joined; UMLS's are about half as long again as MEDIC's."""

STREAM = 4_000_000
"""How many uses of words are remembered for drawing; later ones displace earlier ones."""

_TOKEN = re.compile(r"[^\W_]+")
_JOINTS = (" due to ", " with ", " of ", ", ", " in ", " and ", "; ", " without ", " - ")
_QUALIFIERS = (
    ", NOS",
    " (disorder)",
    " (substance)",
    " [Disease/Finding]",
    " syndrome",
    " measurement",
    ", unspecified",
)
_TYPES = tuple(f"T{number:03}" for number in range(1, 128))


def real_names(data: Path) -> list[str]:
    """Return the names of MEDIC, MeSH's headings and human genes."""
    names = [name for concept in read_medic(data / "kb" / "medic_06Jul2012.txt") for name in concept.names]
    with open(data / "kb" / "mesh_descriptors_2015.tsv", encoding="utf8") as file:
        names += [line.rstrip("\n").split("\t")[1] for line in file][1:]
    with gzip.open(data / "kb" / "Homo_sapiens.gene_info.gz", "rt", encoding="utf8") as file:
        for line in file:
            if line.startswith("#"):
                continue
            columns = line.rstrip("\n").split("\t")
            listed = [columns[2], columns[8], *columns[4].split("|"), *columns[13].split("|")]
            # Half of all genes are "uncharacterized LOC105379100": UMLS has none of these.
            names += [name for name in listed if name != "-" and "LOC1" not in name]
    return names


class NameMaker:
    """Makes names like real ones.

    Args:
        names: The real ones.
        seed: The same seed makes the same names.
    """

    def __init__(self, names: Sequence[str], *, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self._patterns = [(_TOKEN.split(name), _TOKEN.findall(name)) for name in names if _TOKEN.search(name)]
        self._short: set[int] = set()
        self._streams: dict[str, list[str]] = {"word": [], "capital": [], "code": []}
        for _, tokens in self._patterns:
            for token in tokens:
                if kind := _kind(token):
                    self._streams[kind].append(token)

    def name(self) -> str:
        """Make a name that is new, or nearly always so."""
        name = self._simple()
        # Few concepts share a name: what is short and there already grows.
        while self.random.random() < JOIN or self._is_known(name):
            name += self.random.choice(_JOINTS) + self._simple()
        return name

    def _is_known(self, name: str) -> bool:
        if name.count(" ") > 2:
            return False
        key = hash(name)
        known = key in self._short
        self._short.add(key)
        return known

    def synonym(self, name: str) -> str:
        """Make another name of the same concept."""
        words = name.split(" ")
        kind = self.random.random()
        if kind < 0.3 and len(words) > 1:
            return f"{words[-1]}, {' '.join(words[:-1])}"
        if kind < 0.4:
            return name + self.random.choice(_QUALIFIERS)
        if kind < 0.5:
            return name.upper() if self.random.random() < 0.5 else name + "s"
        if kind < 0.6 and len(words) > 2:
            del words[self.random.randrange(len(words))]
            return " ".join(words)
        if kind < 0.75 and len(words) > 1:
            words[self.random.randrange(len(words))] = self._simple().split(" ")[0]
            return " ".join(words)
        if kind < 0.8 and len(words) > 2:
            return "".join(word[0] for word in words if word).upper() + str(self.random.randrange(1000))
        return self.name()

    def _simple(self) -> str:
        separators, tokens = self.random.choice(self._patterns)
        parts = [separators[0]]
        for token, separator in zip(tokens, separators[1:], strict=True):
            parts += [self._drawn(token), separator]
        return "".join(parts)

    def _drawn(self, token: str) -> str:
        kind = _kind(token)
        if kind is None or self.random.random() < KEEP_WORD:
            return token
        stream = self._streams[kind]
        drawn = self.random.choice(stream)
        if self.random.random() < NEW_WORD:
            drawn = self._coined(drawn, self.random.choice(stream))
        if len(stream) < STREAM:
            stream.append(drawn)
        else:
            stream[self.random.randrange(STREAM)] = drawn
        return drawn

    def _coined(self, first: str, second: str) -> str:
        if any(character.isdigit() for character in first):
            digits = [str(self.random.randrange(10)) if character.isdigit() else character for character in first]
            return "".join(digits) + (str(self.random.randrange(10)) if self.random.random() < 0.3 else "")
        return first[: max(2, round(len(first) * 0.6))] + second[len(second) // 2 :]


def _kind(token: str) -> str | None:
    """Return which words may replace one; None where it stays: numbers, Roman ones too, and single letters."""
    if len(token) < 3 or token.isdigit():
        return None
    if any(character.isdigit() for character in token) or token.isupper():
        return "code"
    return "capital" if token[0].isupper() else "word"


def make_concepts(names: Sequence[str], n_concepts: int, n_names: int, *, seed: int = 0) -> Iterator[Concept]:
    """Make concepts.

    Args:
        names: Real names, as :func:`real_names` returns them.
        n_concepts: How many concepts.
        n_names: How many names in all, about; every concept has a canonical one.
        seed: The same seed makes the same concepts.
    """
    maker = NameMaker(names, seed=seed)
    # Synonyms per concept fall off geometrically.
    another = 1 - n_concepts / n_names
    for number in range(n_concepts):
        name = maker.name()
        names = {name: None}
        while maker.random.random() < another:
            count = len(names)
            while len(names) == count:
                names[maker.synonym(name)] = None
        kind = _TYPES[int(len(_TYPES) * maker.random.random() ** 3)]
        definition = f"{name}: {maker.name()}, {maker.name()}." if maker.random.random() < 0.1 else None
        yield Concept(f"UMLS:C{number:07}", name, tuple(names)[1:], (kind,), definition)


def perturbed(name: str, choose: random.Random) -> str:
    """Return a name as somebody may write it: a slip of the pen, a word less, more or elsewhere; or two of these."""
    for _ in range(1 + (choose.random() < 0.3)):
        words = name.split(" ")
        kind = choose.random()
        if kind < 0.5:
            place = choose.randrange(len(name))
            slip = choose.choice("aeiorstnlc")
            name = choose.choice(
                (
                    name[:place] + name[place + 1 :],
                    name[:place] + slip + name[place:],
                    name[:place] + slip + name[place + 1 :],
                    name[:place] + name[place + 1 : place + 2] + name[place : place + 1] + name[place + 2 :],
                )
            )
        elif kind < 0.7 and len(words) > 2:
            del words[choose.randrange(len(words))]
            name = " ".join(words)
        elif kind < 0.85:
            words.insert(
                choose.randrange(len(words) + 1), choose.choice(("severe", "human", "familial", "the", "type 2"))
            )
            name = " ".join(words)
        else:
            choose.shuffle(words)
            name = " ".join(words)
    return name


def statistics(names: Iterable[str]) -> dict[str, Any]:
    """Say what an index notices of names."""
    words: Counter[str] = Counter()
    trigrams: Counter[str] = Counter()
    bags = set()
    n_names = n_characters = 0
    for name in names:
        split = name_words(name)
        words.update(split)
        trigrams.update(f" {word} "[i : i + 3] for word in split for i in range(len(word)))
        bags.add(hash(tuple(sorted(split))))
        n_names += 1
        n_characters += len(name)
    n_words, n_trigrams = sum(words.values()), sum(trigrams.values())
    return {
        "names": n_names,
        "characters a name": round(n_characters / n_names, 1),
        "words a name": round(n_words / n_names, 2),
        "different words": len(words),
        "share of words used once": round(sum(count == 1 for count in words.values()) / len(words), 2),
        "share of uses, 100 most frequent words": round(sum(n for _, n in words.most_common(100)) / n_words, 2),
        "share of uses, 1000 most frequent words": round(sum(n for _, n in words.most_common(1000)) / n_words, 2),
        "different trigrams": len(trigrams),
        "share of uses, 1000 most frequent trigrams": round(
            sum(n for _, n in trigrams.most_common(1000)) / n_trigrams, 2
        ),
        "share of names that differ by more than form": round(len(bags) / n_names, 2),
    }
