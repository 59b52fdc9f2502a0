"""What a feature of a name counts: term frequency times inverse document frequency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .sparse import Words, count_pairs, find_codes, row_lengths

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def inverse_document_frequency(frequencies: NDArray, n_names: int) -> NDArray[np.float32]:
    """Return log((1 + n) / (1 + df)) + 1, which is above 0 for what every name has, too."""
    return (np.log((1 + n_names) / (1 + frequencies)) + 1).astype(np.float32)


Extract = Callable[[Sequence[Words]], tuple[NDArray[np.uint64], NDArray[np.int64]]]
"""Returns the codes of names' features, and the row of the name of each."""


@dataclass(frozen=True)
class FeatureWeights:
    """The features that an index knows.

    Attributes:
        extract: Which kind of features they are.
        vocabulary: Their codes, sorted, shape (n_features,).
        idf: Their inverse document frequencies, shape (n_features,).
        unknown: That of a feature that no name has.
    """

    extract: Extract
    vocabulary: NDArray[np.uint64]
    idf: NDArray[np.float32]
    unknown: float

    def weigh(self, names: Sequence[Words]) -> tuple[csr_matrix, NDArray[np.float32]]:
        """Weigh the features of names.

        Args:
            names: The words of each name.

        Returns:
            The weights, names by features; and the length of each name's vector, shape (n_names,). A feature that is
            not known adds to the length all the same, or "Xyz disease" would be "disease".
        """
        codes, rows = self.extract(names)
        columns, known = find_codes(self.vocabulary, codes)
        weights = count_pairs(rows[known], columns[known], (len(names), len(self.vocabulary)))
        weights.data *= self.idf[weights.indices]
        unknown = np.bincount(rows[~known], minlength=len(names)) * self.unknown**2
        return weights, np.sqrt(row_lengths(weights) ** 2 + unknown).astype(np.float32)
