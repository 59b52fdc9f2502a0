"""Where pretraining stands, on disk: one safetensors file, replaced as a whole.

It holds what learns, what the optimizer remembers, the number of steps made, and what they depend on. Random state is
no part of it: see `pretrainer`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import Errors
from ..files import replacing
from .pretrainer import Pretrainer

_OPTIMIZER = "optimizer"


@dataclass(frozen=True)
class Standing:
    """How far pretraining is.

    Attributes:
        step: Steps made.
        before: Negative log-likelihood of a hidden piece of held-out windows before the first step, in nats.
        held_out: The same now.
    """

    step: int
    before: float
    held_out: float


def save_state(path: Path, pretrainer: Pretrainer, standing: Standing, *, made_with: Mapping[str, Any]) -> None:
    """Store where pretraining stands.

    Args:
        path: The file.
        pretrainer: What is trained.
        standing: How far it is.
        made_with: What the steps depend on: settings, text, encoder.
    """
    tensors = {
        f"{name}.{key}": tensor
        for name, module in pretrainer.modules().items()
        for key, tensor in module.state_dict().items()
    }
    for index, remembered in pretrainer.optimizer.state_dict()["state"].items():
        tensors.update({f"{_OPTIMIZER}.{index}.{key}": torch.as_tensor(value) for key, value in remembered.items()})
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {"standing": asdict(standing), "made_with": made_with}
    texts = {name: json.dumps(value, sort_keys=True) for name, value in metadata.items()}
    with replacing(path) as part:
        save_file(tensors, part, metadata=texts)


def load_state(path: Path, pretrainer: Pretrainer, *, made_with: Mapping[str, Any]) -> Standing | None:
    """Go back to where pretraining stood.

    Returns:
        How far it was; None where there is no such file.

    Raises:
        ValueError: The file is damaged, or what the steps depend on is not what it was.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(Errors.B454.format(path=path, reason=error)) from None
    before = json.loads(metadata["made_with"])
    now = json.loads(json.dumps(made_with))
    changed = [f"{name} was {before.get(name)}, is {now.get(name)}" for name in now if before.get(name) != now[name]]
    if changed:
        raise ValueError(Errors.B455.format(path=path, changed="; ".join(changed)))
    for name, module in pretrainer.modules().items():
        module.load_state_dict(_below(tensors, name))
    whole = pretrainer.optimizer.state_dict()
    remembered: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _below(tensors, _OPTIMIZER).items():
        index, key = name.split(".")
        remembered.setdefault(int(index), {})[key] = tensor
    pretrainer.optimizer.load_state_dict({**whole, "state": remembered})
    return Standing(**json.loads(metadata["standing"]))


def _below(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    prefix = f"{name}."
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
