"""What ``biobert_linker`` can be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import Errors


@dataclass(frozen=True, kw_only=True)
class LinkerSettings:
    """The settings of the pipe.

    Attributes:
        top_n: How many concepts to keep for each entity.
        threshold: From 0 to 1. An entity is "NIL" where the similarity of its best concept, or, with a ranker, the
            probability that any of its concepts fits, is lower. Its ranked concepts are kept.
        labels: The labels of the entities to link; others are left alone, to another linker with another knowledge
            base. None links all.
        label_types: For a label of entities, the semantic types that their concepts may have. A label that is not there
            allows concepts of the type that has its name, if the knowledge base has that type, and otherwise all.
            Concepts without types are always allowed.
        expand_abbreviations: Whether to look up also what an abbreviation stands for in its doc. Where an abbreviation
            detector has set ``span._.long_form``, that is looked up in any case.
        split_composites: Whether "breast and ovarian cancer" may be linked as two mentions, where the knowledge base
            knows these better than the whole. Then ``ent.kb_id_`` holds their ids joined by "|".
        ranker: Whether concepts are ranked by what was learned from training data, in ``spacy train`` or by ``spacy
            biobert train-linker``: from the likeness of names, how often mentions mean each concept, the other mentions
            of the doc, which types go with which label, and the words that a doc shares with a concept's definition.
        train_on_predicted: Whether, in ``spacy train``, the ranker learns from mentions as they are found, in place of
            gold ones: those that are the same as a gold one, with its ids, among all others of the doc. What finds them
            has to be among ``annotating_components``.
        context_vectors: Whether the ranker also sees how like the vectors that a ``biobert`` encoder before it gave the
            mention's tokens are to those of the training mentions of a concept. For ``spacy train``, the encoder has to
            be among ``annotating_components``. Where docs have no vectors, this says nothing.
        overwrite: Whether to replace ids that entities have already. If not, those without an id get one, and those
            that another linker has found to be "NIL": what is not in one vocabulary is looked up in the next.
        spans_key: Link the spans of this group of ``doc.spans``, in place of the entities.
        candidates_key: The group of ``doc.spans`` that keeps the ranked concepts, and nothing else; the pipe's name if
            None.
        kb_path: Where the knowledge base lies that the pipeline refers to; None for where it lay when it was saved.

    Raises:
        ValueError: A setting has a value that makes no sense.
    """

    top_n: int = 10
    threshold: float = 0.5
    labels: Sequence[str] | None = None
    label_types: Mapping[str, Sequence[str]] = field(default_factory=dict)
    expand_abbreviations: bool = True
    split_composites: bool = False
    ranker: bool = False
    train_on_predicted: bool = False
    context_vectors: bool = False
    overwrite: bool = True
    spans_key: str | None = None
    candidates_key: str | None = None
    kb_path: str | None = None

    def __post_init__(self) -> None:
        """Refuse settings that make no sense."""
        labels = self.labels
        wrong = {
            "top_n": "at least 1" if self.top_n < 1 else "",
            "threshold": "" if 0 <= self.threshold <= 1 else "from 0 to 1",
            "labels": "a list, or left out to link all" if isinstance(labels, str) or labels == [] else "",
        }
        for option, expected in wrong.items():
            if expected:
                raise ValueError(Errors.B221.format(option=option, value=getattr(self, option), expected=expected))
