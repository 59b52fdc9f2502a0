"""Vectors cut short, by which those that are worth comparing in full are found.

Most of what tells names apart lies in a few directions: of the vectors of MEDIC's names by a network of width 384, 128
directions hold 89 % of the variance. Products in these, in bfloat16 where the processor has it, cost a tenth of those
in full, and `N_NEAR` of the best hold the nearest ones nearly always (``benchmarks/linking_rank_speed.py`` counts).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from ..encoder.precision import multiplies_bfloat16

Floats = NDArray[np.float32]

WIDTH = 128
"""Directions that are kept, of those in which the vectors differ most."""

N_NEAR = 256
"""How many vectors are found for each query, at least: of those of MEDIC the nearest 20 were always among 200."""

_SAMPLE = 8192
_STRIDE = 64
_BLOCK = 64
"""Queries whose products with all vectors are in memory at once."""


class Sketch:
    """Vectors in their main directions (principal components, not centred: what counts is their product).

    Args:
        vectors: Of shape (n, width).
    """

    def __init__(self, vectors: Floats) -> None:
        sample = vectors[:: max(1, len(vectors) // _SAMPLE)]
        _, directions = np.linalg.eigh(sample.T @ sample)
        self._directions = directions[:, -WIDTH:]
        self._dtype = torch.bfloat16 if multiplies_bfloat16(torch.device("cpu")) else torch.float32
        # Vectors of nothing fill the last stride up.
        n_rows = -(-len(vectors) // _STRIDE) * _STRIDE
        short = np.zeros((n_rows, self._directions.shape[1]), np.float32)
        short[: len(vectors)] = vectors @ self._directions
        self._short = torch.from_numpy(short).to(self._dtype)

    def near(self, queries: Floats, masks: list[NDArray[np.bool_] | None]) -> Iterator[NDArray[np.int64]]:
        """Find vectors with large products.

        Args:
            queries: Vectors, (n_queries, width).
            masks: For each query which vectors may be found, or None for all.

        Yields:
            For each query the numbers of at least `N_NEAR` vectors, ascending; of all with a product above 0 where
            there are no more.
        """
        short = torch.from_numpy(queries @ self._directions).to(self._dtype)
        for first in range(0, len(queries), _BLOCK):
            products = short[first : first + _BLOCK] @ self._short.T
            # Floats above 0 are in the order of their bits, and numpy compares integers of 16 bits soonest.
            bits = products.view(torch.int16 if self._dtype == torch.bfloat16 else torch.int32).numpy()
            for product, mask in zip(bits, masks[first : first + _BLOCK], strict=True):
                if mask is not None:
                    product[: len(mask)] *= mask
                # That many maxima of strides reach the bound. Neighbours, often names of one concept, are in different
                # strides.
                maxima = product.reshape(_STRIDE, -1).max(axis=0)
                bound = np.partition(maxima, -N_NEAR)[-N_NEAR] if len(maxima) > N_NEAR else 0
                yield np.flatnonzero(product >= max(bound, 1))
