"""The pipe `biobert_linker`: gives entities the ids of their concepts."""

# No postponed annotations here: spaCy validates the settings of `initialize` by its signature.
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacy import util
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab

from ..errors import Errors
from ..identifiers import NIL
from .abbreviations import expand, find_abbreviations
from .extension import RankedIds, register_extension, set_candidates
from .index import SCORE_DECIMALS
from .scorer import Scorer

if TYPE_CHECKING:
    from .kb import KnowledgeBase

SHORT_FORM_WEIGHT = 0.95
"""What a concept found by an abbreviation counts, beside those found by what it stands for."""

DEFAULT_CONFIG = {
    "top_n": 10,
    "threshold": 0.5,
    "label_types": {},
    "expand_abbreviations": True,
    "overwrite": True,
    "spans_key": None,
    "candidates_key": None,
    "extension": "kb_ents",
    "scorer": {"@scorers": "spacy_biobert.linker_scorer.v1"},
}


@Language.factory(
    "biobert_linker",
    assigns=["token.ent_kb_id"],
    requires=["doc.ents"],
    default_config=DEFAULT_CONFIG,
    # Weights of 0: shown after each evaluation, with no say in which pipeline is the best. Nothing is trained here.
    default_score_weights={
        "link_micro_f": 0.0,
        "link_micro_p": None,
        "link_micro_r": None,
        "link_acc": 0.0,
        "link_acc_set": None,
        "link_acc_gold": None,
    },
)
def make_biobert_linker(
    nlp: Language,
    name: str,
    *,
    top_n: int,
    threshold: float,
    label_types: dict[str, list[str]],
    expand_abbreviations: bool,
    overwrite: bool,
    spans_key: str | None,
    candidates_key: str | None,
    extension: str,
    scorer: Callable | None,
) -> "Linker":
    """Build the pipe; :class:`Linker` explains the options."""
    return Linker(
        nlp.vocab,
        name,
        top_n=top_n,
        threshold=threshold,
        label_types=label_types,
        expand_abbreviations=expand_abbreviations,
        overwrite=overwrite,
        spans_key=spans_key,
        candidates_key=candidates_key,
        extension=extension,
        scorer=scorer,
    )


