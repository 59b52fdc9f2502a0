"""From a corpus's documents and sentences to `Doc` objects with gold annotation, and predictions back to documents.

What a reference `Doc` holds:

- ``doc.ents``: the mentions, with their concept ids in ``ent.kb_id_``; where mentions overlap, the longest.
- ``doc.spans[spans_key]``: all mentions of a document with offsets, the nested and overlapping ones too. A mention of
  several pieces ("breast … cancer" in "breast and ovarian cancer") is the stretch that covers them.
- ``doc.user_data[USER_DATA_KEY]``: the document's id, its passages' kinds and lengths, its relations, and the offsets
  of mentions that the tokenizer cannot express; where there are any, the offsets and labels of mentions that have a
  name, and those of the pieces of mentions.

A mention that begins or ends inside a token is not lost: the reference's token is cut there. spaCy aligns reference and
predicted tokens, so that such a mention counts in evaluation for what it is, one that this tokenizer can never find.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from spacy.tokens import Doc, Span
from spacy.util import filter_spans
from spacy.vocab import Vocab

from ..identifiers import NIL
from ..span_places import SPANS_KEY
from .annotations import AnnotatedDocument, Mention, Passage
from .concept_ids import DEFAULT_PREFIXES, join_concept_ids, parse_concept_ids, split_concept_ids
from .iob import Sentence
from .sentences import sentence_starts

USER_DATA_KEY = "spacy_biobert.document"
"""What `doc.user_data` has a document's id, passages and relations under, whatever its format."""


