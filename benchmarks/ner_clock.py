"""A logger for `spacy train` that writes down when each score came, in CPU seconds of training alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import spacy
from spacy.language import Language


@spacy.registry.loggers("ner_clock.v1")
def ner_clock(path: str) -> Callable[[Language, IO[str], IO[str]], tuple[Callable, Callable]]:
    """Write a line ``[step, seconds, F1]`` for each evaluation.

    spaCy evaluates within a step, so what these steps take is not seen apart: they count as the mean of the others.
    """

    def setup(nlp: Language, stdout: IO[str], stderr: IO[str]) -> tuple[Callable, Callable]:
        times: list[float] = []
        last = time.process_time()

        def log_step(info: dict[str, Any] | None) -> None:
            nonlocal last, steps
            steps += 1
            now = time.process_time()
            if info is None:
                times.append(now - last)
            elif times:
                seconds = sum(times) / len(times) * steps
                with Path(path).open("a", encoding="utf8") as file:
                    file.write(json.dumps([info["step"], round(seconds, 2), info["other_scores"]["ents_f"]]) + "\n")
            last = time.process_time()

        steps = 0
        return log_step, lambda: None

    return setup
