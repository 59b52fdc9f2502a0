"""The pipe ``biobert_ner``: docs -> entities with scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, NumpyOps, Optimizer, set_dropout_rate

from ..errors import Errors
from .annotations import annotate, trim_whitespace
from .decoding import decode
from .extension import install_extension
from .gold import gold_tags
from .listeners import missing_upstream
from .loss import cross_entropy
from .mentions import Mentions, find_mentions
from .model import TagScores, TokenClassifier
from .tags import TagScheme, make_tag_scheme

DEFAULT_SPANS_KEY = "ner"

_DEFAULT_MODEL = """
[model]
@architectures = "spacy_biobert.TokenClassifier.v1"
nO = null

[model.tok2vec]
@architectures = "spacy-transformers.TransformerListener.v1"
grad_factor = 1.0
pooling = {"@layers": "reduce_mean.v1"}
"""


@Language.factory(
    "biobert_ner",
    assigns=["doc.ents", "doc.spans", "token.ent_iob", "token.ent_type"],
    default_config={
        "model": Config().from_str(_DEFAULT_MODEL)["model"],
        "scheme": "BILUO",
        "spans_key": DEFAULT_SPANS_KEY,
        "threshold": 0.0,
        "temperature": 1.0,
        "overwrite": False,
        "scorer": {"@scorers": "spacy_biobert.ner_scorer.v1"},
    },
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_biobert_ner(
    nlp: Language,
    name: str,
    model: TokenClassifier,
    scheme: str,
    spans_key: str,
    threshold: float,
    temperature: float,
    overwrite: bool,
    scorer: Callable | None,
) -> BiobertNer:
    """Make the component ``biobert_ner``; see :class:`BiobertNer` for the settings."""
    return BiobertNer(
        nlp.vocab,
        model,
        name,
        scheme=scheme,
        spans_key=spans_key,
        threshold=threshold,
        temperature=temperature,
        overwrite=overwrite,
        scorer=scorer,
    )


class BiobertNer(TrainablePipe):
    """Finds entities by tagging tokens, and says how likely each one is.

    Entities go to ``doc.ents`` and, with their scores, to the span group ``doc.spans[spans_key]``, sorted by position;
    ``doc.spans[spans_key].attrs["scores"]`` lists the scores, and ``ent._.score`` looks them up.

    All settings are in ``cfg``, and those that do not shape the model may be changed there at any time.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: TokenClassifier,
        name: str = "biobert_ner",
        *,
        scheme: str = "BILUO",
        spans_key: str = DEFAULT_SPANS_KEY,
        threshold: float = 0.0,
        temperature: float = 1.0,
        overwrite: bool = False,
        scorer: Callable | None = None,
    ) -> None:
        """Create the component.

        Args:
            vocab: The pipeline's vocabulary.
            model: Docs -> scores of the tags, as ``spacy_biobert.TokenClassifier.v1`` builds it.
            name: The component's name in the pipeline.
            scheme: "BILUO" or "BIO". Fixed once the model is trained.
            spans_key: The span group to write. Two of these components in one pipeline need a key each.
            threshold: Least score, in [0, 1], of an entity that is reported at all.
            temperature: Divides the tags' scores before they become probabilities. Changes scores, not the
                entities that are found.
            overwrite: Whether to replace entities that are there already. By default those that other components or the
                user have set are kept, with the tokens that they block, and predictions that overlap them are left
                out of ``doc.ents``, as spaCy's own ``ner`` does. They stay in the span group.
            scorer: Scores examples for :meth:`score`; None for no scores.

        Raises:
            ValueError: There is no such scheme, or the temperature is not above 0.
        """
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self._settings: dict[str, Any] = {
            "spans_key": spans_key,
            "threshold": threshold,
            "temperature": temperature,
            "overwrite": overwrite,
        }
        self.cfg: dict[str, Any] = {"labels": [], "scheme": scheme, **self._settings, "settings": self._settings}
        self._check_settings()
        install_extension()

    # --- Labels ---

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the model's tags."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> list[str]:
        """The labels as ``spacy init labels`` stores them, for ``initialize(labels=…)``."""
        return list(self.labels)

    @property
    def tag_scheme(self) -> TagScheme:
        """The tags that the model scores, in its order."""
        return make_tag_scheme(self.cfg["scheme"], self.labels)

    def add_label(self, label: str) -> int:
        """Add a label before the model is initialized.

        Args:
            label: The label.

        Returns:
            1 if it is new, 0 if it was there.

        Raises:
            ValueError: It is not a text, or the model has no place for it.
        """
        if not isinstance(label, str) or not label:
            raise ValueError(Errors.B109.format(name=self.name, label=label))
        if label in self.labels:
            return 0
        if self.model.has_dim("nO"):
            n_tags = len(make_tag_scheme(self.cfg["scheme"], (*self.labels, label)).tags)
            if self.model.get_dim("nO") < n_tags:
                known = ", ".join(self.labels)
                nO = self.model.get_dim("nO")
                raise ValueError(Errors.B102.format(name=self.name, label=label, nO=nO, labels=known))
        self.cfg["labels"] = [*self.labels, label]
        self.vocab.strings.add(label)
        return 1

    # --- Prediction ---

    def predict(self, docs: Iterable[Doc]) -> list[Mentions]:
        """Find the entities of a batch of docs, without changing the docs.

        Args:
            docs: The docs.

        Returns:
            The mentions of each doc whose score reaches the threshold. Whitespace at a mention's edges is cut off.

        Raises:
            ValueError: The docs have no token vectors, the scores are not numbers, or the temperature is not above 0.
        """
        docs = list(docs)
        lengths = np.array([len(doc) for doc in docs], dtype=np.int64)
        scheme = self.tag_scheme
        self._check_settings()
        if lengths.any():
            self._require_vectors(docs, is_train=False)
            ops = self.model.ops
            scores = ops.to_numpy(ops.flatten(self.model.predict(docs)))
            if np.isnan(scores).any():
                raise ValueError(Errors.B107.format(name=self.name))
        else:
            scores = np.zeros((0, len(scheme.tags)), dtype=np.float32)
        tags = decode(scores, lengths, scheme)
        mentions = find_mentions(tags, scores, lengths, scheme, temperature=self.cfg["temperature"])
        mentions = mentions.select(mentions.scores >= self.cfg["threshold"])
        return [trim_whitespace(doc, found) for doc, found in zip(docs, mentions.split(lengths), strict=True)]

    def set_annotations(self, docs: Iterable[Doc], predictions: Sequence[Mentions]) -> None:
        """Write predicted mentions into ``doc.spans[spans_key]`` and ``doc.ents``.

        Args:
            docs: The docs to change.
            predictions: What :meth:`predict` gave for them.
        """
        label_hashes = [self.vocab.strings.as_int(label) for label in self.labels]
        settings = {"spans_key": self.cfg["spans_key"], "overwrite": self.cfg["overwrite"]}
        for doc, mentions in zip(docs, predictions, strict=True):
            annotate(doc, mentions, label_hashes, annotator=self.name, **settings)

    # --- Training ---

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        """Settle the labels and give the model its shape.

        Args:
            get_examples: Gives training examples.
            nlp: The pipeline.
            labels: The labels, as ``spacy init labels`` stores them. Without them, the labels of all entities in
                the examples are taken, in alphabetical order.

        Raises:
            ValueError: There are no labels, no component before this one makes token vectors, or the config sets
                another number of tags.
        """
        validate_get_examples(get_examples, "BiobertNer.initialize")
        upstream = missing_upstream(self.model)
        if upstream is not None:
            raise ValueError(Errors.B106.format(name=self.name, upstream=upstream))
        if labels is None:
            labels = sorted({ent.label_ for example in get_examples() for ent in example.reference.ents})
        for label in labels:
            self.add_label(label)
        if not self.labels:
            raise ValueError(Errors.B103.format(name=self.name))
        n_tags = len(self.tag_scheme.tags)
        if self.model.has_dim("nO") and self.model.get_dim("nO") != n_tags:
            nO = self.model.get_dim("nO")
            counts = {"n_labels": len(self.labels), "n_tags": n_tags, "scheme": self.cfg["scheme"]}
            raise ValueError(Errors.B105.format(name=self.name, nO=nO, **counts))
        self.model.set_dim("nO", n_tags)
        self.model.initialize(X=[example.predicted for example in islice(get_examples(), 10)])

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from a batch of examples.

        Args:
            examples: The batch.
            drop: Rate of dropout, on the token vectors and in a ``tok2vec`` that has dropout.
            sgd: The optimizer, or None to gather gradients only.
            losses: Sums of losses by component, to add this batch's to.

        Returns:
            ``losses``. The batch's loss is the mean cross-entropy of its annotated tokens.

        Raises:
            ValueError: The data has a label that is not known, the docs have no token vectors, or the scores are not
                numbers.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        validate_examples(examples, "BiobertNer.update")
        examples = list(examples)
        docs = [example.predicted for example in examples]
        if not any(len(doc) for doc in docs):
            return losses
        self._require_vectors(docs, is_train=True)
        set_dropout_rate(self.model, drop)
        scores, backprop = self.model.begin_update(docs)
        loss, d_scores = self.get_loss(examples, scores)
        backprop(d_scores)  # also where all is missing: an encoder waits for the gradient of each of its listeners
        if sgd is not None:
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def get_loss(self, examples: Iterable[Example], scores: TagScores) -> tuple[float, TagScores]:
        """Compute the mean cross-entropy of the annotated tokens, and its gradient.

        Args:
            examples: The batch, D examples.
            scores: D arrays of shape (n_tokens, n_tags).

        Returns:
            The loss, and D arrays of shape (n_tokens, n_tags), exactly 0 at tokens whose annotation is missing.

        Raises:
            ValueError: The data has a label that is not known, or the scores are not numbers.
        """
        examples = list(examples)
        ops = self.model.ops
        gold = ops.xp.asarray(gold_tags(examples, self.tag_scheme, name=self.name))
        loss, d_scores = cross_entropy(ops.flatten(scores), gold, ops)
        if not np.isfinite(loss):
            raise ValueError(Errors.B107.format(name=self.name))
        return loss, ops.unflatten(d_scores, NumpyOps().asarray1i([len(array) for array in scores]))

    # --- Disk ---

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> BiobertNer:
        """Load from a folder. Settings given to ``spacy.load`` win over stored ones."""
        super().from_disk(path, exclude=exclude)
        return self._after_loading()

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> BiobertNer:
        """Load from bytes. Settings given in the config win over stored ones."""
        super().from_bytes(bytes_data, exclude=exclude)
        return self._after_loading()

    def _after_loading(self) -> BiobertNer:
        """Undo the overwriting of settings that the config gives otherwise than it did when the pipeline was saved."""
        stored = self.cfg["settings"]
        given = {key: value for key, value in self._settings.items() if key in stored and stored[key] != value}
        self.cfg.update(given, settings=self._settings)
        for label in self.labels:
            self.vocab.strings.add(label)
        return self

    # --- Checks ---

    def _check_settings(self) -> None:
        make_tag_scheme(self.cfg["scheme"], self.labels)
        temperature = self.cfg["temperature"]
        if not temperature > 0:
            raise ValueError(Errors.B108.format(name=self.name, setting="temperature", value=temperature))

    def _require_vectors(self, docs: list[Doc], *, is_train: bool) -> None:
        upstream = missing_upstream(self.model, docs, is_train=is_train)
        if upstream is not None:
            raise ValueError(Errors.B106.format(name=self.name, upstream=upstream))
