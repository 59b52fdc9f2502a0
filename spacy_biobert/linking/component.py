"""The pipe `biobert_linker`: gives entities the ids of their concepts."""

# No postponed annotations here: spaCy validates the settings of `initialize` by its signature.
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Optimizer

from ..errors import Errors, Warnings
from ..json_files import read_json_object
from ..stored_settings import SETTINGS, given_otherwise, restored
from .annotations import annotate
from .equipment import Equipment
from .extension import register_extension
from .mention_reader import MentionReader
from .mentions import GoldMention
from .scorer import Scorer
from .settings import LinkerSettings

if TYPE_CHECKING:
    from .kb import KnowledgeBase
    from .name_encoder import NameEncoder
    from .ranker import Ranker
    from .resolver import Ranking, Resolver
    from .training import RankerTrainer

PARTS = "parts"
"""The key, beside the settings in a pipeline's folder, of the names of what else was stored there."""

DEFAULT_CONFIG = {
    **asdict(LinkerSettings()),
    "extension": "kb_ents",
    "scorer": {"@scorers": "spacy_biobert.linker_scorer.v1"},
}


@Language.factory(
    "biobert_linker",
    assigns=["token.ent_kb_id"],
    requires=["doc.ents"],
    default_config=DEFAULT_CONFIG,
    # Weights of 0: shown after each evaluation, with no say in which pipeline is the best, unless a config says so.
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
    labels: list[str] | None,
    label_types: dict[str, list[str]],
    expand_abbreviations: bool,
    split_composites: bool,
    ranker: bool,
    train_on_predicted: bool,
    context_vectors: bool,
    overwrite: bool,
    spans_key: str | None,
    candidates_key: str | None,
    extension: str,
    kb_path: str | None,
    scorer: Callable | None,
) -> "Linker":
    """Build the pipe; :class:`.LinkerSettings` and :class:`Linker` explain the options."""
    settings = LinkerSettings(
        top_n=top_n,
        threshold=threshold,
        labels=labels,
        label_types=label_types,
        expand_abbreviations=expand_abbreviations,
        split_composites=split_composites,
        ranker=ranker,
        train_on_predicted=train_on_predicted,
        context_vectors=context_vectors,
        overwrite=overwrite,
        spans_key=spans_key,
        candidates_key=candidates_key,
        kb_path=kb_path,
    )
    return Linker(nlp.vocab, name, settings, extension=extension, scorer=scorer)


