"""Changes to a pipeline that lies on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import srsly
from spacy.util import load_config
from wasabi import msg

from ..files import replacing


def write_text(path: Path, text: str) -> None:
    """Write a file all at once."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, data: Any) -> None:
    """Write JSON all at once, as spaCy lays it out."""
    write_text(path, srsly.json_dumps(data, indent=2))


def record_performance(model: Path, **scores: Any) -> None:
    """Write scores into a pipeline's meta.json too, where people look.

    Args:
        model: The pipeline's folder.
        scores: What to put beside the scores of its training.
    """
    path = model / "meta.json"
    meta = srsly.read_json(path)
    meta.setdefault("performance", {}).update(scores)
    write_json(path, meta)
    msg.good(f"Recorded in {path}")


def set_component_settings(model: Path, name: str, settings: Mapping[str, Any]) -> None:
    """Change settings of a ``biobert_ner`` that lies on disk, as if it had been trained with them.

    Args:
        model: The pipeline's folder.
        name: The component's name.
        settings: The settings to change.
    """
    # A setting of the config that differs from the one under "settings" would be taken for one given to `spacy.load`.
    cfg = srsly.read_json(model / name / "cfg")
    cfg.update(settings)
    cfg["settings"] = {**cfg.get("settings", {}), **settings}
    write_json(model / name / "cfg", cfg)
    config = load_config(model / "config.cfg", interpolate=False)
    config["components"][name].update(settings)
    write_text(model / "config.cfg", config.to_str(interpolate=False))
