"""What all pages have in common."""

from __future__ import annotations

from html import escape

from .style import PAGE_STYLE


def render_document(body: str, *, title: str, style: str = "") -> str:
    """Wrap the markup of a page in a document that needs nothing else.

    Args:
        body: The markup.
        title: The page's title, as plain text.
        style: Rules to add to those of all pages.

    Returns:
        The HTML.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{PAGE_STYLE}{style}</style></head>\n"
        f"<body>{body}</body></html>\n"
    )


def render_header(title: str, about: str, counts: list[tuple[str, str]]) -> str:
    """Head a page with its title, a line below it, and numbers with their names.

    Args:
        title: The title, as plain text.
        about: The line, as plain text.
        counts: Names and numbers, as they are to be shown.
    """
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(number)}</dd></div>" for name, number in counts)
    return (
        f"<header><h1>{escape(title)}</h1><p class='about'>{escape(about)}</p><dl class='counts'>{cells}</dl></header>"
    )
