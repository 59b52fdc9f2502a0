"""Whether a training can go on from a checkpoint: by the same config, on the same data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..errors import Errors, Warnings

PACKAGES = ("spacy-biobert", "spacy", "thinc", "torch", "numpy")
SHOWN = 10
_ABSENT = "nothing"


def versions() -> dict[str, str]:
    """Return the versions of what computes."""
    return {package: version(package) for package in PACKAGES}


def check_config(then: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """Raise ValueError, naming the settings, where a config differs from a checkpoint's; loggers may."""
    old, new = (dict(_settings(config)) for config in (then, json.loads(json.dumps(now))))
    changed = [
        f"{key}: {old.get(key, _ABSENT)} then, {new.get(key, _ABSENT)} now"
        for key in sorted(old.keys() | new.keys())
        if old.get(key, _ABSENT) != new.get(key, _ABSENT) and not key.startswith("training.logger.")
    ]
    if changed:
        listed = changed[:SHOWN] + [f"… and {len(changed) - SHOWN} more"] * (len(changed) > SHOWN)
        raise ValueError(Errors.B425.format(path=folder, changes="\n".join(listed)))


def check_data(name: str, then: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """Raise ValueError where a corpus has another fingerprint than it had.

    Args:
        name: The corpus, for the message.
        then: See `batches.Fingerprint`.
        now: The same.
        folder: The checkpoint.
    """
    if then["docs"] != now["docs"]:
        raise ValueError(Errors.B426.format(corpus=name, path=folder, then=then["docs"], now=now["docs"]))
    if then["hash"] != now["hash"]:
        raise ValueError(Errors.B427.format(corpus=name, path=folder, n=now["docs"]))


def changed_versions(then: Mapping[str, str]) -> str | None:
    """Return a warning where packages have other versions than they had; None where they have not."""
    changed = [f"{name} {then.get(name)} then, {now} now" for name, now in versions().items() if then.get(name) != now]
    return Warnings.W420.format(changes="; ".join(changed)) if changed else None


def _settings(config: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    """Go through the settings of nested sections, by their dotted names."""
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _settings(value, f"{start}{key}.")
        else:
            yield f"{start}{key}", value
