"""The pipe ``biobert_ner``: docs -> entities with scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, NumpyOps, Optimizer, set_dropout_rate
from thinc.types import Floats2d

from ..errors import Errors
from ..json_files import read_json_object
from ..span_places import SPANS_KEY
from ..stored_settings import SETTINGS, given_otherwise, restored
from .annotations import annotate
from .extension import install_extension
from .layers import TagLayers, find_in_layers, make_tag_layers
from .listeners import changed_doc, missing_upstream
from .loss import cross_entropy
from .mentions import Mentions
from .model import TagScores, TokenClassifier, start_outside
from .sequence_loss import sequence_cross_entropy
from .settings import check_settings
from .tags import TagScheme
from .targets import allowed_tags, gold_mentions
from .words import Words, space_tokens

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
        "overlapping": False,
        "spans_key": SPANS_KEY,
        "threshold": 0.0,
        "temperature": 1.0,
        "overwrite": False,
        "clash": "score",
        "gold_spans_key": None,
        "objective": "tokens",
        "label_smoothing": 0.0,
        "label_weights": {},
        "scorer": {"@scorers": "spacy_biobert.ner_scorer.v1"},
    },
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_biobert_ner(
    nlp: Language,
    name: str,
    model: TokenClassifier,
    scheme: str,
    overlapping: bool,
    spans_key: str,
    threshold: float,
    temperature: float,
    overwrite: bool,
    clash: str,
    gold_spans_key: str | None,
    objective: str,
    label_smoothing: float,
    label_weights: dict[str, float],
    scorer: Callable | None,
) -> BiobertNer:
    """Make the component ``biobert_ner``; see :class:`BiobertNer` for the settings."""
    return BiobertNer(
        nlp.vocab,
        model,
        name,
        scheme=scheme,
        overlapping=overlapping,
        spans_key=spans_key,
        threshold=threshold,
        temperature=temperature,
        overwrite=overwrite,
        clash=clash,
        gold_spans_key=gold_spans_key,
        objective=objective,
        label_smoothing=label_smoothing,
        label_weights=label_weights,
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
        overlapping: bool = False,
        spans_key: str = SPANS_KEY,
        threshold: float = 0.0,
        temperature: float = 1.0,
        overwrite: bool = False,
        clash: str = "score",
        gold_spans_key: str | None = None,
        objective: str = "tokens",
        label_smoothing: float = 0.0,
        label_weights: Mapping[str, float] | None = None,
        scorer: Callable | None = None,
    ) -> None:
        """Create the component.

        Args:
            vocab: The pipeline's vocabulary.
            model: Docs -> scores of the tags, as ``spacy_biobert.TokenClassifier.v1`` builds it.
            name: The component's name in the pipeline.
            scheme: "BILUO" or "BIO". Fixed once the model is trained.
            overlapping: Whether each label is found by itself, in a layer of tags of its own, so that mentions of
                different labels may overlap in the span group. By default all labels share one sequence of tags, and
                nothing overlaps. Fixed once the model is trained.
            spans_key: The span group to write. Two of these components in one pipeline need a key each.
            threshold: Least score, in [0, 1], of an entity that is reported at all.
            temperature: Divides the tags' scores before they become probabilities. Changes scores, not the mentions
                that are found, but perhaps which of those that overlap are the likelier ones.
            overwrite: Whether to replace entities that are there already. By default those that other components or the
                user have set are kept, with the tokens that they block, and predictions that overlap them are left
                out of ``doc.ents``, as spaCy's own ``ner`` does. They stay in the span group.
            clash: Which of the mentions that overlap go to ``doc.ents``: "score", the likelier ones, or "longest".
            gold_spans_key: Where mentions may overlap, learn from this span group of the training docs that have it,
                in place of their ``doc.ents``.
            objective: What training makes likely: "tokens", the tag of each token by itself, or "sequence", the
                sequence of tags among all that are valid (a CRF without weights of its own). Decoding is the same, and
                so are the scores, which take tokens as independent.
            label_smoothing: Share of each token's training target, in [0, 1), that is spread evenly over all tags.
            label_weights: Where mentions may overlap, how much labels weigh in training; 1 those that are not named.
            scorer: Scores examples for :meth:`score`; None for no scores.

        Raises:
            ValueError: A setting has a value that means nothing.
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
            "clash": clash,
            "gold_spans_key": gold_spans_key,
            "objective": objective,
            "label_smoothing": label_smoothing,
            "label_weights": dict(label_weights or {}),
        }
        shape = {"labels": [], "scheme": scheme, "overlapping": overlapping}
        # A copy: what a user changes in `cfg`, in place even, is not what the config said.
        self.cfg: dict[str, Any] = {**shape, **deepcopy(self._settings), SETTINGS: self._settings}
        self._layers_of(())  # refuses what is no scheme
        check_settings(self.cfg, name=self.name)
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
    def tag_layers(self) -> TagLayers:
        """The tags that the model scores, in its order: one layer, or one for each label."""
        return self._layers_of(self.labels)

    @property
    def tag_scheme(self) -> TagScheme:
        """The tags of each layer."""
        return self.tag_layers.scheme

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
        n_scores = self._layers_of((*self.labels, label)).n_scores
        if self.model.has_dim("nO") and self.model.get_dim("nO") < n_scores:
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
            The mentions of each doc whose score reaches the threshold. White space in them counts nothing, see `words`.

        Raises:
            ValueError: The docs have no token vectors, the scores are not numbers, or the temperature is not above 0.
        """
        docs = list(docs)
        lengths = np.array([len(doc) for doc in docs], dtype=np.int64)
        layers = self.tag_layers
        check_settings(self.cfg, name=self.name)
        if lengths.any():
            self._require_vectors(docs, is_train=False)
            ops = self.model.ops
            scores = ops.to_numpy(ops.flatten(self.model.predict(docs)))
            if np.isnan(scores).any():
                raise ValueError(Errors.B107.format(name=self.name))
        else:
            scores = np.zeros((0, layers.n_scores), dtype=np.float32)
        words = Words.of(docs)
        temperature = self.cfg["temperature"]
        mentions = find_in_layers(words.scores(scores, layers), words.lengths, layers, temperature=temperature)
        mentions = mentions.select(mentions.scores >= self.cfg["threshold"])
        return words.in_tokens(mentions).split(lengths)

    def set_annotations(self, docs: Iterable[Doc], predictions: Sequence[Mentions]) -> None:
        """Write predicted mentions into ``doc.spans[spans_key]`` and ``doc.ents``.

        Args:
            docs: The docs to change.
            predictions: What :meth:`predict` gave for them.
        """
        label_hashes = [self.vocab.strings.as_int(label) for label in self.labels]
        settings = {key: self.cfg[key] for key in ("spans_key", "overwrite", "clash")}
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
        key = self.cfg["gold_spans_key"]
        if labels is None:
            references = (example.reference for example in get_examples())
            labels = sorted({span.label_ for doc in references for span in gold_mentions(doc, key)})
        elif isinstance(labels, str | Mapping):
            raise ValueError(Errors.B121.format(name=self.name, labels=labels))
        for label in labels:
            self.add_label(label)
        if not self.labels:
            where = f"`doc.spans['{key}']` or `doc.ents`" if key else "`doc.ents`"
            raise ValueError(Errors.B103.format(name=self.name, where=where))
        n_tags = self.tag_layers.n_scores
        if self.model.has_dim("nO") and self.model.get_dim("nO") != n_tags:
            nO = self.model.get_dim("nO")
            counts = {"n_labels": len(self.labels), "n_tags": n_tags, "scheme": self.cfg["scheme"]}
            raise ValueError(Errors.B105.format(name=self.name, nO=nO, **counts))
        self.model.set_dim("nO", n_tags)
        self.model.initialize(X=[example.predicted for example in islice(get_examples(), 10)])
        start_outside(self.model, self.tag_layers.tag_labels < 0)

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
            ``losses``. The batch's loss is the mean over its annotated tokens, see :meth:`get_loss`.

        Raises:
            ValueError: The data has a label that is not known, the docs have no token vectors, or the scores are not
                numbers.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "BiobertNer.update")
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
        """Compute the mean cross-entropy of what is known of the annotated tokens, and its gradient.

        Args:
            examples: The batch, D examples.
            scores: D arrays of shape (n_tokens, n_tags).

        Returns:
            The loss, and D arrays of shape (n_tokens, n_tags): for "tokens", exactly 0 at white space and at tokens
            whose annotation is missing, and in the layers of labels that a doc's annotators did not look for. See
            :func:`cross_entropy`.

        Raises:
            ValueError: The data has a label that is not known, or the scores are not numbers.
        """
        check_settings(self.cfg, name=self.name)
        ops, layers, flat = self.model.ops, self.tag_layers, self.model.ops.flatten(scores)
        lengths = np.array([len(array) for array in scores], dtype=np.int64)
        examples = list(examples)
        allowed = allowed_tags(examples, layers, spans_key=self.cfg["gold_spans_key"], name=self.name)
        allowed[space_tokens([example.predicted for example in examples])] = True
        weights = self._weights()
        if self.cfg["objective"] == "sequence":
            loss, gradient = sequence_cross_entropy(
                ops.to_numpy(flat), allowed, lengths, layers.scheme, weights=weights
            )
            d_scores = ops.asarray2f(cast(Floats2d, gradient))
        else:
            smoothing = self.cfg["label_smoothing"]
            xp = ops.xp
            weights = None if weights is None else xp.asarray(weights)
            loss, d_scores = cross_entropy(flat, xp.asarray(allowed), ops, label_smoothing=smoothing, weights=weights)
        if not np.isfinite(loss):
            raise ValueError(Errors.B107.format(name=self.name))
        return loss, ops.unflatten(d_scores, NumpyOps().asarray1i(lengths))

    # --- Disk ---

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> BiobertNer:
        """Load from a folder. Settings given to ``spacy.load`` win over stored ones."""
        if (file := Path(path) / "cfg").exists() and "cfg" not in exclude:
            read_json_object(file)  # spaCy would not say which file it is that is damaged
        super().from_disk(path, exclude=exclude)
        return self._after_loading()

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> BiobertNer:
        """Load from bytes. Settings given in the config win over stored ones."""
        super().from_bytes(bytes_data, exclude=exclude)
        return self._after_loading()

    def _after_loading(self) -> BiobertNer:
        """Undo the overwriting of settings that the config gives otherwise than it did when the pipeline was saved."""
        self.cfg.update(restored(self.cfg) | given_otherwise(self._settings, self.cfg[SETTINGS]))
        self.cfg[SETTINGS] = self._settings
        nO = self.model.get_dim("nO") if self.model.has_dim("nO") else None
        if nO is not None and nO != self.tag_layers.n_scores:
            raise ValueError(Errors.B120.format(name=self.name, nO=nO, labels=", ".join(self.labels) or "none"))
        for label in self.labels:
            self.vocab.strings.add(label)
        return self

    # --- Checks ---

    def _weights(self) -> npt.NDArray[np.float32] | None:
        """The weight of each layer of tags in training; None where all are alike."""
        weights = self.cfg["label_weights"]
        if unknown := sorted(set(weights) - set(self.labels)):
            known = ", ".join(self.labels)
            raise ValueError(Errors.B116.format(name=self.name, unknown=", ".join(unknown), labels=known))
        return np.array([weights.get(label, 1.0) for label in self.labels], dtype=np.float32) if weights else None

    def _layers_of(self, labels: tuple[str, ...]) -> TagLayers:
        return make_tag_layers(self.cfg["scheme"], labels, overlapping=self.cfg["overlapping"])

    def _require_vectors(self, docs: list[Doc], *, is_train: bool) -> None:
        upstream = missing_upstream(self.model, docs, is_train=is_train)
        if upstream is not None:
            raise ValueError(Errors.B106.format(name=self.name, upstream=upstream))
        if not is_train and (doc := changed_doc(self.model, docs)) is not None:
            raise ValueError(Errors.B119.format(name=self.name, text=doc.text[:40]))
