"""Whole-word masking: which pieces are hidden from the encoder, and what stands in their place.

Words are drawn, not pieces, so that no piece can be guessed from its neighbours in the same word (the whole-word
variant of Devlin et al. 2019, https://github.com/google-research/bert). Of the drawn words, 80 % become the mask piece,
10 % random pieces, and 10 % stay: the encoder must also look at words that it can see.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Vocabulary:
    """What masking has to know of a vocabulary.

    Attributes:
        mask: Id of the mask piece.
        ordinary: Ids of the pieces that may stand in for a word: all that are not special.
    """

    mask: int
    ordinary: NDArray[np.int64]


def mask_words(
    ids: NDArray[np.int64],
    word_lengths: NDArray[np.int64],
    vocabulary: Vocabulary,
    *,
    rate: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hide some words.

    Args:
        ids: Piece ids, (n_pieces,).
        word_lengths: Pieces of each word, (n_words,), which add up to n_pieces.
        vocabulary: The mask and what may stand in for a word.
        rate: Share of the words to draw.
        rng: Draws them.

    Returns:
        The ids that the encoder sees, (n_pieces,), and the indices of the pieces that it has to tell, (n_drawn,).
    """
    fate = rng.random(len(word_lengths))
    fates = np.repeat(fate, word_lengths)
    drawn = np.flatnonzero(fates < rate)
    seen = ids.copy()
    share = fates[drawn] / rate
    seen[drawn[share < 0.8]] = vocabulary.mask
    random = drawn[(share >= 0.8) & (share < 0.9)]
    seen[random] = rng.choice(vocabulary.ordinary, len(random))
    return seen, drawn
