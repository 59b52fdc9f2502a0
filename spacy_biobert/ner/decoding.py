"""The best valid sequence of tags, without a loop over tokens.

Decoding is Viterbi's algorithm under a tag scheme's constraints, arranged so that its cost follows the number of
doubtful places and not the number of tokens:

1. Take the best tag of each token. Where these form a valid sequence, nothing can beat them.
2. Where they do not, find how far the trouble can reach (:func:`_safe_cuts`): at a safe cut, no best path has an entity
   open, so the pieces between cuts can be solved on their own.
3. Solve the pieces that hold a fault, many at once, by a tree of max-plus matrix products (:func:`_best_states`).
   This is the associative form of Viterbi's recursion in Hassan, Särkkä and García-Fernández (2021), "Temporal
   Parallelization of Inference in Hidden Markov Models", IEEE Transactions on Signal Processing 69.

Every step is exact. A tag's *regret* is by how much its score falls short of its token's best: a path with the least
sum of regrets is one with the greatest sum of scores, and most regrets on it are 0, which keeps sums accurate.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .tags import TagScheme

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]

# The regret of a tag that is ruled out by a score of -inf. Finite, so that there is a valid path even where every valid
# tag is ruled out; far above any real regret; small enough for float64 to resolve 1e-7 beside it.
_FORBIDDEN = 1e9
# Lower bounds of regret may be cut down without harm; these are, to keep their running sums accurate.
_GREATEST_BOUND = 1e4
# Numbers that are joined at a time: few enough to stay in the processor's cache.
_CACHED = 2**15
# A cut that is safe by less than rounding errors is not taken.
_MARGIN = 1e-6


def decode(scores: Floats, lengths: Ints, scheme: TagScheme) -> Ints:
    """Find the valid tag sequence with the greatest sum of scores, for each doc of a batch.

    Args:
        scores: (N, T) score of each tag at each token, the docs one after the other. Scores may be -inf, for a
            tag that is ruled out; a token whose every tag is ruled out counts as undecided. NaN is not allowed.
        lengths: (D,) number of tokens of each doc, N in all. Docs may be empty.
        scheme: The scheme of the T tags.

    Returns:
        (N,) tag ids. Each doc's sequence is valid: it begins and ends with no entity open. Among sequences with equal
        sums any one may be returned, always the same for the same scores.
    """
    tags: Ints = scores.argmax(axis=1)
    lengths = lengths[lengths > 0]
    if not lengths.size:
        return tags
    ends = np.cumsum(lengths)
    starts = ends - lengths
    broken = _broken_chunks(tags, starts, ends, scheme)
    if not broken.any():
        return tags
    cuts = _safe_cuts(scores, tags, broken, starts, scheme)
    piece_starts = np.flatnonzero(cuts)
    piece_lengths = np.diff(piece_starts, append=len(tags))
    faulty = np.unique(np.searchsorted(piece_starts, np.flatnonzero(broken), side="right") - 1)
    _solve(scores, tags, piece_starts[faulty], piece_lengths[faulty], scheme)
    return tags


def _broken_chunks(tags: Ints, starts: Ints, ends: Ints, scheme: TagScheme) -> Bools:
    """Mark the tokens of chunks that break the scheme. A chunk is a longest run of tokens joined by an open entity.

    Returns:
        (N,) mask. Replacing the marked tags by "O" makes every sequence valid.
    """
    before = scheme.before[tags]
    reached = np.empty_like(before)
    reached[1:] = scheme.after[tags[:-1]]
    reached[starts] = 0
    fault = before != reached if scheme.must_close else (before != 0) & (before != reached)
    joined = (before != 0) | (reached != 0) if scheme.must_close else before != 0
    joined[starts] = False
    chunks = np.cumsum(~joined) - 1
    is_broken = np.zeros(chunks[-1] + 1, dtype=bool)
    is_broken[chunks[fault]] = True
    if scheme.must_close:
        is_broken[chunks[ends - 1][scheme.after[tags[ends - 1]] != 0]] = True
    return is_broken[chunks]


def _safe_cuts(scores: Floats, tags: Ints, broken: Bools, starts: Ints, scheme: TagScheme) -> Bools:
    """Mark tokens before which no best path has an entity open.

    Compare a best path p with the repaired path q, which has "O" in broken chunks and the best tag elsewhere. Suppose
    that p has an entity open at a boundary where q has none, and widen that boundary to the shortest stretch at whose
    ends neither has one. The two can be exchanged there, so p's regret on the stretch is at most q's. At each token of
    the stretch, p is in an entity of two or more tokens wherever q is not, so the least regret of such a tag is a
    lower bound of p's; where q is in one too, that least regret is 0. Hence there must be a stretch around the boundary
    on which q's regret reaches this bound. Where the greatest difference over all stretches is below 0, there is none.

    Returns:
        (N,) mask, true at every doc's first token.
    """
    best = _regret_base(scores, tags)
    repaired = np.where(broken, 0, tags)
    cost = np.where(broken, best - scores[:, 0], 0.0)

    in_longer_entity = np.flatnonzero((scheme.before != 0) | (scheme.after != 0))
    bound = np.minimum(best - scores[:, in_longer_entity].max(axis=1), _GREATEST_BOUND)

    # At boundary b, the greatest sum of (cost - bound) over tokens [l, u) with l < b < u.
    sums = np.concatenate(([0.0], np.cumsum(np.minimum(cost, _GREATEST_BOUND * len(tags)) - bound)))
    lowest_left = np.minimum.accumulate(sums[:-2])
    greatest_right = np.maximum.accumulate(sums[:1:-1])[::-1]
    safe = np.ones(len(tags), dtype=bool)
    safe[1:] = (scheme.before[repaired[1:]] == 0) & (greatest_right - lowest_left < -_MARGIN)
    safe[starts] = True
    return safe


def _regret_base(scores: Floats, tags: Ints) -> Floats:
    """Give the score of each token's best tag in float64, or 0 where every tag is ruled out (see :func:`_regrets`)."""
    best = scores[np.arange(len(tags)), tags].astype(np.float64)
    return np.where(np.isneginf(best), 0.0, best)


