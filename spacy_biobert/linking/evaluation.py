"""How well a linker links, measured as the field does: two protocols, which never share a table without their names.

**BioSyn's** (Sung et al. 2020, https://aclanthology.org/2020.acl-main.335, as its published code counts): gold
mentions, their abbreviations written out; names from the training and development sets join the dictionary; a mention
of several concepts is split where it can be read as that many, and counts when each part hits; a hit is any gold id in
common with any concept that bears the name found, case and punctuation aside.

**Strict**: gold mentions, the dictionary as it was published; what counts is what the linker says, `ent.kb_id_`: the
set of ids must be that of the gold, where an alternative id of the concept is as good; NIL is an answer.

Beside them **end to end**: mentions found by the pipeline, and the ids of each document compared as sets, as in
BioCreative V (Wei et al. 2015, https://doi.org/10.1093/database/baw032).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from spacy.tokens import Doc, Span

from ..corpora.concept_ids import split_concept_ids
from ..errors import Errors
from ..identifiers import NIL
from .annotations import best_ids
from .concepts import Concept, can_be_id
from .mentions import mentions_of, read_mentions
from .scorer import Judge

if TYPE_CHECKING:
    from .component import Linker
    from .kb import KnowledgeBase
    from .resolver import Ranking

MAX_RANK = 20
"""How many candidates recall is measured up to."""

PUNCTUATION = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class ProtocolScores:
    """What one protocol says of a linker on a corpus.

    Attributes:
        protocol: "BioSyn" or "strict".
        mentions: Number of gold mentions that have ids; "NIL" is one.
        accuracy: Share of them, 0 to 1, that are right by the protocol.
        recall: For k from 1 on, the share of mentions with the gold among the first k candidates. BioSyn's accuracy is
            its recall at 1; the strict accuracy is not, for it is the answer that counts, NIL and all.
        missing: Share of mentions none of whose gold ids the dictionary has, NIL aside.
        names: Names in the dictionary that was used.
    """

    protocol: str
    mentions: int
    accuracy: float
    recall: tuple[float, ...]
    missing: float
    names: int

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain values."""
        return {**asdict(self), "recall": list(self.recall)}