# No `TrainablePipe`: that has a network from the beginning, made by its config. This one has none unless there is a
# ranker, and steps it by an optimizer of the ranker's own.
class Linker(Pipe):
    """Links entities to the concepts of a knowledge base.

    Sets ``ent.kb_id_`` to the id of the best concept, or to "NIL", and keeps the ranked concepts, shown as
    ``ent._.kb_ents``: pairs of id and score, as scispaCy's linker gives them. Everything else of an entity stays. The
    score is the similarity of names, or, with a ranker, the probability that the concept is the one that is meant.

    Args:
        vocab: The pipeline's vocabulary.
        name: The pipe's name.
        settings: What can be changed later, too, in ``cfg``.
        extension: The name in place of ``kb_ents``. Where another package has claimed it, it is left alone.
        scorer: Scores examples, see :func:`.scorer.score_links`.
    """

    def __init__(
        self,
        vocab: Vocab,
        name: str = "biobert_linker",
        settings: LinkerSettings | None = None,
        *,
        extension: str = "kb_ents",
        scorer: Scorer | None = None,
    ) -> None:
        self.vocab = vocab
        self.name = name
        self.scorer = scorer
        self._equipment = Equipment(name)
        self._trainer: RankerTrainer | None = None
        # Labels that were met and are not linked.
        self._left_alone: set[str] = set()
        self._has_warned = False
        self._settings = asdict(settings or LinkerSettings())
        # Read at each prediction, and stored with the pipeline: `spacy find-threshold` replaces it.
        self.cfg = deepcopy(self._settings)
        self._extension = extension
        self._registered = ""
        self._register()

    @property
    def candidates_key(self) -> str:
        """The group of ``doc.spans`` that keeps the ranked concepts: spaCy may have renamed the pipe since."""
        return self.cfg["candidates_key"] or self.name

    def _register(self) -> None:
        """Let ``span._.kb_ents`` read that group.

        Raises:
            ValueError: It is the group of the mentions, which it would replace.
        """
        if self.candidates_key == self.cfg["spans_key"]:
            expected = "another group than spans_key, which it would replace"
            raise ValueError(Errors.B221.format(option="candidates_key", value=self.candidates_key, expected=expected))
        if self._registered != self.candidates_key:
            self._registered = self.candidates_key
            register_extension(self._extension, self._registered)

    # --- Prediction ---

    def __call__(self, doc: Doc) -> Doc:
        """Link the entities of a doc; ``pipe`` is faster for many."""
        error_handler = self.get_error_handler()
        try:
            self.set_annotations([doc], self.predict([doc]))
            return doc
        except Exception as error:
            error_handler(self.name, self, [doc], error)

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Link the entities of docs, looking up those of ``batch_size`` docs at once."""
        error_handler = self.get_error_handler()
        for docs in util.minibatch(stream, size=batch_size):
            try:
                self.set_annotations(docs, self.predict(docs))
            except Exception as error:
                error_handler(self.name, self, docs, error)
            else:
                yield from docs

    def predict(self, docs: Sequence[Doc]) -> "list[list[Ranking]]":
        """Rank concepts for the mentions of docs, see :meth:`rank`."""
        return self.rank(docs)

    def rank(self, docs: Sequence[Doc], *, n_parts: Sequence[Sequence[int]] | None = None) -> "list[list[Ranking]]":
        """Rank concepts for the mentions of docs that this linker links.

        Args:
            docs: The docs; they are not changed.
            n_parts: For each of these mentions, how many concepts it names, where that is known.

        Raises:
            ValueError: The pipe has no knowledge base, or a ranker that was never trained or initialized.
        """
        resolver = self.resolver()
        reader = self._reader()
        read = [reader.read(doc, n_parts=n_parts[i] if n_parts else None) for i, doc in enumerate(docs)]
        return resolver.rank(read, self.cfg["top_n"])

    def set_annotations(self, docs: Sequence[Doc], predictions: "Sequence[Sequence[Ranking]]") -> None:
        """Write what :meth:`predict` returned to the docs, see :func:`.annotate`."""
        self._register()
        reader = self._reader()
        annotate(
            docs,
            [reader.mentions(doc) for doc in docs],
            predictions,
            annotator=self.name,
            candidates_key=self.candidates_key,
            settings=self.cfg,
        )

    def _reader(self) -> MentionReader:
        """Make what reads docs: settings and knowledge base may be others by now."""
        return MentionReader(self.name, self.cfg, self._equipment, self._left_alone)

    def resolver(self) -> "Resolver":
        """Return what looks mentions up; it is made when it is first needed."""
        return self._equipment.resolver(ranker=self.cfg["ranker"])

    # --- The knowledge base ---

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]] | None = None,
        *,
        nlp: Language | None = None,
        kb: str | Path | None = None,
        kb_by_reference: bool | None = None,
        dense: str | Path | None = None,
    ) -> None:
        """Open the knowledge base, and make the ranker ready to be trained if there shall be one.

        Args:
            get_examples: Gives training examples: how often they link to each concept is something that a ranker knows.
                Where they are given, a ranker begins anew; otherwise one that was trained is kept.
            nlp: The pipeline.
            kb: A folder that ``spacy biobert kb build`` made. May be left out if the pipe has a knowledge base already,
                which it keeps, too, where `nlp.initialize` names a folder that is not there: a pipeline's config goes
                on naming what it was made from.
            kb_by_reference: Whether the saved pipeline says where the knowledge base lies, in place of carrying a copy;
                None leaves that as it is, which is to carry a copy unless it was loaded without.
            dense: A file that ``spacy biobert train-linker`` made: vectors of names, for the ranker. Of one that is not
                there the same is true.

        Raises:
            FileNotFoundError: There is no knowledge base in the folder, or no such file.
            ValueError: There is none at all, or it has not the types that ``label_types`` names; or a file is damaged.
        """
        from .kb import KnowledgeBase

        if kb is not None and not (nlp and self.kb is not None and self._is_gone("kb", kb)):
            self.kb = KnowledgeBase.open(kb)
        if kb_by_reference is not None:
            self._equipment.by_reference = kb_by_reference
        self.require_kb()
        if dense is not None and not (nlp and self.name_encoder is not None and self._is_gone("dense", dense)):
            from .name_encoder import load_name_encoder

            self.name_encoder = load_name_encoder(Path(dense))
        if self.cfg["ranker"] and (get_examples is not None or self.ranker is None):
            from .context import ConceptFacts
            from .ranker import Ranker

            if get_examples is not None:
                validate_get_examples(get_examples, "Linker.initialize")
            ranker = Ranker()
            references = (example.reference for example in get_examples()) if get_examples else ()
            ranker.count(map(self._reader().gold, references), ConceptFacts(self.require_kb()))
            self.ranker = ranker

    def _is_gone(self, option: str, path: str | Path) -> bool:
        """Tell whether nothing lies where a config has it, and say that what is there already stays."""
        if Path(path).exists():
            return False
        warnings.warn(Warnings.W266.format(name=self.name, option=option, path=path), stacklevel=3)
        return True

    @property
    def kb(self) -> "KnowledgeBase | None":
        """The knowledge base. One that has not the types that ``label_types`` names is refused with a ValueError."""
        return self._equipment.kb

    @kb.setter
    def kb(self, kb: "KnowledgeBase | None") -> None:
        if kb is not None:
            self._check_types(kb)
        self._equipment.kb = kb

    @property
    def name_encoder(self) -> "NameEncoder | None":
        """Makes vectors of names, which the ranker reads."""
        return self._equipment.name_encoder

    @name_encoder.setter
    def name_encoder(self, name_encoder: "NameEncoder | None") -> None:
        self._equipment.name_encoder = name_encoder

    @property
    def ranker(self) -> "Ranker | None":
        """The ranker, where one was made; the option of this name says whether it is used."""
        return self._equipment.ranker

    @ranker.setter
    def ranker(self, ranker: "Ranker | None") -> None:
        self._equipment.ranker = ranker

    @contextmanager
    def using(self, kb: "KnowledgeBase") -> Iterator[None]:
        """Link to another knowledge base within a block. Then its own is back, with all that was made of it.

        Raises:
            ValueError: It has not the types that ``label_types`` names.
        """
        self._check_types(kb)
        own, self._equipment = self._equipment, self._equipment.with_kb(kb)
        try:
            yield
        finally:
            self._equipment = own

    def _check_types(self, kb: "KnowledgeBase") -> None:
        wanted = {name for types in self.cfg["label_types"].values() for name in types}
        if unknown := wanted - kb.types:
            raise ValueError(
                Errors.B242.format(
                    unknown=", ".join(sorted(unknown)), path=kb.folder, types=", ".join(sorted(kb.types)) or "none"
                )
            )

    def require_kb(self) -> "KnowledgeBase":
        """Return the knowledge base.

        Raises:
            ValueError: There is none.
        """
        return self._equipment.require_kb()

    # --- Training ---

    @property
    def is_trainable(self) -> bool:
        """Whether there is a ranker to be trained."""
        return bool(self.cfg["ranker"])

    @property
    def model(self) -> Any:
        """The ranker's network; None where there is none."""
        return self.ranker.model if self.ranker else None

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Let the ranker learn from the mentions of a batch. Without a ranker, nothing happens.

        Args:
            examples: The batch.
            drop: Not used.
            sgd: Says that a step is to be made; the ranker has a learning rate of its own.
            losses: The loss is added under the pipe's name: nats a mention.

        Raises:
            ValueError: The pipe has no knowledge base, or was never initialized.
        """
        losses = {} if losses is None else losses
        examples = list(examples)
        validate_examples(examples, "Linker.update")
        if not self.is_trainable:
            return losses
        losses.setdefault(self.name, 0.0)
        finder = self.resolver().finder
        trainer = self.trainer
        if trainer is not None:
            reader = self._reader()
            gold = [reader.gold(example.reference, encoded=example.predicted) for example in examples]
            docs = gold
            if self.cfg["train_on_predicted"]:
                docs = [reader.found(example) for example in examples]
                if any(gold) and not any(docs) and not self._has_warned:
                    self._has_warned = True
                    warnings.warn(Warnings.W264.format(name=self.name), stacklevel=2)
            losses[self.name] += trainer.update(docs, finder, counted=gold)
            for mentions in gold:
                trainer.ranker.context_vectors.put(mentions, self.require_kb())
            if sgd is not None:
                self.finish_update(sgd)
        return losses

    def finish_update(self, sgd: Optimizer) -> None:
        """Make the step that was learned; ``sgd`` is not used, for it is set for an encoder."""
        if self.trainer is not None:
            self.trainer.step()

    @property
    def trainer(self) -> "RankerTrainer | None":
        """What trains the ranker, with an optimizer of its own; None where there is no ranker."""
        if self.ranker is None:
            self._trainer = None
        elif self._trainer is None or self._trainer.ranker is not self.ranker:
            from .training import RankerTrainer

            self._trainer = RankerTrainer(self.ranker)
        return self._trainer

    def training_state(self) -> dict[str, Any]:
        """Return what a training that goes on needs besides the network's weights."""
        return self.trainer.state() if self.trainer else {}

    def set_training_state(self, state: Mapping[str, Any]) -> None:
        """Put back what :meth:`training_state` returned."""
        if self.trainer:
            self.trainer.set_state(state)

    def gold(self, reference: Doc, *, encoded: Doc | None = None) -> list[GoldMention]:
        """Return the annotated mentions of a reference with the ids that mean the same as theirs.

        Args:
            reference: The reference.
            encoded: The doc of the same text that has token vectors, if it is not the reference itself.
        """
        return self._reader().gold(reference, encoded=encoded)

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
        """Save the pipe to a folder: settings, its knowledge base or a reference to it, and what it has learned."""
        self._equipment.to_disk(Path(path), exclude=exclude)
        if "cfg" in exclude:  # an earlier one would speak of parts that are there no more
            (Path(path) / "cfg").unlink(missing_ok=True)
        stored = {**self._stored(), PARTS: self._equipment.parts(exclude)}
        util.to_disk(Path(path), {"cfg": lambda file: srsly.write_json(file, stored)}, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "Linker":
        """Load the pipe from a folder. Settings given to ``spacy.load`` win over stored ones."""
        file = Path(path) / "cfg"
        stored = read_json_object(file) if file.exists() and "cfg" not in exclude else {}
        new_place = self._restore(stored)
        if missing := set(stored.get(PARTS, ())) - set(self._equipment.parts_in(Path(path), exclude)):
            raise FileNotFoundError(Errors.B249.format(name=self.name, path=path, missing=", ".join(sorted(missing))))
        self._equipment.from_disk(Path(path), kb_path=self.cfg["kb_path"], insists=new_place, exclude=exclude)
        return self._checked()

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialize the pipe, with its knowledge base or a reference to it.

        Raises:
            ValueError: The knowledge base is too large to travel in memory.
        """
        write = {
            "cfg": lambda: srsly.json_dumps(self._stored()),
            "equipment": lambda: self._equipment.to_bytes(exclude=exclude),
        }
        return util.to_bytes(write, exclude)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "Linker":
        """Load the pipe from what :meth:`to_bytes` returned. Settings given in the config win over stored ones."""
        message = srsly.msgpack_loads(bytes_data)
        stored = srsly.json_loads(message["cfg"]) if "cfg" in message and "cfg" not in exclude else {}
        new_place = self._restore(stored)
        if "equipment" in message:
            place = self.cfg["kb_path"]
            self._equipment.from_bytes(message["equipment"], kb_path=place, insists=new_place, exclude=exclude)
        return self._checked()

    def _stored(self) -> dict[str, Any]:
        return {**self.cfg, SETTINGS: self._settings}

    def _restore(self, stored: dict[str, Any]) -> bool:
        """Take over stored settings, except where the knowledge base lies: that is this machine's.

        Returns:
            Whether the config says so now, and did not when the settings were stored.
        """
        kept = {key: restored(value) for key, value in stored.items() if key in self.cfg and key != "kb_path"}
        given_then = stored.get(SETTINGS, {})
        self.cfg.update(kept, **given_otherwise(self._settings, given_then))
        return self.cfg["kb_path"] not in (None, given_then.get("kb_path"))

    def _checked(self) -> "Linker":
        if self.kb is not None:
            self._check_types(self.kb)
        return self
