"""The pipeline that a command is given: loading it, and saying what it is."""

from __future__ import annotations

import spacy
from spacy import Language
from spacy import __version__ as spacy_version

from .. import __version__
from ..errors import Errors


def load_pipeline(model: str) -> Language:
    """Load an installed pipeline, or one from its folder.

    Raises:
        ValueError: There is none, or it cannot be loaded.
    """
    try:
        return spacy.load(model)
    except (OSError, ValueError) as error:
        if str(error).startswith("[B"):
            raise
        raise ValueError(Errors.B507.format(model=model, reason=str(error).rstrip("."))) from error


def describe_pipeline(nlp: Language) -> str:
    """Say in a line what found the entities of a page: components, versions, and what became of their scores."""
    parts = [" → ".join(nlp.pipe_names) or "no components", f"version {nlp.meta['version']}"]
    for name, pipe in nlp.pipeline:
        cfg = getattr(pipe, "cfg", None) or {}
        if "temperature" in cfg:
            parts.append(f"{name} at temperature {cfg['temperature']:g}, threshold {cfg['threshold']:g}")
    return " · ".join([*parts, f"spaCy {spacy_version}", f"spacy-biobert {__version__}"])
