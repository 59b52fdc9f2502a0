"""Token vectors in the form that spaCy-transformers' listeners read."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, cast

import numpy as np
import srsly
from spacy.tokens import Doc
from spacy_transformers.data_classes import TransformerData, WordpieceBatch
from thinc.api import Model
from thinc.types import Floats2d, Ints1d, Ragged
from transformers.file_utils import ModelOutput


class TokenVectors(TransformerData):
    """A `TransformerData` that is pooled already: one vector for each token, aligned one to one.

    ``model_output.last_hidden_state`` has the shape (1, n_tokens, width). Where a doc is stored, pickled or sent to
    another process the vectors stay behind: they are large, and the encoder can make them again.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave nothing behind a pickled doc but None, as where it is stored in spaCy's own way."""
        return type(None), ()

    def __copy__(self) -> TokenVectors:
        """Return a copy: copies are no pickles."""
        return type(self)(self.wordpieces, self.model_output, self.align)

    def __deepcopy__(self, memo: dict[int, Any]) -> TokenVectors:
        """Return a copy with arrays of its own."""
        wordpieces, align = deepcopy(self.wordpieces, memo), deepcopy(self.align, memo)
        return type(self)(wordpieces, deepcopy(self.model_output, memo), align)

    @classmethod
    def from_array(cls, vectors: Floats2d) -> TransformerData:
        """Wrap vectors of shape (n_tokens, width); an array without rows gives the empty data that listeners expect."""
        if not len(vectors):
            return cls.empty()
        n_tokens, width = vectors.shape
        align = Ragged(cast(Ints1d, np.arange(n_tokens, dtype="i")), cast(Ints1d, np.ones(n_tokens, dtype="i")))
        hidden = vectors.reshape((1, n_tokens, width))
        return cls(WordpieceBatch.empty(), ModelOutput(last_hidden_state=hidden), align)


@srsly.msgpack_encoders("spacy_biobert.TokenVectors")
def _leave_behind(value: Any, chain: Callable | None = None) -> Any:
    if isinstance(value, TokenVectors):
        return None
    return value if chain is None else chain(value)


def with_token_vectors(encoder: Model[list[Doc], list[Floats2d]]) -> Model[list[Doc], list[TransformerData]]:
    """Wrap an encoder so that it can stand where a listener stands."""
    return Model("biobert_token_vectors", _forward, init=_init, layers=[encoder], dims={"nO": None})


def _forward(
    model: Model, docs: list[Doc], is_train: bool
) -> tuple[list[TransformerData], Callable[[list[TransformerData]], list[Doc]]]:
    vectors, take_gradient = model.layers[0](docs, is_train)

    def backprop(d_data: list[TransformerData]) -> list[Doc]:
        return take_gradient(gradients(d_data))

    return [TokenVectors.from_array(array) for array in vectors], backprop


def gradients(d_data: list[TransformerData]) -> list[Floats2d]:
    """Unwrap the gradients that a listener sends: one array of shape (n_tokens, width) for each doc with tokens."""
    return [data.model_output["last_hidden_state"][0] for data in d_data]


def _init(model: Model, X: list[Doc] | None = None, Y: Any = None) -> None:
    model.layers[0].initialize(X, Y)
    model.set_dim("nO", model.layers[0].get_dim("nO"))
