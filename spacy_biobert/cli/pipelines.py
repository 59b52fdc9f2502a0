"""Loading the pipeline that a command is given."""

from __future__ import annotations

import spacy
from spacy import Language

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
