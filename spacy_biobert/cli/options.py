"""Options that several commands have, and how to read what is given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import typer

from ..errors import Errors


def own_corpus(split: str) -> Any:
    """Make the option that puts a user's own file in the place of a dataset's corpora."""
    text = f"A corpus of your own, in any format, in place of the dataset's for '{split}'."
    return typer.Option(f"--{split}", metavar="PATH", help=text, show_default=False)


def listed(text: str | None) -> tuple[str, ...] | None:
    """Read a list with commas; None stays None."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def mapped(option: str, pairs: Iterable[str] | None) -> dict[str, str]:
    """Read OLD=NEW pairs; an old name may hold "=", a new one may not.

    Args:
        option: What the option is called, for the message.
        pairs: What was given for it, if anything.

    Raises:
        ValueError: A pair is none, or its old name is empty.
    """
    mapping: dict[str, str] = {}
    for pair in pairs or ():
        old, equals, new = pair.rpartition("=")
        if not equals or not old:
            raise ValueError(Errors.B331.format(value=pair, option=option))
        mapping[old] = new
    return mapping
