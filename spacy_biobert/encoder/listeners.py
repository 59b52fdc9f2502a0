"""Which layers read an encoder, and which must not: other encoders may stand before it or behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, Protocol
from weakref import ref

from spacy.language import Language
from spacy.pipeline.functions import DocCleaner
from spacy_transformers.layers.listener import TransformerListener
from spacy_transformers.pipeline_component import Transformer
from thinc.api import Model

from ..errors import Errors

PipelineOf = Callable[[], Language | None]
"""A weak reference to a pipeline: components do not keep it alive."""


class Encoder(Protocol):
    """What sets ``doc._.trf_data``."""

    name: str


class ListenerSearch:
    """Goes through the components behind an encoder, in their order, and finds the layers that read it.

    Args:
        encoder: The encoder.
        pipeline: The pipeline that it was made for; None where that is not known.
    """

    def __init__(self, encoder: Encoder, pipeline: PipelineOf | None) -> None:
        self._encoder = encoder
        self._pipeline = pipeline
        self.start()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the pipeline out: weak references cannot be pickled."""
        return {**self.__dict__, "_pipeline": None, "_visited": None}

    def __deepcopy__(self, memo: dict[int, Any]) -> ListenerSearch:
        """Let the encoder of a pipeline that is copied know the copy."""
        nlp = memo.get(id(self.pipeline))
        twin = ListenerSearch(deepcopy(self._encoder, memo), None if nlp is None else ref(nlp))
        twin._encoders_since, twin._is_dropped = list(self._encoders_since), self._is_dropped
        twin._visited = None
        return twin

    @property
    def pipeline(self) -> Language | None:
        """The pipeline that the encoder was made for, if that is known and still there."""
        return self._pipeline() if self._pipeline is not None else None

    def start(self) -> None:
        """Begin again, right behind the encoder."""
        self._encoders_since: list[str] = []
        self._is_dropped = False
        # By their ids, not to keep them alive; None in a copy, whose components are others.
        self._visited: set[int] | None = set()

    def is_of(self, nlp: Language) -> bool:
        """Say whether the components that it went through are this pipeline's: an encoder may be sourced elsewhere."""
        return self._visited is None or self._visited <= {id(component) for _, component in nlp.components}

    def visit(self, component: Any, *, is_enabled: bool = True) -> Iterator[TransformerListener]:
        """Yield the layers of the next component that name this encoder, or any (``"*"``).

        Args:
            component: The component.
            is_enabled: Whether it runs; of one that does not, only the layers count.

        Raises:
            ValueError: Another encoder may be meant, or one stands in between whose vectors the component would read,
                or a ``doc_cleaner``, and it would read zeros.
        """
        if self._visited is not None:
            self._visited.add(id(component))
        if is_enabled and _is_encoder(component, self._encoder):
            self._encoders_since.append(component.name)
        if is_enabled and isinstance(component, DocCleaner) and "_.trf_data" in component.cfg["attrs"]:
            self._is_dropped = True
        model = getattr(component, "model", None)
        for node in model.walk() if isinstance(model, Model) else ():
            if isinstance(node, TransformerListener):
                self._check(node.upstream_name, component)
                if node.upstream_name in ("*", self._encoder.name):
                    yield node

    def _check(self, upstream: str, component: Any) -> None:
        """Refuse a listener that would read other vectors than it is trained on, or none."""
        own, since, before = self._encoder.name, self._encoders_since, self._encoders_before(component)
        if upstream == "*" and (others := [*before, *since]):
            raise ValueError(Errors.B018.format(biobert=own, transformer=others[0], component=component.name))
        if upstream == own and since:
            raise ValueError(Errors.B035.format(component=component.name, meant=own, last=since[-1]))
        if upstream in before and not since:
            raise ValueError(Errors.B035.format(component=component.name, meant=upstream, last=own))
        if upstream in ("*", own) and self._is_dropped:
            raise ValueError(Errors.B032.format(component=component.name))

    def _encoders_before(self, component: Any) -> list[str]:
        """Return the names of the encoders before this one, in the pipeline that it shares with a component.

        An encoder that was sourced into another pipeline does not know that one, and finds none.
        """
        nlp = self.pipeline
        pipes = nlp.pipeline if nlp is not None else []
        if not any(pipe is component for _, pipe in pipes):
            return []
        names: list[str] = []
        for name, pipe in pipes:
            if pipe is self._encoder:
                return names
            if _is_encoder(pipe, self._encoder):
                names.append(name)
        return []


def _is_encoder(component: Any, encoder: Encoder) -> bool:
    return isinstance(component, Transformer | type(encoder))
