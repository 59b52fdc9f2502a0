"""What arrays are asked for in more than one place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def ranges(starts: NDArray[Any], lengths: NDArray[Any]) -> NDArray[np.int64]:
    """Concatenate ``range(start, start + length)`` for each pair: [5, 0] with [2, 3] gives [5, 6, 0, 1, 2].

    Args:
        starts: Of each range, (n,).
        lengths: Of each range, (n,).

    Returns:
        Their numbers, (sum of lengths,).
    """
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(starts - (ends - lengths), lengths)
