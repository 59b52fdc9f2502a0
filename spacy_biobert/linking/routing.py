"""Which mentions a linker links, and which concepts their labels allow."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

Types = tuple[str, ...]


def is_routed(label: str, labels: Collection[str] | None) -> bool:
    """Tell whether a linker links mentions of a label: where none are named, it links all."""
    return labels is None or label in labels


def allowed_types(label: str, label_types: Mapping[str, Sequence[str]], known_types: Collection[str]) -> Types | None:
    """Return the semantic types that concepts of a label may have.

    Args:
        label: The label of a mention.
        label_types: The setting: for a label, the types of its concepts.
        known_types: All types of the knowledge base.

    Returns:
        What the setting says; where it says nothing, the type that has the label's name, if there is one; else None,
        which allows every concept.
    """
    types = label_types.get(label)
    if types is not None:
        return tuple(types)
    return (label,) if label in known_types else None
