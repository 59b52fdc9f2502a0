"""A knowledge base that a pipeline refers to and does not carry: where it lies, and which one it has to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Errors

if TYPE_CHECKING:
    from .kb import KnowledgeBase

SETTING = "kb_path"
"""The setting of the linker that says where the knowledge base lies on this machine, whatever the reference says."""


@dataclass(frozen=True)
class KnowledgeBaseReference:
    """What a pipeline keeps of a knowledge base that is too large to be copied into it.

    Attributes:
        path: The folder in which it lay, absolute.
        digest: :attr:`.KnowledgeBase.checksum`: over the checksums of all its files.
        name: What it is called, for messages.
        version: The version of what it was made from, or "".
    """

    path: str
    digest: str
    name: str = ""
    version: str = ""

    @classmethod
    def make(cls, kb: KnowledgeBase) -> KnowledgeBaseReference:
        """Refer to an open knowledge base."""
        return cls(path=str(kb.folder), digest=kb.checksum, name=kb.name, version=kb.version)

    def open(self, override: str | Path | None = None, *, component: str = "biobert_linker") -> KnowledgeBase:
        """Open the knowledge base that is meant, and no other.

        What is compared are the sizes of the files and the checksums that they were written with, which takes no time;
        :meth:`.KnowledgeBase.verify` reads every byte.

        Args:
            override: The folder where it lies now; None for where it lay.
            component: The pipe that asks, for messages.

        Raises:
            FileNotFoundError: There is no knowledge base.
            ValueError: It is another one, was made by another version, or its files are incomplete.
        """
        from .kb import KnowledgeBase

        folder = Path(self.path if override is None else override)
        try:
            kb = KnowledgeBase.open(folder)
        except FileNotFoundError as error:
            message = Errors.B260.format(path=folder, kb=self._title(), component=component, setting=SETTING)
            raise FileNotFoundError(message) from error
        if kb.checksum != self.digest:
            raise ValueError(
                Errors.B261.format(
                    path=folder,
                    kb=self._title(),
                    found=kb.checksum,
                    expected=self.digest,
                    component=component,
                    setting=SETTING,
                )
            )
        return kb

    def to_dict(self) -> dict[str, str]:
        """Return the attributes, all of them texts."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> KnowledgeBaseReference:
        """Read what :meth:`to_dict` returned; what a later version may have added is left out.

        Raises:
            ValueError: A text is missing.
        """
        known = {field.name: data[field.name] for field in fields(cls) if field.name in data}
        if not {"path", "digest"} <= known.keys() or not all(isinstance(value, str) for value in known.values()):
            raise ValueError(Errors.B262.format(data=dict(data)))
        return cls(**known)

    def _title(self) -> str:
        return " ".join(part for part in (self.name or "knowledge base", self.version) if part)
