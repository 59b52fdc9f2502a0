"""What turns names, and mentions, into vectors, so that synonyms lie close to one another; and how that is stored."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import Errors

Floats = NDArray[np.float32]


class NameEncoder(Protocol):
    """Encodes names as unit vectors. There are two: :mod:`.bag_encoder` and :mod:`.transformer_encoder`."""

    @property
    def width(self) -> int:
        """Size of a vector."""

    @property
    def is_costly(self) -> bool:
        """Whether a pipeline stores the vectors of its knowledge base's names, for they take long to make."""

    def __call__(self, names: Sequence[str]) -> Floats:
        """Encode names.

        Returns:
            Unit vectors, (n_names, width); zeros for a name of which the encoder knows nothing. The vector of a name
            does not depend on the others.
        """

    def keys(self, names: Sequence[str]) -> Sequence[Hashable]:
        """Return what the vector of each name depends on: names with the same key have the same vector."""

    def for_mentions(self, sample: Sequence[str]) -> NameEncoder:
        """Return what reads mentions, to be compared with names that this encoder read: itself, or a faster one.

        Args:
            sample: Some names of those.
        """

    def to_bytes(self) -> bytes:
        """Return the encoder as safetensors."""


class Remembering:
    """Encodes each name once: for knowledge bases that have all but a few in common.

    Args:
        encoder: Encodes a name that is new.
    """

    def __init__(self, encoder: NameEncoder) -> None:
        self._encoder = encoder
        self._vectors: dict[str, Floats] = {}

    @property
    def width(self) -> int:
        """Size of a vector."""
        return self._encoder.width

    @property
    def is_costly(self) -> bool:
        """Whether the first time takes long."""
        return self._encoder.is_costly

    def __call__(self, names: Sequence[str]) -> Floats:
        """Encode names, as the encoder does."""
        if missing := [name for name in dict.fromkeys(names) if name not in self._vectors]:
            self._vectors.update(zip(missing, self._encoder(missing), strict=True))
        return np.array([self._vectors[name] for name in names], np.float32).reshape(len(names), self.width)

    def keys(self, names: Sequence[str]) -> Sequence[Hashable]:
        """Return what the vector of each name depends on."""
        return self._encoder.keys(names)

    def for_mentions(self, sample: Sequence[str]) -> NameEncoder:
        """Return what reads mentions, and remembers them by itself."""
        reader = self._encoder.for_mentions(sample)
        return self if reader is self._encoder else Remembering(reader)

    def to_bytes(self) -> bytes:
        """Return the encoder as safetensors."""
        return self._encoder.to_bytes()


def read_name_encoder(data: bytes, where: Path | str) -> NameEncoder:
    """Read what an encoder's ``to_bytes`` returned; ``where`` names the source in messages.

    Raises:
        ValueError: The data is damaged, or something else.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    from .bag_encoder import BagEncoder

    try:
        arrays = load(data)
        if "tokenizer" not in arrays:
            return BagEncoder.from_arrays(arrays)
        # Only what needs it imports torch.
        from .transformer_encoder import TransformerEncoder

        return TransformerEncoder.from_bytes(data, str(where))
    except (SafetensorError, KeyError) as error:
        raise ValueError(Errors.B238.format(path=where, reason=error)) from error


def load_name_encoder(path: Path) -> NameEncoder:
    """Read a file that holds what an encoder's ``to_bytes`` returned.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, or another.
    """
    if not path.is_file():
        raise FileNotFoundError(Errors.B244.format(path=path))
    return read_name_encoder(path.read_bytes(), path)
