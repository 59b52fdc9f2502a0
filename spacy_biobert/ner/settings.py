"""What the settings of ``biobert_ner`` may be."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from ..errors import Errors
from .clashes import CLASH_POLICIES

OBJECTIVES = ("tokens", "sequence")


def check_settings(cfg: Mapping[str, Any], *, name: str) -> None:
    """Refuse settings that mean nothing. They may have been changed since the component was made.

    Args:
        cfg: The settings, those that shape the model left aside.
        name: The component's name, for messages.

    Raises:
        ValueError: A setting has a value that means nothing, or does not go with another.
    """
    temperature, clash, smoothing, spans_key = (
        cfg[key] for key in ("temperature", "clash", "label_smoothing", "gold_spans_key")
    )
    if not (_is_number(temperature) and temperature > 0):
        raise ValueError(Errors.B108.format(name=name, setting="temperature", value=temperature))
    if clash not in CLASH_POLICIES:
        raise ValueError(Errors.B110.format(name=name, clash=clash, known=", ".join(CLASH_POLICIES)))
    if spans_key is not None and not cfg["overlapping"]:
        raise ValueError(Errors.B111.format(name=name, key=spans_key))
    threshold = cfg["threshold"]
    if not (_is_number(threshold) and 0 <= threshold <= 1):
        raise ValueError(Errors.B118.format(name=name, value=threshold))
    if not (_is_number(smoothing) and 0 <= smoothing < 1):
        raise ValueError(Errors.B112.format(name=name, value=smoothing))
    if cfg["objective"] not in OBJECTIVES:
        raise ValueError(Errors.B113.format(name=name, objective=cfg["objective"], known=", ".join(OBJECTIVES)))
    if smoothing and cfg["objective"] == "sequence":
        raise ValueError(Errors.B114.format(name=name, value=smoothing))
    if cfg["label_weights"] and not cfg["overlapping"]:
        raise ValueError(Errors.B115.format(name=name))
    for label, weight in cfg["label_weights"].items():
        if not (_is_number(weight) and 0 <= weight < float("inf")):
            raise ValueError(Errors.B117.format(name=name, label=label, weight=weight))


def _is_number(value: object) -> bool:
    """Tell numbers from what a config or a command line may hold in their place, a text above all."""
    return isinstance(value, Real)
