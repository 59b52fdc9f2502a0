"""The pipe that runs the encoder once for all heads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, cast
from weakref import ref

import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples
from spacy.vocab import Vocab
from spacy_transformers.data_classes import TransformerData
from spacy_transformers.layers.listener import TransformerListener
from spacy_transformers.pipeline_component import install_extensions
from thinc.api import Config, Model, Optimizer, set_dropout_rate
from thinc.types import Floats2d

from ..errors import Errors
from ..json_files import read_json_object
from .backward import BackwardPass
from .listeners import ListenerSearch, PipelineOf
from .model import EncoderModel
from .shim import EncoderShim, encoder_shim
from .vectors import TokenVectors, gradients

DEFAULT_CONFIG = Config().from_str(
    """
    [model]
    @architectures = "spacy_biobert.Encoder.v1"
    name = "dmis-lab/biobert-base-cased-v1.2"
    """
)


@Language.factory(
    "biobert",
    assigns=["doc._.trf_data"],
    default_config={
        "model": DEFAULT_CONFIG["model"],
        "precision": "auto",
        "train_precision": "auto",
        "device": "auto",
        "max_batch_pieces": None,
    },
)
def make_biobert(
    nlp: Language,
    name: str,
    model: EncoderModel,
    precision: str,
    train_precision: str,
    device: str,
    max_batch_pieces: int | None,
) -> BioBert:
    """Make a `BioBert` component, the factory ``biobert``."""
    return BioBert(
        nlp.vocab,
        model,
        name=name,
        precision=precision,
        train_precision=train_precision,
        device=device,
        max_batch_pieces=max_batch_pieces,
        pipeline=ref(nlp),
    )


class BioBert(TrainablePipe):
    """Gives every token a vector, ``doc._.trf_data``, that heads after it read with ``TransformerListener.v1``.

    One pass serves all heads, and each head that is trained sends its gradient back. The vectors have the form of
    spaCy-transformers, pooled to tokens already, so spaCy's own heads work on it as they are.

    A doc keeps its vectors, 4 · width bytes a token, as long as it lives. Whoever keeps docs rather than vectors ends
    the pipeline with ``nlp.add_pipe("doc_cleaner")``, which drops them when all heads have read them.

    Args:
        vocab: The pipeline's vocabulary.
        model: From docs to vectors, see `architectures.build_encoder_v1`.
        name: The component's name in the pipeline.
        precision: Arithmetic of prediction: ``"float32"``, ``"bfloat16"``, ``"int8"``, or ``"auto"``, what this
            processor does best.
        train_precision: The same of training, where bfloat16 means mixed precision on float32 weights.
        device: ``"auto"`` (where spaCy runs), ``"cpu"``, ``"cuda:0"`` or ``"mps"``.
        max_batch_pieces: Word pieces that go through the network at once; None for what suits the device.
        pipeline: Gives the pipeline that the component was made for, in which other encoders may stand.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: EncoderModel,
        name: str = "biobert",
        *,
        precision: str = "auto",
        train_precision: str = "auto",
        device: str = "auto",
        max_batch_pieces: int | None = None,
        pipeline: PipelineOf | None = None,
    ) -> None:
        self.vocab = vocab
        self.model = model
        self.name = name
        self.cfg: dict[str, Any] = {}
        self._search = ListenerSearch(self, pipeline)
        self.listener_map = {}
        self._shim.configure(
            device=device, precision=precision, train_precision=train_precision, max_batch_pieces=max_batch_pieces
        )
        install_extensions()

    @property
    def _shim(self) -> EncoderShim:
        return encoder_shim(self.model)

    @property
    def precision(self) -> str:
        """Arithmetic of prediction; can be set on a loaded pipeline."""
        return self._shim.run.precision

    @precision.setter
    def precision(self, value: str) -> None:
        self._shim.configure(precision=value)

    @property
    def precision_scores(self) -> dict[str, float]:
        """What the pipeline scored in each arithmetic, 0 to 1; stored with it; ``precision = "auto"`` goes by it."""
        return self._shim.precision_scores

    @precision_scores.setter
    def precision_scores(self, scores: dict[str, float]) -> None:
        self._shim.precision_scores = dict(scores)
        self._shim.configure()

    # --- listeners ---

    @property
    def listener_map(self) -> dict[str, list[TransformerListener]]:
        """The layers that read this encoder, by component."""
        return self._listener_map

    @listener_map.setter
    def listener_map(self, listener_map: dict[str, list[TransformerListener]]) -> None:
        # spaCy sets an empty one, then asks about all components that follow, in their order.
        self._listener_map = listener_map
        self._search.start()

    @property
    def listeners(self) -> list[TransformerListener]:
        """The layers of all heads that read this encoder."""
        return [listener for some in self.listener_map.values() for listener in some]

    @property
    def listening_components(self) -> list[str]:
        """Names of the components that read this encoder."""
        return list(self.listener_map)

    def add_listener(self, listener: Model, component_name: str) -> None:
        """Let a layer of a component read this encoder.

        Raises:
            ValueError: It was made for vectors of another width.
        """
        width = self.model.maybe_get_dim("nO")
        expected = listener.maybe_get_dim("nO")
        if width is not None and expected not in (None, width):
            message = Errors.B036.format(component=component_name, expected=expected, name=self.name, width=width)
            raise ValueError(message)
        some = self.listener_map.setdefault(component_name, [])
        if listener not in some:
            some.append(cast(TransformerListener, listener))
        if width is not None and expected is None:
            listener.set_dim("nO", width)

    def remove_listener(self, listener: Model, component_name: str) -> bool:
        """Undo `add_listener`; returns whether there was anything to undo."""
        some = self.listener_map.get(component_name, [])
        if listener not in some:
            return False
        some.remove(listener)
        if not some:
            del self.listener_map[component_name]
        return True

    def find_listeners(self, component: Any) -> None:
        """Find the layers of a later component that name this encoder, or any (``"*"``).

        Raises:
            ValueError: Another encoder may be meant, or one stands in between whose vectors the component would read,
                or a ``doc_cleaner``, and it would read zeros.
        """
        for listener in self._search.visit(component):
            self.add_listener(listener, component.name)

    # --- prediction ---

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Encode a stream of docs, `batch_size` of them at a time, or fewer where they are long."""
        error_handler = self.get_error_handler()
        for docs in _batches(stream, batch_size, max_tokens=16 * self._shim.run.batch_pieces):
            try:
                self.set_annotations(docs, self.predict(docs))
            except Exception as error:
                error_handler(self.name, self, docs, error)
            else:
                yield from docs

    def predict(self, docs: Iterable[Doc]) -> list[Floats2d]:
        """Return an array of shape (n_tokens, width) for each doc."""
        return self.model.predict(list(docs))

    def set_annotations(self, docs: Iterable[Doc], vectors: list[Floats2d]) -> None:
        """Keep the vectors in ``doc._.trf_data``."""
        for doc, array in zip(docs, vectors, strict=True):
            doc._.trf_data = TokenVectors.from_array(array)

    # --- training ---

    def initialize(self, get_examples: Callable[[], Iterable[Example]], *, nlp: Language | None = None) -> None:
        """Load the checkpoint and connect the heads that follow.

        Raises:
            FileNotFoundError: The checkpoint is not there.
            ValueError: It is damaged or contradicts itself.
        """
        self.model.initialize()
        if nlp is not None:
            self._connect(nlp)

    def _connect(self, nlp: Language) -> None:
        """Connect the heads that follow, disabled ones too: spaCy disables those that were sourced for a while."""
        self.listener_map = {}
        for name, component in _behind(self, nlp.components):
            for listener in self._search.visit(component, is_enabled=name in nlp.pipe_names):
                self.add_listener(listener, name)

    def _connect_enabled(self) -> None:
        """Connect heads that have been enabled since spaCy connected the others, which `enable_pipe` does not do."""
        nlp = self._search.pipeline
        if nlp is not None and self._search.is_of(nlp):
            self._search.start()
            for name, component in _behind(self, nlp.pipeline):
                for listener in self._search.visit(component):
                    self.add_listener(listener, name)

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Encode the docs of a batch for the heads, and wait for their gradients.

        The encoder has no loss of its own; ``losses`` shows the norm of the gradient that reached it. The
        backward pass runs when every listening head has answered. Where one never does, being frozen or without
        annotation, it runs when the weights are about to be stepped, or the next batch comes.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "BioBert.update")
        self._shim.finish_pass()
        self._connect_enabled()
        docs = [example.predicted for example in examples]
        batch_id = TransformerListener.get_batch_id(docs)
        if not any(len(doc) for doc in docs):
            for listener in self.listeners:
                listener.receive(batch_id, [TransformerData.empty() for _ in docs], lambda d_data: [])
            return losses
        set_dropout_rate(self.model, drop)
        vectors, backprop = self.model.begin_update(docs)
        data = [TokenVectors.from_array(array) for array in vectors]
        self._shim.pending = BackwardPass(
            backprop,
            step=self.model.finish_update,
            waiting=len(self.listeners),
            losses=losses,
            name=self.name,
            owed=sgd,
        )
        for listener in self.listeners:
            listener.receive(batch_id, data, self._take_gradient)
        return losses

    def _take_gradient(self, d_data: list[TransformerData]) -> list[Doc]:
        """Take the gradient of one head; what a listener calls."""
        pending = self._shim.pending
        if pending is not None and pending.add(gradients(d_data)):
            self._shim.finish_pass()
        return []

    def finish_update(self, sgd: Optimizer) -> None:
        """Step the weights.

        ``nlp.update`` asks for this before the heads have run: then the step is owed, and made when they have.
        """
        pending = self._shim.pending
        if pending is not None and not pending.answered:
            pending.owed = sgd
            return
        self._shim.finish_pass()
        self.model.finish_update(sgd)

    def get_loss(self, examples: Iterable[Example], scores: Any) -> tuple[float, Any]:
        """Return nothing of use: the encoder learns from its heads. Here because spaCy's interface has it."""
        return 0.0, None

    # --- disk ---

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the component: its encoder becomes a checkpoint folder, ``model/``."""
        write = {"cfg": lambda p: srsly.write_json(p, self._stored()), "model": self._shim.save}
        util.to_disk(Path(path), write, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> BioBert:
        """Read what `to_disk` wrote."""

        def restore(file: Path) -> None:
            # Nothing in it is needed: without it, no arithmetic has been scored.
            self._restore(read_json_object(file) if file.exists() else {})

        def load(folder: Path) -> None:
            self._shim.restore(folder)
            self.model.initialize()

        util.from_disk(Path(path), {"cfg": restore, "model": load}, exclude)
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Return the component as bytes."""
        write = {"cfg": lambda: srsly.json_dumps(self._stored()), "model": self._shim.to_bytes}
        return util.to_bytes(write, exclude)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> BioBert:
        """Read what `to_bytes` returned."""

        def load(data: bytes) -> None:
            self._shim.from_bytes(data)
            if self._shim.loaded:
                self.model.initialize()

        util.from_bytes(bytes_data, {"cfg": lambda b: self._restore(srsly.json_loads(b)), "model": load}, exclude)
        return self

    def _stored(self) -> dict[str, Any]:
        return {"precision_scores": self.precision_scores}

    def _restore(self, stored: dict[str, Any]) -> None:
        self.precision_scores = stored.get("precision_scores", {})


def _behind(encoder: BioBert, pipes: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield the components behind an encoder, with their names; none where it is not among them."""
    rest = iter(pipes)
    if any(pipe is encoder for _, pipe in rest):
        yield from rest


def _batches(stream: Iterable[Doc], batch_size: int, max_tokens: int) -> Iterator[list[Doc]]:
    """Group docs until there are `batch_size` of them or they have `max_tokens` tokens."""
    docs: list[Doc] = []
    tokens = 0
    for doc in stream:
        docs.append(doc)
        tokens += len(doc)
        if len(docs) >= batch_size or tokens >= max_tokens:
            yield docs
            docs, tokens = [], 0
    if docs:
        yield docs