@dataclass(frozen=True, slots=True)
class DocumentScores:
    """Concepts of documents, found end to end.

    Attributes:
        documents: Number of documents.
        precision: Right ids among those predicted, each counted once a document.
        recall: Right ids among the gold ones.
        f_score: Their harmonic mean.
    """

    documents: int
    precision: float
    recall: float
    f_score: float

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain values."""
        return asdict(self)


def evaluate_strict(linker: Linker, references: Sequence[Doc], *, spans_key: str | None) -> ProtocolScores:
    """Score a linker by the strict protocol, see the module's text.

    Args:
        linker: The linker, with its knowledge base as it was published.
        references: Docs with gold mentions and their ids; what else they hold (token vectors) the linker may read.
        spans_key: Where the mentions are, a key of ``doc.spans``; None for ``doc.ents``.

    Raises:
        ValueError: No mention has an id.
    """
    kb = linker.require_kb()
    judge = Judge(kb.equivalent_ids)
    gold = gold_ids(references, spans_key)
    with measuring(linker, spans_key):
        rankings = linker.rank([without_ids(reference, spans_key) for reference in references])
        annotated = list(_annotated(gold, rankings))
        n_right = sum(judge.same(set(best_ids(ranking, linker.cfg["threshold"])), ids) for ids, ranking in annotated)
    ranks = [
        max(_first_rank(judge, [[candidate.concept_id] for candidate in part], ids) for part in ranking.parts)
        for ids, ranking in annotated
    ]
    return _scores("strict", n_right, ranks, gold, kb)


def evaluate_biosyn(
    linker: Linker, references: Sequence[Doc], dictionary: KnowledgeBase, *, spans_key: str | None
) -> ProtocolScores:
    """Score a linker by BioSyn's protocol, see the module's text.

    Its recall at k looks at the best name of each of the first k concepts, where BioSyn looks at the first k names, of
    which several may be one concept's. At 1 they are the same.

    Args:
        linker: The linker; its own knowledge base is left alone.
        references: Docs with gold mentions and their ids.
        dictionary: The knowledge base with the names of the training and development sets, made by
            :func:`extend_with_names`.
        spans_key: Where the mentions are, a key of ``doc.spans``; None for ``doc.ents``.

    Raises:
        ValueError: No mention has an id.
    """
    bearers = _bearers(dictionary)
    judge = Judge(dictionary.equivalent_ids)
    gold = gold_ids(references, spans_key)
    with linker.using(dictionary), measuring(linker, spans_key):
        docs = [without_ids(reference, spans_key) for reference in references]
        rankings = linker.rank(docs, n_parts=[[len(ids) for ids in ids_of_doc] for ids_of_doc in gold])
    ranks = [
        max(_first_rank(judge, [bearers[name_key(one.name)] for one in part], ids) for part in ranking.parts)
        for ids, ranking in _annotated(gold, rankings)
    ]
    return _scores("BioSyn", sum(rank == 1 for rank in ranks), ranks, gold, dictionary)


def evaluate_documents(
    predicted: Iterable[Doc],
    references: Iterable[Doc],
    kb: KnowledgeBase,
    *,
    spans_key: str | None = None,
    labels: Collection[str] | None = None,
) -> DocumentScores:
    """Compare the ids that documents have, each once a document; ids of the same concept are one, NIL is none.

    Args:
        predicted: Docs that a pipeline has annotated.
        references: The same documents with gold ids, in the same order.
        kb: Says which ids mean the same.
        spans_key: Where the predicted mentions are; None for ``doc.ents``. Gold ones may be there or in ``doc.ents``.
        labels: The labels of the mentions that count, on both sides; None for all.
    """
    judge = Judge(kb.equivalent_ids)
    n_docs = n_gold = n_predicted = n_found = n_right = 0
    for doc, reference in zip(predicted, references, strict=True):
        found = judge.distinct(_ids_of(mentions_of(doc, spans_key), labels))
        gold = judge.distinct(_ids_of(mentions_of(reference, spans_key) or list(reference.ents), labels))
        n_docs += 1
        n_gold += len(gold)
        n_predicted += len(found)
        n_right += sum(bool(judge.equivalents(identifier) & gold) for identifier in found)
        n_found += sum(bool(judge.equivalents(identifier) & found) for identifier in gold)
    precision = n_right / n_predicted if n_predicted else 0.0
    recall = n_found / n_gold if n_gold else 0.0
    f_score = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return DocumentScores(n_docs, precision, recall, f_score)


def corpus_names(references: Iterable[Doc], spans_key: str | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the mentions of a corpus, abbreviations written out, with their ids: see :func:`extend_with_names`."""
    for doc in references:
        spans = mentions_of(doc, spans_key)
        read = read_mentions(doc, spans, expand_abbreviations=True, split_composites=False, types=lambda label: None)
        for span, mention in zip(spans, read, strict=True):
            yield mention.query.text, split_concept_ids(span.kb_id_)


def extend_with_names(kb: KnowledgeBase, mentions: Iterable[tuple[str, Collection[str]]]) -> Iterator[Concept]:
    """Yield the concepts of a knowledge base, with names from corpora added to them.

    Args:
        kb: The knowledge base.
        mentions: Texts of mentions, abbreviations written out, and the ids of each. One of several ids becomes a name
            of each. An id that is neither a concept's nor an alternative one becomes a concept, if it can be one's.
    """
    added: dict[str, list[str]] = {}
    for text, ids in mentions:
        for identifier in ids:
            if can_be_id(identifier) and text.strip():
                added.setdefault(identifier, []).append(text)
    unknown = dict(added)
    for concept in kb.concepts():
        same = [other for other in (concept.id, *concept.alternative_ids) if other in added]
        for other in same:
            unknown.pop(other, None)
        names = [name for other in same for name in added[other]]
        yield replace(concept, synonyms=(*concept.synonyms, *names)) if names else concept
    for identifier, names in unknown.items():
        yield Concept(identifier, names[0], tuple(names[1:]))


