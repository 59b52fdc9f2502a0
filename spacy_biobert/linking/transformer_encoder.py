"""Names read by a transformer: SapBERT's way (Liu et al. 2021, https://aclanthology.org/2021.naacl-main.334).

A name's vector is the mean of the hidden states of its word pieces, scaled to length 1. It sees the order of words and
what stands together, which a bag does not, and costs a pass of the encoder for each name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from copy import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..encoder.checkpoints import Checkpoint
from ..encoder.pieces import Pieces
from ..encoder.precision import fastest_first
from ..encoder.runtime import Runtime
from ..encoder.storage import SaveDtype
from ..encoder.windows import Plan, make_plan, make_windows
from .name_encoder import Floats

MAX_PIECES = 64
"""Of a name, special pieces included; what is longer is cut: 99.9 % of the names of MEDIC are shorter."""

_BATCH_PIECES = 2048
_PLACES_STEP = 8
"""Names have about eight pieces: padded to sixteen, as texts are, attention would take twice the time."""
_AT_ONCE = 8192
"""Names that are laid out at once: those of like length are computed together."""


class TransformerEncoder:
    """Encodes names, and mentions, by a BERT-family network.

    Args:
        checkpoint: The network and its tokenizer. Training changes its weights.
        device: Where it runs, see :func:`.precision.resolve_device`.
        precision: How it computes, see :func:`.precision.resolve_precision`.
    """

    def __init__(self, checkpoint: Checkpoint, *, device: str = "auto", precision: str = "auto") -> None:
        self.checkpoint = checkpoint
        self._precision = precision
        self.runtime = Runtime(checkpoint.bert, device=device, precision=precision)
        self._max_pieces = min(MAX_PIECES, checkpoint.max_pieces) - 2

    @property
    def width(self) -> int:
        """Size of a vector."""
        return self.checkpoint.bert.config.width

    @property
    def is_costly(self) -> bool:
        """Yes: seventy thousand names take half a minute, and more where bfloat16 is slow."""
        return True

    def __call__(self, names: Sequence[str]) -> Floats:
        """Encode names.

        Returns:
            Unit vectors, (n_names, width); zeros for a name without word pieces.
        """
        vectors = np.zeros((len(names), self.width), np.float32)
        for first in range(0, len(names), _AT_ONCE):
            keys = self.keys(names[first : first + _AT_ONCE])
            places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
            plan = self._plan(list(places))
            if plan is not None:
                distinct = F.normalize(self.runtime.predict(plan, "mean")).cpu().numpy()
                vectors[first : first + _AT_ONCE] = distinct[[places[key] for key in keys]]
        return vectors

    def keys(self, names: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the word pieces of each name: its vector depends on nothing else."""
        encoded = self.checkpoint.tokenizer.tokenizer.encode_batch(list(names), add_special_tokens=False)
        return [tuple(some.ids[: self._max_pieces]) for some in encoded]

    def for_mentions(self, sample: Sequence[str]) -> TransformerEncoder:
        """Return what reads mentions, to be compared with names that this encoder read.

        With the precision "auto", that is the same network in int8 where the processor does it faster. Of the 787
        mentions of NCBI-disease's development set no fewer were linked rightly (``benchmarks/README.md``).

        Args:
            sample: Names by which int8 finds its scales.
        """
        plan = self._plan(self.keys(sample))
        if plan is None or self._precision != "auto" or fastest_first(self.runtime.device)[0] != "int8":
            return self
        reader = copy(self)
        device = str(self.runtime.device)
        reader.runtime = Runtime(self.checkpoint.bert, device=device, precision="int8", sample=lambda: plan)
        return reader

    def train(self, names: Sequence[str], *, autocast: bool) -> Tensor:
        """Encode names as :meth:`__call__` does, remembering how, for the backward pass.

        Args:
            names: Names, at least one of which has word pieces.
            autocast: Whether matrix products are made in bfloat16.
        """
        plan = self._plan(self.keys(names))
        if plan is None:
            return torch.zeros(len(names), self.width, device=self.runtime.device, requires_grad=True)
        return F.normalize(self.runtime.train(plan, "mean", autocast=autocast))

    def _plan(self, ids: Sequence[Sequence[int]]) -> Plan | None:
        """Lay names out, each a document of one token that has all its pieces; None where there is no piece at all."""
        tokenizer = self.checkpoint.tokenizer
        lengths = np.array([len(some) for some in ids], dtype=np.int64)
        if not lengths.any():
            return None
        flat = np.array([piece for some in ids for piece in some], dtype=np.int64)
        each = np.ones(len(ids), dtype=np.int64)
        pieces = Pieces(flat, lengths, doc_lengths=each, sentence_starts=each.astype(bool))
        windows = make_windows(pieces, window=self._max_pieces + 2, overlap=0)
        return make_plan(
            pieces,
            windows,
            max_batch_pieces=_BATCH_PIECES,
            cls=tokenizer.cls,
            sep=tokenizer.sep,
            pad=tokenizer.pad,
            places_step=_PLACES_STEP,
        )

    def __reduce__(self) -> tuple[Callable[[bytes, str, str], TransformerEncoder], tuple[bytes, str, str]]:
        """Let spawned processes make an equal encoder."""
        return _rebuild, (self.to_bytes("float32"), str(self.runtime.device), self._precision)

    def to_bytes(self, dtype: SaveDtype = "float16") -> bytes:
        """Return network, settings and tokenizer as safetensors."""
        from safetensors.torch import save

        texts = {"config": json.dumps(self.checkpoint.settings), "tokenizer": self.checkpoint.tokenizer.to_json()}
        arrays = {
            name: torch.frombuffer(bytearray(text.encode("utf8")), dtype=torch.uint8) for name, text in texts.items()
        }
        return bytes(save({**self.checkpoint.tensors(dtype), **arrays}))

    @classmethod
    def from_bytes(
        cls, data: bytes, where: str, *, device: str = "auto", precision: str = "auto"
    ) -> TransformerEncoder:
        """Read what :meth:`to_bytes` returned.

        Args:
            data: The bytes.
            where: Names their source in messages.
            device: Where it runs.
            precision: How it computes.

        Raises:
            KeyError: It was something else.
            ValueError: The network is not whole.
        """
        from safetensors.torch import load

        stored = load(data)
        config, tokenizer = (bytes(stored.pop(name).numpy()).decode("utf8") for name in ("config", "tokenizer"))
        checkpoint = Checkpoint.from_parts(json.loads(config), tokenizer, stored, where)
        return cls(checkpoint, device=device, precision=precision)


def _rebuild(data: bytes, device: str, precision: str) -> TransformerEncoder:
    return TransformerEncoder.from_bytes(data, "the bytes of a name encoder", device=device, precision=precision)
