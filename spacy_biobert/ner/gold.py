"""Examples -> the gold tag of each predicted token."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.training import Example

from ..corpora.annotated_labels import get_annotated_labels
from ..errors import Errors
from .tags import TagScheme
from .words import space_tokens

# Values of `Token.ent_iob`.
_MISSING, _INSIDE, _OUTSIDE, _BEGIN = 0, 1, 2, 3
_CODES = {"B": _BEGIN, "U": _BEGIN, "I": _INSIDE, "L": _INSIDE, "O": _OUTSIDE}

# What `gold_tags` gives for a token that is not annotated.
MISSING_TAG = -1


def gold_tags(examples: Iterable[Example], scheme: TagScheme, *, name: str) -> npt.NDArray[np.int64]:
    """Read the gold tags of a batch, one for each token of the predicted docs.

    A token has none, :data:`MISSING_TAG`, where the reference says nothing (spaCy's "missing" and "blocked" entity
    values, or a doc without entity annotation), and where the two tokenizations cut an entity differently. Entities
    whose labels the reference's annotators did not look for count as if they were not there. What white space is given
    means nothing.

    Args:
        examples: The batch.
        scheme: The tags to name.
        name: The component's name, for messages.

    Returns:
        (N,) tag ids of all tokens of the predicted docs, one doc after the other.

    Raises:
        ValueError: An entity's label is none of the scheme's.
    """
    examples = list(examples)
    entities = [_aligned_entities(example) for example in examples]
    codes, types = np.concatenate([np.zeros((0, 2), dtype=np.uint64), *entities]).T
    ends = np.cumsum([len(doc_entities) for doc_entities in entities], dtype=np.int64)

    is_inside = _is_inside(codes, types)
    goes_on = np.zeros(len(codes) + 1, dtype=bool)  # whether a token is of the same entity as the one before it
    goes_on[1:-1] = is_inside[:-1] & is_inside[1:] & (codes[1:] == _INSIDE) & (types[:-1] == types[1:])
    goes_on[ends] = False
    # White space is no part of a mention: its first word begins it, its last one ends it.
    words = np.flatnonzero(~space_tokens([example.predicted for example in examples]))
    entity = np.cumsum(~goes_on[:-1])[words]
    begins, closes = np.ones(len(codes), dtype=bool), np.ones(len(codes), dtype=bool)
    begins[words[1:]] = closes[words[:-1]] = entity[1:] != entity[:-1]

    tags = np.where(codes == _OUTSIDE, 0, MISSING_TAG).astype(np.int64)
    labels = _label_indices(types[is_inside], scheme, name, examples)
    tags[is_inside] = scheme.tag_ids(labels, begins[is_inside], closes[is_inside])
    return tags


def missing_tokens(example: Example) -> npt.NDArray[np.bool_]:
    """Mark the predicted tokens, (n_tokens,), for which :func:`gold_tags` finds no tag."""
    codes, types = _aligned_entities(example).T
    return (codes != _OUTSIDE) & ~_is_inside(codes, types)


def _is_inside(codes: npt.NDArray[np.uint64], types: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    return ((codes == _BEGIN) | (codes == _INSIDE)) & (types != 0)


def _aligned_entities(example: Example) -> npt.NDArray[np.uint64]:
    """Give ``ent_iob`` and ``ent_type`` of each predicted token, (n_tokens, 2), in the reference."""
    predicted, reference = example.predicted, example.reference
    entities: npt.NDArray[np.uint64]
    if same_tokens(predicted, reference):
        entities = reference.to_array(["ENT_IOB", "ENT_TYPE"]).astype(np.uint64)
    else:
        # spaCy's alignment walks over tokens and characters in Python: right, but far slower than reading an array.
        entities = np.zeros((len(predicted), 2), dtype=np.uint64)
        for row, tag in zip(entities, example.get_aligned_ner(), strict=True):
            if tag is not None:
                letter, _, label = tag.partition("-")
                row[:] = _CODES.get(letter, _MISSING), get_string_id(label)
    looked_for = get_annotated_labels(reference)
    if looked_for is not None:
        known = np.array([0, *map(get_string_id, looked_for)], dtype=np.uint64)
        entities[~np.isin(entities[:, 1], known)] = _OUTSIDE, 0
    return entities


def same_tokens(doc: Doc, other: Doc) -> bool:
    """Tell whether two docs have the same words."""
    return len(doc) == len(other) and np.array_equal(doc.to_array("ORTH"), other.to_array("ORTH"))


def _label_indices(
    types: npt.NDArray[np.uint64], scheme: TagScheme, name: str, examples: list[Example]
) -> npt.NDArray[np.int64]:
    """Turn hashes of labels into their indices in the scheme."""
    found, inverse = np.unique(types, return_inverse=True)
    known = {get_string_id(label): index for index, label in enumerate(scheme.labels)}
    indices = np.array([known.get(label, -1) for label in found.tolist()], dtype=np.int64)
    for label in found[indices < 0].tolist():
        ent = next(ent for example in examples for ent in example.reference.ents if ent.label == label)
        raise ValueError(
            Errors.B104.format(name=name, label=ent.label_, text=ent.text, labels=", ".join(scheme.labels))
        )
    return indices[inverse]
