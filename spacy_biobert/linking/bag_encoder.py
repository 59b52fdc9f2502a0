"""Names as bags of words and trigrams: vectors without a network's layers.

A name's vector is the sum of one learned vector for each of its words and trigrams, scaled to length 1: "breast cancer"
and "mammary tumor" are neighbours because "breast" and "mammary" are. That is all that a bag can say of a name; in
exchange, linking needs no more than numpy. The vectors are learned as SapBERT's are, see :mod:`.alignment`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import Errors
from .features import extract_features
from .name_encoder import Floats
from .normalization import name_words

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class BagEncoder:
    """Encodes names, and mentions, as unit vectors.

    Args:
        codes: Codes of the features that are known, (n_features,) uint64, ascending; see :func:`.extract_features`.
        vectors: The vector of each, (n_features, width).

    Raises:
        ValueError: The arrays do not belong together.
    """

    def __init__(self, codes: NDArray[np.uint64], vectors: NDArray) -> None:
        if codes.ndim != 1 or vectors.ndim != 2 or len(codes) != len(vectors) or not len(codes):
            raise ValueError(Errors.B237.format(codes=codes.shape, vectors=vectors.shape))
        self.codes = codes
        self.vectors: Floats = np.ascontiguousarray(vectors, dtype=np.float32)

    @property
    def width(self) -> int:
        """Size of a vector."""
        return self.vectors.shape[1]

    @property
    def is_costly(self) -> bool:
        """No: seventy thousand names take about a second."""
        return False

    def __call__(self, names: Sequence[str]) -> Floats:
        """Encode names.

        Returns:
            Unit vectors, (n_names, width); zeros for a name with no known feature. The vector of a name does not
            depend on the others.
        """
        summed: Floats = feature_counts(names, self.codes) @ self.vectors
        lengths = np.sqrt(np.einsum("ij,ij->i", summed, summed))
        lengths[lengths == 0] = 1.0
        return np.asarray(summed / lengths[:, None], dtype=np.float32)

    def keys(self, names: Sequence[str]) -> Sequence[str]:
        """Return what the vector of each name depends on: nothing is saved by saying less than all."""
        return names

    def for_mentions(self, sample: Sequence[str]) -> BagEncoder:
        """Return what reads mentions: this encoder."""
        return self

    def to_bytes(self) -> bytes:
        """Return the encoder as safetensors, vectors in half precision."""
        from safetensors.numpy import save

        return bytes(save({"codes": self.codes, "vectors": self.vectors.astype(np.float16)}))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> BagEncoder:
        """Make the encoder of what :meth:`to_bytes` stored.

        Raises:
            KeyError: It was something else.
        """
        return cls(arrays["codes"], arrays["vectors"])


def feature_counts(names: Sequence[str], codes: NDArray[np.uint64]) -> csr_matrix:
    """Return how often each name has each of the features with these codes, (n_names, n_features)."""
    from scipy.sparse import coo_matrix

    found, rows = extract_features([name_words(name) for name in names])
    columns = np.minimum(np.searchsorted(codes, found), len(codes) - 1)
    known = codes[columns] == found
    shape = (len(names), len(codes))
    return coo_matrix((np.ones(int(known.sum()), np.float32), (rows[known], columns[known])), shape=shape).tocsr()
