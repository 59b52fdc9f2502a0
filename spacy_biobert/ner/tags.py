"""Tag schemes: labels -> tags, and which tag may follow which.

A tag is read as a step between two *states* of an automaton: state 0 is "no entity is open", state k is "an entity of
the k-th label is open". ``B-k`` goes from 0 to k, ``I-k`` from k to k, ``L-k`` from k to 0, and ``O`` and ``U-k`` stay
in 0. A sequence of tags is valid if each step starts where the one before it ended; it begins and ends in 0. In BIO an
entity is closed by whatever comes next, so ``O`` and ``B-k`` start from every state, and a sequence may end in any.

BILUO is described by Ratinov and Roth (2009), "Design Challenges and Misconceptions in Named Entity Recognition",
CoNLL; BIO by Ramshaw and Marcus (1995), "Text Chunking using Transformation-Based Learning".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..errors import Errors

_PREFIXES = {"BIO": "BI", "BILUO": "BILU"}
SCHEMES = tuple(_PREFIXES)


@dataclass(frozen=True, eq=False)
class TagScheme:
    """The tags of a set of labels. Make one with :func:`make_tag_scheme`. Arrays are read-only.

    Attributes:
        name: "BIO" or "BILUO".
        labels: The K labels.
        tags: The T tags: "O", then the tags of each label in the order of the scheme's letters.
        before: (T,) the state each tag asks for: the open label counted from 1, or 0.
        after: (T,) the state each tag leads to.
        allowed: (K + 1, K + 1, T) whether a tag may lead from the first state to the second.
    """

    name: str
    labels: tuple[str, ...]
    tags: tuple[str, ...]
    before: npt.NDArray[np.int64]
    after: npt.NDArray[np.int64]
    allowed: npt.NDArray[np.bool_]

    @property
    def must_close(self) -> bool:
        """Whether an open entity has to be closed by a tag of its own, as in BILUO."""
        return self.name == "BILUO"

    def tag_ids(
        self, labels: npt.NDArray[np.int64], is_start: npt.NDArray[np.bool_], is_end: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int64]:
        """Name the tag of each token inside an entity.

        Args:
            labels: (n,) index of the token's label.
            is_start: (n,) whether the token is its entity's first.
            is_end: (n,) whether the token is its entity's last.

        Returns:
            (n,) tag ids, none of them 0.
        """
        if self.must_close:
            letter = np.where(is_start, np.where(is_end, 3, 0), np.where(is_end, 2, 1))
        else:
            letter = np.where(is_start, 0, 1)
        return 1 + labels * len(_PREFIXES[self.name]) + letter

    def label_ids(self, tags: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Give the index of each tag's label. ``tags``: (n,) ids of tags other than "O"."""
        return (tags - 1) // len(_PREFIXES[self.name])

    def starts(self, tags: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Mark the tags that begin an entity: B and U."""
        letter = (tags - 1) % len(_PREFIXES[self.name])
        return (tags != 0) & ((letter == 0) | (letter == 3))


@lru_cache(maxsize=64)
def make_tag_scheme(name: str, labels: tuple[str, ...]) -> TagScheme:
    """Make the tags of some labels.

    Args:
        name: "BIO" or "BILUO".
        labels: The labels, K of them.

    Returns:
        A scheme of 2K + 1 (BIO) or 4K + 1 (BILUO) tags; the same object for the same arguments.

    Raises:
        ValueError: The scheme has another name.
    """
    if name not in _PREFIXES:
        raise ValueError(Errors.B101.format(scheme=name, schemes=", ".join(SCHEMES)))
    tags, before, after = ["O"], [0], [0]
    for state, label in enumerate(labels, start=1):
        for letter in _PREFIXES[name]:
            tags.append(f"{letter}-{label}")
            before.append(state if letter in "IL" else 0)
            after.append(state if letter in "BI" else 0)
    n_states = len(labels) + 1
    allowed = np.zeros((n_states, n_states, len(tags)), dtype=bool)
    for tag, (source, target) in enumerate(zip(before, after, strict=True)):
        allowed[source, target, tag] = True
        if name == "BIO" and source == 0:
            allowed[:, target, tag] = True
    arrays = (np.array(before, dtype=np.int64), np.array(after, dtype=np.int64), allowed)
    for array in arrays:
        array.setflags(write=False)
    return TagScheme(name, labels, tuple(tags), *arrays)
