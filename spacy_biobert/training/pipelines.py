"""Pipelines that training leaves on disk, whole even where it is killed while it writes one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from spacy.language import Language
from spacy.training.loop import DIR_MODEL_BEST, DIR_MODEL_LAST

_UNFINISHED = ".unfinished"


def save_pipeline(nlp: Language, output: Path, *, best: bool) -> None:
    """Write the last pipeline, and the best too if it is that, in place of those before."""
    unfinished = output / _UNFINISHED
    shutil.rmtree(unfinished, ignore_errors=True)
    nlp.to_disk(unfinished)
    _replace(unfinished, output / DIR_MODEL_LAST)
    if best:
        shutil.copytree(output / DIR_MODEL_LAST, unfinished)
        _replace(unfinished, output / DIR_MODEL_BEST)


def recover_pipelines(output: Path) -> None:
    """Put back what `save_pipeline` had moved out of the way when it was killed."""
    for name in (DIR_MODEL_BEST, DIR_MODEL_LAST):
        target = output / name
        if not target.exists() and _old(target).exists():
            os.replace(_old(target), target)


def _replace(new: Path, target: Path) -> None:
    old = _old(target)
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(new, target)
    shutil.rmtree(old, ignore_errors=True)


def _old(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")
