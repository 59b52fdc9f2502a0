"""How commands speak: of errors, of warnings, and in numbers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import typer
from wasabi import Printer, msg

from ..errors import Errors


@contextmanager
def clear_errors(file: IO[str] | None = None) -> Iterator[None]:
    """End the command with the message of a numbered error, without a traceback; any other error passes through.

    What the operating system refuses to do with a file is numbered here.

    Args:
        file: Where the message goes; standard output if None, as with spaCy's commands.
    """
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        title, _, rest = str(error).partition("\n")
        if not title.startswith("[B"):
            if not isinstance(error, OSError) or error.filename is None:
                raise
            title, rest = Errors.B511.format(path=error.filename, reason=error.strerror), ""
        print(Printer(no_print=True).fail(title), file=file)
        # Lists of files keep their lines.
        if rest:
            print(rest, file=file)
        raise typer.Exit(1) from error


@contextmanager
def clear_warnings() -> Iterator[None]:
    """Print warnings without the line of code that gave them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for warning in caught:
                msg.warn(str(warning.message))


def percent(share: float | None) -> str:
    """Write a share in percent, for a table; where there is none, a dash."""
    return "-" if share is None else f"{100 * share:.2f}"
