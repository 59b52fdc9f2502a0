"""Corpora in the proportions that a config sets, whatever their sizes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from spacy.language import Language
from spacy.training import Example

from ..errors import Errors

Corpus = Callable[[Language], Iterable[Example]]


def make_mixed_corpus(corpora: dict[str, Any], shares: dict[str, float]) -> Corpus:
    """Make ``spacy_biobert.MixedCorpus.v1``: several corpora, each with its share of the words.

    Read one after the other, a corpus weighs what it is long: one that is published both as abstracts and as
    sentences twice as much. Here each is read whole, and those that are too short for their share are repeated, docs
    drawn at random where that is not a whole number of times: once, for `spacy train` reads a corpus once, whatever its
    passes.

    Args:
        corpora: Readers, by any names. (Typed, a config would be refused that nests them.)
        shares: For each name its part of all words, in any unit: 1000 and 1400 as well as 5 and 7.

    Returns:
        A reader of all.

    Raises:
        ValueError: The names differ, a share is not a number above 0, or, when it is read, a corpus has no words.
    """
    if corpora.keys() != shares.keys():
        raise ValueError(Errors.B428.format(corpora=", ".join(sorted(corpora)), shares=", ".join(sorted(shares))))
    for name, share in shares.items():
        if not 0 < share < float("inf"):
            raise ValueError(Errors.B429.format(name=name, share=share))

    def read(nlp: Language) -> Iterator[Example]:
        examples = {name: list(corpus(nlp)) for name, corpus in corpora.items()}
        for name, times in _times(examples, shares).items():
            yield from _repeated(examples[name], times)

    return read


def _times(examples: Mapping[str, Sequence[Example]], shares: Mapping[str, float]) -> dict[str, float]:
    """Tell how often each corpus is to be read, at least once, and the one that is longest for its share just once."""
    words = {name: sum(len(example.reference) for example in some) for name, some in examples.items()}
    for name, n_words in words.items():
        if not n_words:
            raise ValueError(Errors.B430.format(name=name))
    most = max(words[name] / shares[name] for name in words)
    return {name: most * shares[name] / words[name] for name in words}


def _repeated(examples: Sequence[Example], times: float) -> Iterator[Example]:
    """Yield examples a number of times, each time as objects of their own: a batch may hold the same text twice."""
    yield from examples
    whole, rest = divmod(round((times - 1) * len(examples)), len(examples))
    for _ in range(whole):
        yield from map(_copied, examples)
    yield from map(_copied, random.sample(examples, rest))


def _copied(example: Example) -> Example:
    return Example(example.predicted.copy(), example.reference)
