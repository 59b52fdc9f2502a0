"""The names of a classifier's classes -> a tag scheme, and which class is which tag.

Fine-tuned checkpoints name their classes as their training data did: ``B-Disease``, ``B_Disease`` or plain ``B``, with
E, S and M (IOBES, BMES) where we say L, U and I (BILUO), in any order, and not always with every tag of every label.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import Errors
from .tags import make_tag_scheme

_LETTERS = {"B": "B", "I": "I", "M": "I", "L": "L", "E": "L", "U": "U", "S": "U"}
_TAG = re.compile(rf"(?P<letter>[{''.join(_LETTERS)}])(?:[-_](?P<label>.+))?", re.DOTALL)
_UNNAMED = re.compile(r"LABEL_\d+")  # what Hugging Face's tools call a class that nobody has named


@dataclass(frozen=True)
class ClassTags:
    """What the classes of a classifier mean.

    Attributes:
        scheme: "BIO", or "BILUO" where any class closes a mention.
        labels: The labels, in the order of their first classes.
        classes: (T,) for each tag of the scheme, in its order, the class that means it, or -1 where there is none.
    """

    scheme: str
    labels: tuple[str, ...]
    classes: npt.NDArray[np.int64]


def read_class_names(
    names: Sequence[str], *, where: str, label: str | None = None, tags: Mapping[str, str] | None = None
) -> ClassTags:
    """Find out what the classes of a classifier mean.

    Args:
        names: The name of each class, in the classifier's order.
        where: The checkpoint, for messages.
        label: The label of tags that name none.
        tags: The tag that is meant by a class, for classes whose names are no tags; "" leaves a class out.

    Raises:
        ValueError: A name is no tag, two mean the same, or the tags cannot express any mention of a label.
    """
    tags = tags or {}
    for name in tags:
        if name not in names:
            raise ValueError(Errors.B056.format(name=where, tag=name, known=", ".join(names)))
    unnamed = [name for name in names if _UNNAMED.fullmatch(name) and name not in tags]
    if unnamed:
        raise ValueError(Errors.B051.format(name=where, names=", ".join(unnamed)))
    found: dict[str, int] = {}
    letters: dict[str, set[str]] = {}
    for i, name in enumerate(names):
        if tags.get(name) == "":  # said to be left out; a class whose own name is empty is not
            continue
        letter, its_label = _parse(tags.get(name, name), name, where, label)
        tag = f"{letter}-{its_label}" if its_label else letter
        if tag in found:
            raise ValueError(Errors.B054.format(name=where, first=names[found[tag]], second=name, tag=tag))
        found[tag] = i
        if its_label:
            letters.setdefault(its_label, set()).add(letter)
    scheme = "BILUO" if any(some & {"L", "U"} for some in letters.values()) else "BIO"
    _check_complete(found, letters, scheme, where)
    labels = tuple(letters)
    classes = [found.get(tag, -1) for tag in make_tag_scheme(scheme, labels).tags]
    return ClassTags(scheme, labels, np.array(classes, dtype=np.int64))


def _parse(tag: str, name: str, where: str, default_label: str | None) -> tuple[str, str]:
    """Split a tag into its letter, as BILUO has it, and its label."""
    if tag == "O":
        return "O", ""
    match = _TAG.fullmatch(tag)
    if match is None:
        raise ValueError(Errors.B053.format(name=where, tag=name))
    label = match["label"] or default_label
    if not label:
        raise ValueError(Errors.B052.format(name=where, tag=tag))
    return _LETTERS[match["letter"]], label


def _check_complete(found: Mapping[str, int], letters: Mapping[str, set[str]], scheme: str, where: str) -> None:
    """Refuse tags with which a label's mentions, or words outside of all mentions, cannot be told."""
    if "O" not in found:
        why = "Without it, every word would be in a mention."
        raise ValueError(Errors.B055.format(name=where, missing="O", why=why))
    for label, some in letters.items():
        if scheme == "BIO" and "B" not in some:
            why = "Nothing else opens a mention: tags without B (the scheme IO) cannot be used."
            raise ValueError(Errors.B055.format(name=where, missing=f"B-{label}", why=why))
        if scheme == "BILUO" and "U" not in some and not {"B", "L"} <= some:
            missing = f"{'L' if 'B' in some else 'B'}-{label}"
            why = "Without it, no mention with this label can be both opened and closed."
            raise ValueError(Errors.B055.format(name=where, missing=missing, why=why))
    if not letters:
        why = "There is no label to find."
        raise ValueError(Errors.B055.format(name=where, missing="but O", why=why))