class Linker(Pipe):
    """Links entities to the concepts of a knowledge base.

    Sets ``ent.kb_id_`` to the id of the most similar concept, or to "NIL", and keeps the ranked concepts, shown as
    ``ent._.kb_ents``: pairs of id and score, as scispaCy's linker gives them. Everything else of an entity stays.

    Args:
        vocab: The pipeline's vocabulary.
        name: The pipe's name.
        top_n: How many concepts to keep for each entity.
        threshold: An entity whose best concept has a lower score, 0 to 1, is "NIL". Its ranked concepts are kept.
        label_types: For a label of entities, the semantic types that their concepts may have. A label that is not there
            allows concepts of the type that has its name, if the knowledge base has that type, and otherwise all.
            Concepts without types are always allowed.
        expand_abbreviations: Whether to look up also what an abbreviation stands for in its doc. Where an abbreviation
            detector has set ``span._.long_form``, that is looked up in any case.
        overwrite: Whether to replace ids that entities have already.
        spans_key: Link the spans of this group of ``doc.spans``, in place of the entities.
        candidates_key: The group of ``doc.spans`` that keeps the ranked concepts; the pipe's name if None.
        extension: The name in place of ``kb_ents``. Where another package has claimed it, it is left alone.
        scorer: Scores examples, see :func:`.scorer.score_links`.

    Raises:
        ValueError: An option has a value that makes no sense.
    """

    def __init__(
        self,
        vocab: Vocab,
        name: str = "biobert_linker",
        *,
        top_n: int = 10,
        threshold: float = 0.5,
        label_types: dict[str, list[str]] | None = None,
        expand_abbreviations: bool = True,
        overwrite: bool = True,
        spans_key: str | None = None,
        candidates_key: str | None = None,
        extension: str = "kb_ents",
        scorer: Scorer | None = None,
    ) -> None:
        if top_n < 1:
            raise ValueError(Errors.B221.format(option="top_n", value=top_n, expected="at least 1"))
        if not 0 <= threshold <= 1:
            raise ValueError(Errors.B221.format(option="threshold", value=threshold, expected="from 0 to 1"))
        candidates_key = candidates_key or name
        if candidates_key == spans_key:
            expected = "another group than spans_key, which it would replace"
            raise ValueError(Errors.B221.format(option="candidates_key", value=candidates_key, expected=expected))
        self.vocab = vocab
        self.name = name
        self.scorer = scorer
        self.kb: KnowledgeBase | None = None
        # Read at each prediction: `spacy find-threshold` replaces it.
        self.cfg: dict[str, Any] = {
            "top_n": top_n,
            "threshold": threshold,
            "label_types": dict(label_types or {}),
            "expand_abbreviations": expand_abbreviations,
            "overwrite": overwrite,
            "spans_key": spans_key,
            "candidates_key": candidates_key,
        }
        register_extension(extension, candidates_key)

    # --- Prediction ---

    def __call__(self, doc: Doc) -> Doc:
        """Link the entities of a doc; ``pipe`` is faster for many."""
        error_handler = self.get_error_handler()
        try:
            self.set_annotations([doc], self.predict([doc]))
        except Exception as error:
            error_handler(self.name, self, [doc], error)
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Link the entities of docs, looking up those of ``batch_size`` docs at once."""
        error_handler = self.get_error_handler()
        for docs in util.minibatch(stream, size=batch_size):
            try:
                self.set_annotations(docs, self.predict(docs))
                yield from docs
            except Exception as error:
                error_handler(self.name, self, docs, error)

    def predict(self, docs: Sequence[Doc]) -> list[list[RankedIds]]:
        """Look up the mentions of docs.

        Returns:
            For each mention of each doc its ranked concepts, pairs of id and score.

        Raises:
            ValueError: The pipe has no knowledge base.
        """
        kb = self._require_kb()
        # A mention that comes again in the batch is looked up once.
        queries: dict[tuple[str, tuple[str, ...] | None], int] = {}
        lookups: list[list[list[int]]] = []
        for doc in docs:
            spans = self._mentions(doc)
            long_forms = find_abbreviations(doc.text) if spans and self.cfg["expand_abbreviations"] else {}
            lookups.append([])
            for span in spans:
                types = self._types(span.label_)
                forms = _forms(span, long_forms)
                lookups[-1].append([queries.setdefault((form, types), len(queries)) for form in forms])
        found = kb.candidates(
            [form for form, _ in queries], top_n=self.cfg["top_n"], types=[types for _, types in queries]
        )
        ranked = [[(candidate.concept_id, candidate.score) for candidate in candidates] for candidates in found]
        return [[_merge([ranked[i] for i in forms], self.cfg["top_n"]) for forms in doc] for doc in lookups]

    def set_annotations(self, docs: Sequence[Doc], predictions: Sequence[Sequence[RankedIds]]) -> None:
        """Write what :meth:`predict` returned to the docs."""
        for doc, ranked in zip(docs, predictions, strict=True):
            spans = self._mentions(doc)
            ids = [
                span.kb_id_ if span.kb_id_ and not self.cfg["overwrite"] else self._best_id(candidates)
                for span, candidates in zip(spans, ranked, strict=True)
            ]
            self._set_ids(doc, spans, ids)
            set_candidates(doc, self.cfg["candidates_key"], self._mentions(doc), ranked)

    def _mentions(self, doc: Doc) -> list[Span]:
        key = self.cfg["spans_key"]
        if key is None:
            return list(doc.ents)
        return list(doc.spans[key]) if key in doc.spans else []

    def _types(self, label: str) -> tuple[str, ...] | None:
        types = self.cfg["label_types"].get(label)
        if types is not None:
            return tuple(types)
        return (label,) if label in self._require_kb().types else None

    def _best_id(self, candidates: RankedIds) -> str:
        return candidates[0][0] if candidates and candidates[0][1] >= self.cfg["threshold"] else NIL

    def _set_ids(self, doc: Doc, spans: Sequence[Span], ids: Sequence[str]) -> None:
        for i, (span, concept_id) in enumerate(zip(spans, ids, strict=True)):
            if self.cfg["spans_key"] is None:
                # Through the tokens: setting `doc.ents` anew would touch tokens whose annotation is missing.
                for token in span:
                    token.ent_kb_id_ = concept_id
            else:
                doc.spans[self.cfg["spans_key"]][i] = Span(
                    doc, span.start, span.end, label=span.label, kb_id=concept_id, span_id=span.id
                )

    # --- The knowledge base ---

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]] | None = None,
        *,
        nlp: Language | None = None,
        kb: str | Path | None = None,
    ) -> None:
        """Open the knowledge base. It is copied into the pipeline when that is saved.

        Args:
            get_examples: Not used: nothing is trained.
            nlp: The pipeline.
            kb: A folder that ``spacy biobert kb build`` made. May be left out if the pipe has a knowledge base already.

        Raises:
            FileNotFoundError: There is no knowledge base in the folder.
            ValueError: There is none at all, or it has not the types that ``label_types`` names.
        """
        from .kb import KnowledgeBase

        if kb is not None:
            self.set_kb(KnowledgeBase.open(kb))
        self._require_kb()

    def set_kb(self, kb: "KnowledgeBase") -> None:
        """Use a knowledge base.

        Raises:
            ValueError: It has not the types that ``label_types`` names.
        """
        wanted = {name for types in self.cfg["label_types"].values() for name in types}
        if unknown := wanted - kb.types:
            raise ValueError(
                Errors.B242.format(
                    unknown=", ".join(sorted(unknown)), path=kb.folder, types=", ".join(sorted(kb.types)) or "none"
                )
            )
        self.kb = kb

    def _require_kb(self) -> "KnowledgeBase":
        if self.kb is None:
            raise ValueError(Errors.B241.format(name=self.name))
        return self.kb

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """Score examples; an id counts as right also where it is an alternative id of the concept."""
        if self.scorer is None:
            return {}
        kwargs.setdefault("spans_key", self.cfg["spans_key"])
        if self.kb is not None:
            kwargs.setdefault("equivalent_ids", self.kb.equivalent_ids)
        return self.scorer(examples, **kwargs)

    # --- Saving and loading ---

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save the pipe to a folder: a copy of the knowledge base, if it has one."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        if self.kb is not None and "kb" not in exclude:
            self.kb.copy_to(folder / "kb")

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "Linker":
        """Load the pipe from a folder. Options are the config's, not those that were saved."""
        from .kb import KnowledgeBase

        folder = Path(path) / "kb"
        if folder.exists() and "kb" not in exclude:
            self.set_kb(KnowledgeBase.open(folder))
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialize the pipe with its knowledge base.

        Raises:
            ValueError: The knowledge base is too large to travel in memory.
        """
        kb = self.kb
        return util.to_bytes({} if kb is None else {"kb": kb.to_bytes}, exclude)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "Linker":
        """Load the pipe from what :meth:`to_bytes` returned."""
        from .kb import KnowledgeBase

        util.from_bytes(bytes_data, {"kb": lambda data: self.set_kb(KnowledgeBase.from_bytes(data))}, exclude)
        return self


def _forms(span: Span, long_forms: dict[str, str]) -> list[str]:
    """Return what to look up for a mention: what it stands for, if it is or holds an abbreviation, and itself."""
    text = span.text
    # Set by an abbreviation detector: a span or a text, None where the mention is no abbreviation.
    long_form = span._.long_form if Span.has_extension("long_form") else None
    written_out = str(long_form) if long_form is not None else expand(text, long_forms)
    return [text] if written_out == text else [written_out, text]


def _merge(ranked: Sequence[RankedIds], top_n: int) -> RankedIds:
    """Merge the concepts found by each form of a mention, the first form being the full one."""
    scores: dict[str, float] = {}
    for form, candidates in enumerate(ranked):
        weight = SHORT_FORM_WEIGHT if form else 1.0
        for identifier, score in candidates:
            scores[identifier] = max(scores.get(identifier, 0.0), round(weight * score, SCORE_DECIMALS))
    return sorted(scores.items(), key=lambda item: -item[1])[:top_n]
