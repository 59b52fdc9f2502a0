"""The steps of a training, made by spaCy's own loop, which can be gone through again without being made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.training import Example
from spacy.training.loop import train_while_improving
from thinc.api import Optimizer

from .batches import Batches, Corpus
from .checkpoint import Past, read_tensors, write_checkpoint
from .compare import check_data, versions
from .randomness import random_state, set_random_state
from .state import capture, capture_components, restore, restore_components, trained_parts

COMPONENTS = "components"
"""The kind of tensors that components keep themselves."""

Step = tuple[list[Example], dict[str, Any], bool | None]
"""What spaCy's `train_while_improving` yields: a batch, an account of the step, and whether it scored best so far."""


class Steps:
    """Makes the steps of a training, one for each item, and keeps account of them.

    spaCy's loop counts, stops and evaluates. To go on from a checkpoint, it is led through the steps up to there
    without making them: batches are drawn, schedules move on, evaluations give the scores that they gave. Then all that
    it counts is as it was, weights and random states are put back, and the next step is the one that would have been
    next.

    Args:
        nlp: The pipeline, initialized.
        settings: The ``[training]`` section, resolved.
        train_corpus: Reads the training examples.
        evaluate: Scores the pipeline.
        past: The checkpoint, if there are steps to be gone through again; see `replay`.
    """

    def __init__(
        self,
        nlp: Language,
        settings: Mapping[str, Any],
        train_corpus: Corpus,
        evaluate: Callable[[], tuple[float, dict[str, Any]]],
        *,
        past: Past | None = None,
    ) -> None:
        self.nlp = nlp
        self.optimizer: Optimizer = settings["optimizer"]
        self.evaluations: list[dict[str, Any]] = []
        self._frozen: list[str] = settings["frozen_components"]
        self._parts = trained_parts(nlp, self._frozen)
        self._evaluate = evaluate
        self._recorded: list[dict[str, Any]] = past.state["evaluations"] if past else []
        self._replaying = past is not None
        self._last: dict[str, Any] = {}
        self._batches = Batches(
            nlp,
            train_corpus,
            settings["batcher"],
            settings["max_epochs"],
            start=past.state["data"]["start"] if past else None,
        )
        before_update = settings["before_update"]
        self._steps: Iterator[Step] = train_while_improving(
            self,  # type: ignore[arg-type]
            self.optimizer,
            self._batches,
            self.score,
            dropout=settings["dropout"],
            accumulate_gradient=settings["accumulate_gradient"],
            patience=settings["patience"],
            max_steps=settings["max_steps"],
            eval_frequency=settings["eval_frequency"],
            exclude=self._frozen,
            annotating_components=settings["annotating_components"],
            before_update=before_update and (lambda _, step: before_update(nlp, step)),
        )

    # --- what spaCy's loop asks of a pipeline ---

    @property
    def pipeline(self) -> list[tuple[str, Any]]:
        """The components whose weights are to be stepped."""
        return [] if self._replaying else self.nlp.pipeline

    def update(self, examples: Iterable[Example], **options: Any) -> None:
        """Update the components."""
        if not self._replaying:
            self.nlp.update(examples, **options)

    def use_params(self, params: dict[tuple[int, str], Any]) -> AbstractContextManager[None]:
        """Use other weights within a block."""
        return self.nlp.use_params(params)

    def score(self) -> tuple[float, dict[str, Any]]:
        """Score the pipeline, or say how it was scored."""
        if not self._replaying:
            return self._evaluate()
        recorded = self._recorded[len(self.evaluations)]
        return recorded["score"], recorded["scores"]

    # --- steps ---

    def __iter__(self) -> Iterator[Step]:
        """Make the steps, one after the other."""
        for batch, info, is_best in self._steps:
            self._note(info, is_best)
            yield batch, info, is_best

    def replay(self, past: Past) -> Iterator[Step]:
        """Go through the steps that have been made, and put back in the end what they made.

        Args:
            past: The checkpoint.

        Yields:
            The steps, as when they were made.

        Raises:
            ValueError: The training corpus is not what it was, or the checkpoint does not fit the pipeline.
        """
        folder, state = past
        for batch, info, is_best in self._steps:
            arrived = info["step"] == state["step"]
            # The loop adds to this very dict until it is evaluated again.
            if is_best is not None:
                info["losses"].update(self._recorded[len(self.evaluations)]["losses"])
            elif arrived:
                info["losses"].update(state["losses"])
            self._note(info, is_best)
            yield batch, info, is_best
            if arrived:
                break
        check_data("training", state["data"]["train"], self._batches.fingerprint, folder)
        tensors = read_tensors(folder)
        restore(self._parts, self.optimizer, tensors, state["counts"], source=folder)
        restore_components(self.nlp, tensors.get(COMPONENTS, {}))
        set_random_state(state["random"])
        self._replaying = False

    def _note(self, info: dict[str, Any], is_best: bool | None) -> None:
        self._last = info
        if is_best is not None:
            self.evaluations.append(
                {"score": info["score"], "scores": info["other_scores"], "losses": dict(info["losses"])}
            )

    def write(self, root: Path, *, config: Mapping[str, Any], dev: Mapping[str, Any]) -> None:
        """Write a checkpoint after the last step.

        Args:
            root: Where checkpoints lie.
            config: The pipeline's.
            dev: Fingerprint of the development corpus.
        """
        tensors, counts = capture(self._parts, self.optimizer)
        if own := capture_components(self.nlp, self._frozen):
            tensors[COMPONENTS] = own
        step = self._last["step"]
        state = {
            "step": step,
            "versions": versions(),
            "config": config,
            "losses": self._last["losses"],
            "evaluations": self.evaluations,
            "data": {"train": self._batches.fingerprint, "dev": dev, "start": self._batches.start},
            "counts": counts,
            "random": random_state(),
        }
        write_checkpoint(root, step, state, tensors)
