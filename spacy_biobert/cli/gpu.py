"""What ``--gpu-id`` does."""

from __future__ import annotations

from spacy.cli._util import setup_gpu

from ..errors import Errors


def use_gpu(gpu_id: int, *, silent: bool = True) -> None:
    """Let spaCy run on a GPU, or on the CPU where the number is below 0.

    Raises:
        ValueError: It cannot.
    """
    try:
        setup_gpu(gpu_id, silent=silent)
    except ValueError as error:
        raise ValueError(Errors.B513.format(gpu_id=gpu_id, reason=error)) from error
