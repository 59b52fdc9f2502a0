"""Examples -> the tags that their annotation allows, for each token and layer.

Three things make it allow more than one tag: spaCy's missing annotation, which allows them all; labels that a doc's
annotators did not look for (:mod:`spacy_biobert.corpora.annotated_labels`), of which every "O" may be an entity; and
mentions that the pipeline's tokenizer cannot express.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import filter_spans

from ..corpora.annotated_labels import get_annotated_labels
from ..errors import Errors
from .gold import MISSING_TAG, gold_tags, missing_tokens, same_tokens
from .layers import TagLayers
from .tags import make_tag_scheme

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


def allowed_tags(examples: Iterable[Example], layers: TagLayers, *, spans_key: str | None, name: str) -> Bools:
    """Read which tags the references of a batch allow.

    In a layer in which a label was not looked for, that label's tags are allowed wherever the reference has no mention
    of another: in a layer that is the label's own, all tags of the doc.

    Args:
        examples: The batch, with N tokens in the predicted docs.
        layers: L layers of T tags. With a layer for each label, overlapping mentions can all be told.
        spans_key: Take the mentions from this span group of the references that have it, in each layer the longest of
            those that overlap, in place of ``doc.ents``. Needs a layer for each label.
        name: The component's name, for messages.

    Returns:
        (N, L, T) mask, in the order of the predicted docs.

    Raises:
        ValueError: A mention's label is none of the layers'.
    """
    examples = list(examples)
    tags = _layer_tags(examples, layers, spans_key, name)
    every = np.arange(len(layers.scheme.tags))
    allowed = (tags[..., None] == every) | (tags[..., None] == MISSING_TAG)
    looked_for = [get_annotated_labels(example.reference) for example in examples]
    if any(labels is not None for labels in looked_for):
        # One more column than labels: that of "O", whose label is -1.
        unknown = np.array([[labels is not None and label not in labels for label in layers.labels] + [False]
                            for labels in looked_for])  # fmt: skip
        free = np.repeat(unknown, [len(example.predicted) for example in examples], axis=0)[:, layers.tag_labels]
        allowed |= free & (tags[..., None] == 0)
    return allowed


def gold_mentions(reference: Doc, spans_key: str | None) -> list[Span]:
    """Give the mentions to learn from whose labels the reference's annotators looked for: of a group, or the entities.

    Args:
        reference: The reference.
        spans_key: The group to prefer to ``doc.ents`` where there is one.
    """
    looked_for = get_annotated_labels(reference)
    spans = reference.spans[spans_key] if spans_key is not None and spans_key in reference.spans else reference.ents
    return [span for span in spans if len(span) and (looked_for is None or span.label_ in looked_for)]


def _layer_tags(examples: list[Example], layers: TagLayers, spans_key: str | None, name: str) -> Ints:
    """Give the tag of each token in each layer, (N, L), or ``MISSING_TAG``."""
    has_group = [spans_key is not None and spans_key in example.reference.spans for example in examples]
    with_entities = [example for example, grouped in zip(examples, has_group, strict=True) if not grouped]
    tags = _entity_tags(with_entities, layers, name)
    if spans_key is None or not any(has_group):
        return tags
    ends = np.cumsum([len(example.predicted) for example in with_entities], dtype=np.int64)
    of_entities = iter(np.split(tags, ends[:-1]) if len(ends) else [])
    return np.concatenate(
        [
            _group_tags(example, layers, spans_key, name) if grouped else next(of_entities)
            for example, grouped in zip(examples, has_group, strict=True)
        ]
    )


def _entity_tags(examples: list[Example], layers: TagLayers, name: str) -> Ints:
    """Give the tags that the entities of some examples make, (N, L), or ``MISSING_TAG``."""
    scheme = make_tag_scheme(layers.scheme.name, layers.labels)
    joint = gold_tags(examples, scheme, name=name)
    if layers.scheme is scheme:
        return joint[:, None]
    tags = np.where(joint == MISSING_TAG, MISSING_TAG, 0)[:, None].repeat(layers.n_layers, axis=1)
    inside = np.flatnonzero(joint > 0)
    labels = scheme.label_ids(joint[inside])
    tags[inside, labels] = joint[inside] - labels * (len(layers.scheme.tags) - 1)
    return tags


def _group_tags(example: Example, layers: TagLayers, spans_key: str, name: str) -> Ints:
    """Give the tags that the mentions of an example's span group make, (n_tokens, L), or ``MISSING_TAG``."""
    tags = np.zeros((len(example.predicted), layers.n_layers), dtype=np.int64)
    if example.reference.has_annotation("ENT_IOB"):  # else the group is all the annotation that there is
        tags[missing_tokens(example)] = MISSING_TAG
    cut: list[tuple[slice, int]] = []
    mentions = gold_mentions(example.reference, spans_key)
    for label in sorted({span.label_ for span in mentions}):
        of_label = filter_spans(span for span in mentions if span.label_ == label)
        if label not in layers.labels:
            known = ", ".join(layers.labels)
            raise ValueError(Errors.B104.format(name=name, label=label, text=of_label[0].text, labels=known))
        layer = layers.labels.index(label)
        for span in of_label:
            tokens, fits = _aligned(example, span)
            if fits:
                words = [i for i in range(tokens.start, tokens.stop) if not example.predicted[i].is_space]
                place = np.arange(len(words))
                tags[words, layer] = layers.scheme.tag_ids(np.zeros_like(place), place == 0, place == len(place) - 1)
            else:
                cut.append((tokens, layer))
    for tokens, layer in cut:
        tags[tokens, layer] = MISSING_TAG
    return tags


def _aligned(example: Example, span: Span) -> tuple[slice, bool]:
    """Find the predicted tokens that share letters with a reference's span, and whether they have no others."""
    if same_tokens(example.predicted, example.reference):
        return slice(span.start, span.end), True
    found = example.alignment.y2x[span.start : span.end]
    if not len(found):
        return slice(0, 0), False
    tokens = slice(int(found.min()), int(found.max()) + 1)
    texts = [example.predicted[tokens].text, span.text]
    first, second = ("".join(text.split()).lower() for text in texts)
    return tokens, first == second