@contextmanager
def measuring(linker: Linker, spans_key: str | None) -> Iterator[None]:
    """Let a linker look at gold mentions, and as many candidates as are measured, for the length of a block."""
    settings = linker.cfg
    linker.cfg = {**settings, "spans_key": spans_key, "top_n": max(MAX_RANK, settings["top_n"]), "labels": None}
    try:
        yield
    finally:
        linker.cfg = settings


def without_ids(reference: Doc, spans_key: str | None) -> Doc:
    """Copy a doc with its gold mentions, token vectors and all, but without their concepts."""
    doc = reference.copy()
    if spans_key is None:
        doc.set_ents([Span(doc, span.start, span.end, label=span.label) for span in reference.ents])
    else:
        mentions = mentions_of(reference, spans_key)
        doc.spans[spans_key] = [Span(doc, span.start, span.end, label=span.label) for span in mentions]
    return doc


def gold_ids(references: Iterable[Doc], spans_key: str | None) -> list[list[frozenset[str]]]:
    """Return the ids of each mention of each doc, none where it is not annotated.

    Raises:
        ValueError: No mention has any.
    """
    ids = [
        [frozenset(split_concept_ids(span.kb_id_)) for span in mentions_of(reference, spans_key)]
        for reference in references
    ]
    if not any(some for of_doc in ids for some in of_doc):
        raise ValueError(Errors.B236.format(where="doc.ents" if spans_key is None else f'doc.spans["{spans_key}"]'))
    return ids


def name_key(name: str) -> str:
    """Return what two names share that BioSyn takes for one: lower-cased, every run of punctuation a space."""
    return PUNCTUATION.sub(" ", name.lower()).strip()


def _bearers(kb: KnowledgeBase) -> dict[str, list[str]]:
    """Return the concepts that bear each name."""
    bearers: dict[str, list[str]] = {}
    for concept in kb.concepts():
        for key in {name_key(name) for name in concept.names}:
            bearers.setdefault(key, []).append(concept.id)
    return bearers


def _ids_of(spans: Iterable[Span], labels: Collection[str] | None) -> list[str]:
    return [
        identifier
        for span in spans
        if labels is None or span.label_ in labels
        for identifier in split_concept_ids(span.kb_id_)
        if identifier != NIL
    ]


def _annotated(
    gold: Iterable[Iterable[frozenset[str]]], rankings: Iterable[Iterable[Ranking]]
) -> Iterator[tuple[frozenset[str], Ranking]]:
    """Yield the ids and the ranking of each mention that is annotated."""
    for ids_of_doc, rankings_of_doc in zip(gold, rankings, strict=True):
        for ids, ranking in zip(ids_of_doc, rankings_of_doc, strict=True):
            if ids:
                yield ids, ranking


def _first_rank(judge: Judge, candidates: Iterable[Iterable[str]], gold: Collection[str]) -> int:
    """Return the place, from 1, of the first candidate that has a gold id; past all that are measured if none has."""
    ranks = (rank for rank, ids in enumerate(candidates, start=1) if judge.overlap(ids, gold))
    return next(ranks, MAX_RANK + 1)


def _scores(
    protocol: str, n_right: int, ranks: Sequence[int], gold: Sequence[Sequence[frozenset[str]]], kb: KnowledgeBase
) -> ProtocolScores:
    linked = [ids for of_doc in gold for ids in of_doc if ids]
    missing = sum(ids != {NIL} and not any(_is_known(identifier, kb) for identifier in ids) for ids in linked)
    return ProtocolScores(
        protocol=protocol,
        mentions=len(linked),
        accuracy=n_right / len(linked),
        recall=tuple(sum(rank <= k for rank in ranks) / len(linked) for k in range(1, MAX_RANK + 1)),
        missing=missing / len(linked),
        names=kb.n_names,
    )


def _is_known(identifier: str, kb: KnowledgeBase) -> bool:
    return identifier in kb or len(kb.equivalent_ids(identifier)) > 1
