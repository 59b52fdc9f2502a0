"""What a reader tells beside the concepts: the version of what it read, and what it left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class SourceReport:
    """Filled by a reader while it reads; complete when the reader is done.

    Attributes:
        version: The version or date that the source states, or "".
        skipped: How many of each kind of thing were left out, by a description: "obsolete terms".
    """

    version: str = ""
    skipped: Counter[str] = field(default_factory=Counter)

    def skip(self, what: str, count: int = 1) -> None:
        """Count something that is left out."""
        if count:
            self.skipped[what] += count
