"""The PyTorch network inside a thinc model: weights, tokenizer, how they run, and how they are stored and stepped."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import srsly
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer, torch2xp, xp2torch
from thinc.shims import Shim
from thinc.types import FloatsXd

from ..errors import Errors
from .backward import BackwardPass
from .checkpoints import Checkpoint, load_checkpoint
from .pieces import PieceTable
from .precision import resolve_device, resolve_precision
from .runtime import Pooling, Runtime
from .sample import SAMPLE
from .storage import SaveDtype
from .tokenization import Casing
from .windows import Plan, make_plan, make_windows

CPU_BATCH_PIECES, GPU_BATCH_PIECES = 2048, 16384
"""What keeps a CPU's activations near its caches, and what keeps a GPU busy for longer than it takes to ask it."""


@dataclasses.dataclass(frozen=True)
class EncoderSettings:
    """What a config says of an encoder; see `architectures.build_encoder_v1`."""

    name: str
    revision: str | None
    casing: Casing
    pooling: Pooling
    window: int
    overlap: int
    attention_dropout: float
    gradient_checkpointing: bool
    save_dtype: SaveDtype


@dataclasses.dataclass
class RunSettings:
    """How an encoder runs here and now. These are never stored: a config given when loading decides."""

    device: str = "auto"
    precision: str = "auto"
    train_precision: str = "auto"
    max_batch_pieces: int | None = None

    @property
    def batch_pieces(self) -> int:
        """Word pieces that go through the network at once: what suits the device, where nothing was asked for."""
        if self.max_batch_pieces is not None:
            return self.max_batch_pieces
        return CPU_BATCH_PIECES if resolve_device(self.device).type == "cpu" else GPU_BATCH_PIECES


