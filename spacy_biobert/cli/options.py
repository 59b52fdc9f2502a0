"""Options that several commands have."""

from __future__ import annotations

from typing import Any

import typer


def own_corpus(split: str) -> Any:
    """Make the option that puts a user's own file in the place of a dataset's corpora."""
    text = f"A corpus of your own, in any format, in place of the dataset's for '{split}'."
    return typer.Option(f"--{split}", metavar="PATH", help=text, show_default=False)
