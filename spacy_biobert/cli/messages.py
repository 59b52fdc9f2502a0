"""How commands speak of errors and warnings."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from wasabi import msg


@contextmanager
def clear_errors() -> Iterator[None]:
    """End the command with the message of a numbered error, without a traceback; any other error passes through."""
    try:
        yield
    except (ValueError, OSError) as error:
        title, _, rest = str(error).partition("\n")
        if not title.startswith("[B"):
            raise
        msg.fail(title)
        # Lists of files keep their lines.
        if rest:
            print(rest)
        raise typer.Exit(1) from error


@contextmanager
def clear_warnings() -> Iterator[None]:
    """Print warnings without the line of code that gave them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        msg.warn(str(warning.message))
