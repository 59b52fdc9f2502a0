"""A temperature that makes scores mean what they say, fitted on held-out data.

An entity's score is the probability of its whole span, a product over its tokens of softmax probabilities at a
temperature. One number thus makes all scores bolder or more modest, and leaves the mentions that are found as they are,
though not always which of those that overlap is the likeliest. It is fitted
as in Guo et al. (2017), "On Calibration of Modern Neural Networks", ICML: by the likelihood, not by the calibration
error itself, which jumps as entities change bins. The likelihood is that of what the score claims, "this entity is
exactly right", and not that of the tags: tokens outside entities are by far the most and the surest, and would decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..errors import Errors
from .decoding import Bools, Floats
from .matching import match
from .reliability import N_BINS, reliability

ScoresAt = Callable[[float], npt.NDArray[np.float64]]
"""From a temperature to the scores of a fixed list of entities."""

_STEPS = np.linspace(-3.0, 3.0, 13)  # log2 of the temperatures to begin with: 1/8 to 8, in steps of √2
_LEAST = 1e-12  # probabilities are kept this far from 0 and 1


@dataclass(frozen=True, slots=True)
class Fit:
    """How well scores fit at a temperature.

    Attributes:
        temperature: The temperature.
        ece: Expected calibration error over 15 bins of equal width.
        ece_equal_mass: The same over 15 bins of equal mass.
        nll: Mean negative log-likelihood of what is right and wrong, in nats.
        score: Mean score. The share of right entities is what it should be.
    """

    temperature: float
    ece: float
    ece_equal_mass: float
    nll: float
    score: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a calibration has found.

    Attributes:
        entities: Number of entities that it was fitted on.
        right: Number of those that are exactly right.
        before: The fit at the temperature that was set before.
        after: The fit at the temperature found.
    """

    entities: int
    right: int
    before: Fit
    after: Fit

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**asdict(self), "bins": N_BINS}


def calibrate(nlp: Language, name: str, examples: Iterable[Example]) -> Calibration | None:
    """Fit the temperature of an entity recognizer. The pipeline is left as it was.

    The components before it run once; each temperature that is tried costs a pass of the recognizer alone.

    Args:
        nlp: The pipeline.
        name: The name of its ``biobert_ner``.
        examples: Held-out data that the pipeline was not trained on. The predicted docs are annotated.

    Returns:
        The temperature, and how well the scores fit before and after; None where the recognizer finds no entity that
        can be judged, so that there is nothing to fit.

    Raises:
        ValueError: A component before the recognizer fails on a doc.
    """
    examples = list(examples)
    pipe: Any = nlp.get_pipe(name)
    docs = [example.predicted for example in examples]
    for other, component in nlp.pipeline[: nlp.pipe_names.index(name)]:
        docs = list(component.pipe(docs)) if hasattr(component, "pipe") else [component(doc) for doc in docs]
        if len(docs) != len(examples):
            raise ValueError(Errors.B140.format(name=other))
    stored = {key: pipe.cfg[key] for key in ("temperature", "threshold")}
    pipe.cfg["threshold"] = 0.0  # or entities would come and go with the temperature
    try:
        keys, is_right = _found(pipe, examples, docs)
        if not len(is_right):
            return None

        def scores_at(temperature: float) -> npt.NDArray[np.float64]:
            pipe.cfg["temperature"] = temperature
            _annotate(pipe, docs)
            return _scores(docs, keys, pipe.cfg["spans_key"])

        before = _fit(scores_at, is_right, stored["temperature"])
        after = _fit(scores_at, is_right, fit_temperature(scores_at, is_right))
    finally:
        pipe.cfg.update(stored)
    return Calibration(len(is_right), int(is_right.sum()), before, after)


def fit_temperature(scores_at: ScoresAt, is_right: Bools) -> float:
    """Find the temperature at which scores best foretell what is right.

    The aims are not 1 and 0 but (r + 1) / (r + 2) and 1 / (w + 2) for r right and w wrong entities, as in Platt (1999),
    "Probabilistic Outputs for Support Vector Machines": on few data, or where all is right, a temperature stays finite.

    Args:
        scores_at: Gives the scores of n entities, in [0, 1], at a temperature.
        is_right: (n,) whether each is right.

    Returns:
        The temperature of the least mean negative log-likelihood, between 1/8 and 8, to three decimals: a
        shorter number stays the same in JSON and in a config.
    """
    n_right = int(is_right.sum())
    aims = np.where(is_right, (n_right + 1) / (n_right + 2), 1 / (len(is_right) - n_right + 2))

    def loss(log_temperature: float) -> float:
        return _negative_log_likelihood(scores_at(float(2.0**log_temperature)), aims)

    losses = [loss(step) for step in _STEPS]
    best = int(np.argmin(losses))
    bounds = (_STEPS[max(best - 1, 0)], _STEPS[min(best + 1, len(_STEPS) - 1)])
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-3})
    return round(float(2.0 ** (found.x if found.fun <= losses[best] else _STEPS[best])), 3)


def _found(pipe: Any, examples: list[Example], docs: list[Doc]) -> tuple[list[list[tuple[int, int, int]]], Bools]:
    """Find each doc's entities that can be judged, as (first token, token after the last, label), and judge them."""
    _annotate(pipe, docs)
    keys, is_right = [], []
    for example, doc in zip(examples, docs, strict=True):
        matching = match(Example(doc, example.reference))
        known = _group_scores(doc, pipe.cfg["spans_key"])
        judged = {} if matching is None else {place: _key(span) for place, span in matching.found.items()}
        # Entities that something else has set have no score.
        own = {place: key for place, key in judged.items() if key in known}
        keys.append(list(own.values()))
        is_right += [matching is not None and place in matching.gold for place in own]
    return keys, np.array(is_right, dtype=bool)


def _annotate(pipe: Any, docs: list[Doc]) -> None:
    for _ in pipe.pipe(docs):
        pass


def _scores(docs: list[Doc], keys: list[list[tuple[int, int, int]]], spans_key: str) -> npt.NDArray[np.float64]:
    """Look up the scores of entities."""
    scores: list[float] = []
    for doc, wanted in zip(docs, keys, strict=True):
        if wanted:
            known = _group_scores(doc, spans_key)
            scores += [known[key] for key in wanted]
    return np.array(scores, dtype=np.float64)


def _group_scores(doc: Doc, spans_key: str) -> dict[tuple[int, int, int], float]:
    if spans_key not in doc.spans:
        return {}
    group = doc.spans[spans_key]
    return {_key(span): score for span, score in zip(group, group.attrs["scores"], strict=True)}


def _key(span: Any) -> tuple[int, int, int]:
    return span.start, span.end, span.label


def _fit(scores_at: ScoresAt, is_right: Bools, temperature: float) -> Fit:
    scores = scores_at(temperature)
    return Fit(
        temperature=temperature,
        ece=reliability(scores, is_right).error,
        ece_equal_mass=reliability(scores, is_right, equal_mass=True).error,
        nll=_negative_log_likelihood(scores, is_right),
        score=float(scores.mean()),
    )


def _negative_log_likelihood(scores: Floats, aims: npt.NDArray[Any]) -> float:
    """Mean cross-entropy, in nats, of scores (n,) against the aims (n,), each in [0, 1]."""
    chances = np.clip(scores, _LEAST, 1.0 - _LEAST)
    return float(-np.mean(aims * np.log(chances) + (1 - aims) * np.log1p(-chances)))