class EncoderShim(Shim):
    """Holds the PyTorch network, with its tokenizer, inside a thinc model."""

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__(None)
        self.settings = settings
        self.run = RunSettings()
        # What the pipeline scored in each arithmetic, where it has been measured: `precision = "auto"` goes by it.
        self.precision_scores: dict[str, float] = {}
        self._checkpoint: Checkpoint | None = None
        self._runtime: Runtime | None = None
        self._table: PieceTable | None = None
        self._owed: Optimizer | None = None
        self.pending: BackwardPass | None = None
        """The pass of the last batch, as long as heads may still answer."""

    # --- what it holds ---

    @property
    def loaded(self) -> bool:
        """Whether there are weights."""
        return self._checkpoint is not None

    @property
    def checkpoint(self) -> Checkpoint:
        """The weights and tokenizer; raises ValueError before `initialize` or loading."""
        if self._checkpoint is None:
            raise ValueError(Errors.B030)
        return self._checkpoint

    @property
    def runtime(self) -> Runtime:
        """What runs the network; made when first needed."""
        if self._runtime is None:
            bert = self.checkpoint.bert
            self._runtime = Runtime(
                bert,
                device=self.run.device,
                precision=self.run.precision,
                scores=self.precision_scores,
                sample=self._plan_sample,
            )
        return self._runtime

    def set_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Use these weights and this tokenizer from now on."""
        limit, window = checkpoint.max_pieces, self.settings.window
        if window > limit:
            raise ValueError(Errors.B016.format(window=window, limit=limit))
        self._checkpoint = checkpoint
        self._table = PieceTable(checkpoint.tokenizer)
        self._runtime = None
        self.pending = None
        checkpoint.bert.gradient_checkpointing = self.settings.gradient_checkpointing

    def load(self) -> None:
        """Load the checkpoint that the config names."""
        settings = self.settings
        self.set_checkpoint(load_checkpoint(settings.name, revision=settings.revision, casing=settings.casing))

    def configure(self, **changes: Any) -> None:
        """Change how the encoder runs; raises ValueError for what makes no sense or is not to be had here."""
        run = dataclasses.replace(self.run, **changes)
        if run.max_batch_pieces is not None and run.max_batch_pieces < 1:
            raise ValueError(Errors.B023.format(value=run.max_batch_pieces))
        device = resolve_device(run.device)
        resolve_precision(run.precision, device)
        resolve_precision(run.train_precision, device, training=True)
        self.run = run
        self._runtime = None

    # --- running ---

    def plan(self, docs: Sequence[Doc]) -> Plan | None:
        """Lay out the windows of docs; None where there is nothing to run, for want of tokens or of pieces."""
        if self._table is None:
            raise ValueError(Errors.B030)
        pieces = self._table(docs)
        if not len(pieces.ids):
            return None
        windows = make_windows(pieces, window=self.settings.window, overlap=self.settings.overlap)
        tokenizer = self.checkpoint.tokenizer
        budget = self.run.batch_pieces
        return make_plan(
            pieces, windows, max_batch_pieces=budget, cls=tokenizer.cls, sep=tokenizer.sep, pad=tokenizer.pad
        )

    def _plan_sample(self) -> Plan:
        """Lay out the sample text that int8 is fitted to."""
        vocab = Vocab()
        plan = self.plan([Doc(vocab, words=text.split()) for text in SAMPLE])
        if plan is None:
            raise ValueError(Errors.B033)
        return plan

    def predict(self, plan: Plan) -> torch.Tensor:
        """Return token vectors, (n_tokens, width)."""
        self.settle()
        return self.runtime.predict(plan, self.settings.pooling)

    def begin_update(self, plan: Plan) -> tuple[torch.Tensor, Callable[[torch.Tensor], None]]:
        """Return token vectors and what takes their gradient, adding it to the weights'."""
        if self._owed is not None:
            self.finish_update(self._owed)
        runtime = self.runtime
        autocast = resolve_precision(self.run.train_precision, runtime.device, training=True) == "bfloat16"
        vectors = runtime.train(plan, self.settings.pooling, autocast=autocast)

        def backprop(d_vectors: torch.Tensor) -> None:
            # Gradient checkpointing computes again in the mode it finds, and an encoder that annotates has predicted
            # in between.
            self.checkpoint.bert.train()
            torch.autograd.backward(vectors, d_vectors)

        return vectors, backprop

    def set_dropout(self, rate: float) -> None:
        """Set the dropout of hidden states; attention has a setting of its own."""
        self.checkpoint.bert.set_dropout(rate, self.settings.attention_dropout if rate else 0.0)

    def finish_update(self, optimizer: Optimizer) -> None:
        """Let an optimizer step the weights by their gradients, then clear those."""
        self._owed = None
        if self._checkpoint is None:
            return
        bert = self._checkpoint.bert
        if not any(weights.grad is not None for weights in bert.parameters()):
            return
        if hasattr(optimizer, "step_module"):
            optimizer.step_module(self.id, bert)
        else:
            self._step_by_array(optimizer)
        bert.zero_grad(set_to_none=True)
        if self.precision_scores:
            # They were those of other weights.
            self.precision_scores = {}
            self._runtime = None
        self.weights_changed()

    def owe(self, optimizer: Optimizer) -> None:
        """Make a step by the gradients that there are, but not before the next forward pass of training."""
        self._owed = optimizer

    def finish_pass(self) -> None:
        """Run the backward pass of the last batch, if it has not run, and make the step that was asked for since."""
        if self.pending is not None:
            done, self.pending = self.pending, None
            done.finish()

    def settle(self) -> None:
        """Finish a pass that some heads have answered and others never will, before weights are used or copied."""
        if self.pending is not None and self.pending.answered:
            self.finish_pass()

    def _step_by_array(self, optimizer: Optimizer) -> None:
        """Step with one of thinc's own optimizers, which see one array at a time."""
        with torch.no_grad():
            for name, weights in self.checkpoint.bert.named_parameters():
                if weights.grad is not None:
                    array, gradient = torch2xp(weights.detach()), torch2xp(weights.grad)
                    stepped, _ = optimizer((self.id, name), cast(FloatsXd, array), cast(FloatsXd, gradient))
                    weights.copy_(xp2torch(stepped, device=weights.device))

    @contextlib.contextmanager
    def use_params(self, params: dict) -> Iterator[None]:
        """Use averaged weights, where the optimizer keeps them, within a block."""
        self.settle()
        if self._checkpoint is None:
            yield
            return
        kept = {}
        for name, weights in self.checkpoint.bert.named_parameters():
            averaged = params.get((self.id, name))
            if averaged is not None:
                tensor = averaged if isinstance(averaged, torch.Tensor) else xp2torch(averaged)
                # Exchanged rather than copied: weights may be large, and there are two sets of them already.
                kept[weights], weights.data = weights.data, tensor.to(weights.device)
        if kept:
            self.weights_changed()
        try:
            yield
        finally:
            for weights, values in kept.items():
                weights.data = values
            if kept:
                self.weights_changed()

    def weights_changed(self) -> None:
        """Let prediction take note of new weights."""
        if self._runtime is not None:
            self._runtime.weights_changed()

    # --- copies, devices, disk ---

    def copy(self) -> EncoderShim:
        """Return a copy with weights of its own."""
        self.settle()
        twin = EncoderShim(self.settings)
        twin.run = dataclasses.replace(self.run)
        twin.precision_scores = dict(self.precision_scores)
        if self._checkpoint is not None:
            twin.set_checkpoint(dataclasses.replace(self._checkpoint, bert=copy.deepcopy(self._checkpoint.bert)))
        return twin

    def to_device(self, device_type: str, device_id: int) -> None:
        """Move to the device that spaCy chose."""
        self.configure(device="cpu" if device_type == "cpu" else f"cuda:{device_id}")

    def save(self, folder: Path) -> None:
        """Write weights, settings and tokenizer into a folder."""
        self.settle()
        self.checkpoint.save(folder, self.settings.save_dtype)

    def restore(self, folder: Path) -> None:
        """Read what `save` wrote."""
        self.set_checkpoint(load_checkpoint(folder, settled=True))

    def __reduce__(self) -> tuple[Callable[..., EncoderShim], tuple[Any, ...]]:
        """Let `copy.deepcopy`, and worker processes that are not forked, make an equal encoder, unrounded."""
        return _rebuild, (self.settings, self.run, self.to_bytes("float32"))

    def to_bytes(self, dtype: SaveDtype | None = None) -> bytes:
        """Return weights, settings and tokenizer as bytes; none where nothing has been loaded yet."""
        self.settle()
        if self._checkpoint is None:
            return srsly.msgpack_dumps({})
        return srsly.msgpack_dumps(
            {
                "settings": self._checkpoint.settings,
                "tokenizer": self._checkpoint.tokenizer.to_json(),
                "max_pieces": self._checkpoint.max_pieces,
                "weights": save_tensors(self._checkpoint.tensors(dtype or self.settings.save_dtype)),
                "precision_scores": self.precision_scores,
            }
        )

    def from_bytes(self, data: bytes) -> EncoderShim:
        """Read what `to_bytes` returned."""
        message = srsly.msgpack_loads(data)
        if message:
            checkpoint = Checkpoint.from_parts(
                message["settings"],
                message["tokenizer"],
                load_tensors(message["weights"]),
                "the bytes of a pipeline",
                max_pieces=message["max_pieces"],
            )
            self.precision_scores = message.get("precision_scores", {})
            self.set_checkpoint(checkpoint)
        return self


def _rebuild(settings: EncoderSettings, run: RunSettings, data: bytes) -> EncoderShim:
    shim = EncoderShim(settings)
    shim.run = run
    return shim.from_bytes(data)


def encoder_shim(model: Model) -> EncoderShim:
    """Find the encoder inside a model that has one."""
    for node in model.walk():
        for shim in node.shims:
            if isinstance(shim, EncoderShim):
                return shim
    raise ValueError(Errors.B017.format(model=model.name))
