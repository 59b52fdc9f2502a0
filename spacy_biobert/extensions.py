"""What is read of annotations where no pipeline is loaded, such as in a service that is sent docs."""

from __future__ import annotations

from collections.abc import Iterable


def register_extensions(linkers: Iterable[str] = ("biobert_linker",)) -> None:
    """Let ``span._.score`` and ``span._.kb_ents`` read the docs of a ``DocBin``, as components do when they are made.

    Args:
        linkers: The names of the linkers that annotated the docs, or their ``candidates_key``.
    """
    # Importing the package loads no spaCy.
    from .linking.extension import register_extension
    from .ner.extension import install_extension

    install_extension()
    for linker in linkers:
        register_extension("kb_ents", linker)