def _solve(scores: Floats, tags: Ints, starts: Ints, lengths: Ints, scheme: TagScheme) -> None:
    """Write the best valid tags of some pieces into ``tags``. Pieces of alike length are solved together."""
    base = _regret_base(scores, tags)
    exponents = np.ceil(np.log2(lengths)).astype(np.int64)
    for exponent in np.unique(exponents):
        group = exponents == exponent
        offsets = np.arange(2**exponent)
        inside = offsets < lengths[group, None]
        tokens = np.where(inside, starts[group, None] + offsets, 0)
        negative_regrets = np.maximum(scores[tokens] - base[tokens][..., None], -_FORBIDDEN)
        states = _best_states(_steps(negative_regrets, inside, scheme), scheme)
        allowed = scheme.allowed[states[:, :-1], states[:, 1:]]
        solved = np.where(allowed, negative_regrets, -np.inf).argmax(axis=-1)
        tags[tokens[inside]] = solved[inside]


def _steps(negative_regrets: Floats, inside: Bools, scheme: TagScheme) -> Floats:
    """Make each token's matrix of steps between states.

    Args:
        negative_regrets: (B, L, T), finite.
        inside: (B, L) false for padding, which becomes the identity: it stays in each state at no cost.
        scheme: The scheme of the T tags, with S states.

    Returns:
        (B, L, S, S) the best tag's value for each pair of states, -inf where no tag is allowed.
    """
    n_states = scheme.allowed.shape[0]
    steps = np.full((*inside.shape, n_states, n_states), -np.inf)
    for tag in range(len(scheme.tags)):
        source, target = scheme.before[tag], scheme.after[tag]
        from_all = scheme.allowed[:, target, tag].all()  # else from one state alone
        step = steps[..., slice(None) if from_all else slice(source, source + 1), target]
        np.maximum(step, negative_regrets[..., None, tag], out=step)
    steps[~inside] = np.where(np.eye(n_states, dtype=bool), 0.0, -np.inf)
    return steps


def _best_states(steps: Floats, scheme: TagScheme) -> Ints:
    """Find the best states between tokens, by joining neighbours upwards and reading the joints downwards.

    Args:
        steps: (B, L, S, S) value of each step; L is a power of two.
        scheme: Says in which states a path may end. Every path begins in state 0.

    Returns:
        (B, L + 1) states; the path through them has the greatest sum of values.
    """
    levels = [steps]
    while levels[-1].shape[1] > 1:
        levels.append(_join(levels[-1]))
    states = np.zeros((len(steps), 2), dtype=np.int64)
    if not scheme.must_close:
        states[:, 1] = levels[-1][:, 0, 0].argmax(axis=-1)
    rows = np.arange(len(steps))[:, None]
    for level in reversed(levels[:-1]):
        wider = np.empty((len(states), 2 * states.shape[1] - 1), dtype=np.int64)
        wider[:, 0::2] = states
        halves = np.arange(0, level.shape[1], 2)
        to_joint = level[rows, halves, states[:, :-1]]
        from_joint = level[rows, halves + 1, :, states[:, 1:]]
        wider[:, 1::2] = (to_joint + from_joint).argmax(axis=-1)
        states = wider
    return states


def _join(steps: Floats) -> Floats:
    """Join neighbouring steps, (B, L, S, S) to (B, L / 2, S, S), by the best state between them."""
    n_states = steps.shape[-1]
    first, second = (steps[:, half::2].reshape(-1, n_states, n_states) for half in (0, 1))
    joined = np.empty_like(first)
    n_cached = max(1, _CACHED // n_states**2)
    for start in range(0, len(joined), n_cached):
        left, right, best = (array[start : start + n_cached] for array in (first, second, joined))
        np.add(left[:, :, 0, None], right[:, 0, None, :], out=best)
        for state in range(1, n_states):  # one state at a time, to hold S² numbers for a token and not S³
            np.maximum(best, left[:, :, state, None] + right[:, state, None, :], out=best)
    return joined.reshape(len(steps), -1, n_states, n_states)
