"""Fills in what a corpus's annotators did not look for, with what a pipeline finds.

Corpora that say nothing of each other's labels can train together as they are, but then each step is about some of the
labels, and takes the encoder away from what it knows of the others. Completed by pipelines that were trained on the
other corpora, each is about all labels (pseudo-labels: D.-H. Lee 2013, *Pseudo-Label: The Simple and Efficient
Semi-Supervised Learning Method for Deep Neural Networks*, ICML workshop on challenges in representation learning).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from spacy.language import Language
from spacy.tokens import Doc, Span

from ..errors import Errors
from .annotated_labels import get_annotated_labels, set_annotated_labels
from .documents import SPANS_KEY


def complete_docs(
    docs: Iterable[Doc], nlp: Language, *, label_map: Mapping[str, str] | None = None, spans_key: str = SPANS_KEY
) -> Iterator[Doc]:
    """Add mentions of the labels that a doc's annotators did not look for, as a pipeline finds them.

    Args:
        docs: Reference docs; they are changed. Of those with every label looked for, and of labels that the annotators
            did look for, nothing is.
        nlp: The pipeline. It reads the docs' own tokens.
        label_map: What the docs call the pipeline's labels, where that is something else.
        spans_key: The group of ``doc.spans`` that all mentions are in, those of the docs and those that the pipeline
            finds. A doc without it has them in ``doc.ents``. ``doc.ents`` stays as it is.

    Yields:
        The docs, with the pipeline's labels among those that were looked for.

    Raises:
        ValueError: The pipeline finds no entities.
    """
    names = {label: (label_map or {}).get(label, label) for label in entity_labels(nlp)}
    if not names:
        raise ValueError(Errors.B368.format(pipeline=f"{nlp.lang}_{nlp.meta['name']}"))
    labels = frozenset(names.values())
    read = ((Doc(nlp.vocab, [t.text for t in doc], [bool(t.whitespace_) for t in doc]), doc) for doc in docs)
    for found, doc in nlp.pipe(read, as_tuples=True):
        looked_for = get_annotated_labels(doc)
        new = labels - looked_for if looked_for is not None else frozenset()
        if looked_for is not None and new:
            own = list(doc.spans.get(spans_key, doc.ents))
            theirs = found.spans.get(spans_key, found.ents)
            called = [(span, names.get(span.label_, span.label_)) for span in theirs]
            own += [Span(doc, span.start, span.end, label) for span, label in called if label in new]
            doc.spans[spans_key] = sorted(own, key=lambda span: (span.start, span.end))
            set_annotated_labels(doc, looked_for | new)
        yield doc


def entity_labels(nlp: Language) -> frozenset[str]:
    """Return the labels of the entities that a pipeline finds."""
    labels = nlp.pipe_labels
    finders = [name for name in labels if "doc.ents" in nlp.get_pipe_meta(name).assigns]
    return frozenset(label for name in finders for label in labels[name])