@dataclass(frozen=True, slots=True)
class Labels:
    """How a corpus's types become labels.

    Attributes:
        mapping: The label of each type; ``*`` stands for every type that is not named. Other types stay as they are,
            and the mentions of one that is mapped to an empty label are left out.
        keep: The labels to keep, after mapping; None keeps all.
        seen: The types that were asked for.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    keep: frozenset[str] | None = None
    seen: set[str] = field(default_factory=set, compare=False, repr=False)

    def __call__(self, label: str) -> str | None:
        """Return the label of a type, or None where its mentions are left out."""
        self.seen.add(label)
        mapped = self.mapping.get(label, self.mapping.get("*", label))
        return mapped or None if self.keep is None or mapped in self.keep else None


ALL_LABELS = Labels()
"""Every type is a label, and all are kept."""


def sentences_to_doc(vocab: Vocab, sentences: Sequence[Sentence], *, labels: Labels = ALL_LABELS) -> Doc:
    """Make one reference `Doc` of tokenized sentences.

    How the tokens were spaced is not known, and the `Doc` says so (`has_unknown_spaces`), upon which spaCy's corpus
    reader gives the pipeline these tokens, instead of tokenizing a text that nobody wrote.

    Args:
        vocab: The vocabulary.
        sentences: Consecutive sentences.
        labels: How types become labels.

    Returns:
        The `Doc`, with sentence starts and entities set.
    """
    words = [word for sentence in sentences for word in sentence.words]
    starts: list[bool | int | None] = [i == 0 for sentence in sentences for i in range(len(sentence.words))]
    doc = Doc(vocab, words=words, sent_starts=starts)
    ents: list[Span] = []
    offset = 0
    for sentence in sentences:
        for start, end, label in sentence.spans:
            if mapped := labels(label):
                ents.append(Span(doc, offset + start, offset + end, label=mapped))
        offset += len(sentence.words)
    doc.set_ents(ents)
    return doc


def document_to_doc(
    document: AnnotatedDocument,
    tokenize: Callable[[str], Doc],
    *,
    labels: Labels = ALL_LABELS,
    prefixes: Mapping[str, str] = DEFAULT_PREFIXES,
    spans_key: str = SPANS_KEY,
    split_sentences: bool = False,
) -> Doc:
    """Make a reference `Doc` of a document.

    Args:
        document: The document.
        tokenize: The tokenizer, or `nlp.make_doc`.
        labels: How types become labels.
        prefixes: The vocabulary of concept ids that are plain numbers, by the file's type of the mention.
        spans_key: Where all mentions go in `doc.spans`.
        split_sentences: Set sentence starts by rule: every passage starts one, no mention is cut.

    Returns:
        The `Doc`, its text exactly that of the document.
    """
    # Merges the annotations that say the same mention twice, as a file may under two of its types.
    concepts: dict[tuple[int, int, str], list[str]] = {}
    for mention in document.mentions:
        if label := labels(mention.label):
            key = (*_trimmed(mention), label)
            concepts.setdefault(key, []).extend(parse_concept_ids(mention.ids, prefixes.get(mention.label)))
    doc, unaligned = _fit_tokens(tokenize(document.text), [(start, end) for start, end, _ in concepts])
    first = {token.idx: token.i for token in doc}
    last = {token.idx + len(token): token.i + 1 for token in doc}
    spans = [
        Span(doc, first[start], last[end], label=label, kb_id=join_concept_ids(dict.fromkeys(ids)))
        for (start, end, label), ids in concepts.items()
    ]
    doc.set_ents(filter_spans(spans))
    doc.spans[spans_key] = spans
    if split_sentences:
        _set_sentence_starts(doc, document.passages, spans)
    doc.user_data[USER_DATA_KEY] = {
        "id": document.id,
        "passages": [(passage.kind, len(passage.text)) for passage in document.passages],
        "relations": [(relation.label, *relation.arguments) for relation in document.relations],
        "unaligned": unaligned,
    }
    if named := {one.id: (*_trimmed(one), labels(one.label) or "") for one in document.mentions if one.id}:
        doc.user_data[USER_DATA_KEY]["mentions"] = named
    if fragmented := [mention for mention in document.mentions if mention.fragments]:
        doc.user_data[USER_DATA_KEY]["fragments"] = [list(mention.fragments) for mention in fragmented]
        doc.user_data[USER_DATA_KEY]["fragmented"] = [labels(mention.label) or "" for mention in fragmented]
    return doc


def with_entities(document: AnnotatedDocument, doc: Doc) -> AnnotatedDocument:
    """Put what a pipeline found in the place of what was annotated in a document.

    Args:
        document: The document.
        doc: Its text, annotated; between passages, any character may stand.

    Returns:
        The document with the entities as its mentions, with all their concept ids ("-1" where no concept fits, None
        where none was looked for), and without relations.
    """
    text = document.text
    places = ((ent.start_char, ent.end_char, ent) for ent in doc.ents)
    mentions = tuple(
        Mention(start, end, text[start:end], ent.label_, _written_ids(ent.kb_id_)) for start, end, ent in places
    )
    return replace(document, mentions=mentions, relations=())


def grouped(sentences: Iterable[Sentence], n_sents: int) -> Iterator[list[Sentence]]:
    """Group sentences that shall become one `Doc`, never across the start of a document.

    Args:
        sentences: The sentences.
        n_sents: The most sentences in a group; 0 for whole documents.

    Yields:
        The groups, in order, none of them empty.
    """
    group: list[Sentence] = []
    for sentence in sentences:
        if group and (sentence.starts_document or len(group) == n_sents):
            yield group
            group = []
        group.append(sentence)
    if group:
        yield group


def _written_ids(kb_id: str) -> str | None:
    """Write the concept ids of an `ent.kb_id_` as corpora have them."""
    return "|".join("-1" if concept == NIL else concept for concept in split_concept_ids(kb_id)) or None


def _trimmed(mention: Mention) -> tuple[int, int]:
    """Offsets of a mention without white space at its ends, which no token could begin or end with."""
    start = mention.end - len(mention.text.lstrip())
    return start, mention.start + len(mention.text.rstrip())


def _fit_tokens(doc: Doc, offsets: Iterable[tuple[int, int]]) -> tuple[Doc, list[tuple[int, int]]]:
    """Cut tokens where mentions begin or end inside them, and say which mentions those were."""
    starts = {token.idx for token in doc}
    ends = {token.idx + len(token) for token in doc}
    unaligned = [(start, end) for start, end in offsets if start not in starts or end not in ends]
    if not unaligned:
        return doc, []
    cuts = sorted({offset for pair in unaligned for offset in pair})
    words: list[str] = []
    spaces: list[bool] = []
    for token in doc:
        inner = [cut - token.idx for cut in cuts if token.idx < cut < token.idx + len(token)]
        bounds = [0, *inner, len(token)]
        words += [token.text[start:end] for start, end in pairwise(bounds)]
        spaces += [False] * len(inner) + [bool(token.whitespace_)]
    return Doc(doc.vocab, words=words, spaces=spaces), unaligned


def _set_sentence_starts(doc: Doc, passages: Iterable[Passage], spans: Iterable[Span]) -> None:
    """Start a sentence at each passage and at each sentence that a rule finds in it, but never inside a mention."""
    starts: set[int] = set()
    offset = 0
    for passage in passages:
        starts.update(offset + start for start in sentence_starts(passage.text))
        offset += len(passage.text) + 1
    inside = {token.i for span in spans for token in span[1:]}
    for token in doc:
        token.is_sent_start = token.i == 0 or (token.idx in starts and token.i not in inside)
