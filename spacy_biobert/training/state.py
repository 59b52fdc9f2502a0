"""What a training has learned so far: weights, gradients that wait, and what the optimizer keeps for each of them.

Tensors are kept by kind and by a name that a second run of the same config gives them too: component, node of its
model, parameter. thinc's own keys, by which its optimizers know a parameter, count what has been made in a process.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import torch
from spacy.language import Language
from thinc.api import Model, Ops, Optimizer, get_array_module, get_current_ops
from thinc.shims import PyTorchShim, Shim
from torch import Tensor, nn

from ..encoder.shim import EncoderShim
from ..errors import Errors
from .optimizer import AdamW

Tensors = dict[str, dict[str, Tensor]]
"""By kind, then by name; on the CPU."""
Counts = dict[str, dict[str, int]]

_MOMENTS = ("mom1", "mom2", "averages")
_COUNTS = ("nr_update", "last_seen")


@runtime_checkable
class LearnsByItself(Protocol):
    """A component that training changes in more than the weights of its model."""

    def training_state(self) -> dict[str, Any]:
        """Return as arrays what else a training that goes on needs."""

    def set_training_state(self, state: Mapping[str, Any]) -> None:
        """Put that back."""


def trained_parts(nlp: Language, frozen: Container[str] = ()) -> dict[str, Model | Shim]:
    """Find all that has weights which training changes: nodes of thinc models, and shims in them.

    Args:
        nlp: The pipeline.
        frozen: Names of components that are not trained.

    Returns:
        The parts by their names.

    Raises:
        ValueError: A component keeps its weights in a shim of a kind that is not known.
    """
    parts: dict[str, Model | Shim] = {}
    for pipe_name, pipe in nlp.pipeline:
        model = getattr(pipe, "model", None)
        if pipe_name in frozen or not isinstance(model, Model):
            continue
        for i, node in enumerate(model.walk()):
            parts[f"{pipe_name}/{i}"] = node
            for j, shim in enumerate(node.shims):
                if not isinstance(shim, EncoderShim | PyTorchShim):
                    raise ValueError(Errors.B421.format(component=pipe_name, kind=type(shim).__name__))
                parts[f"{pipe_name}/{i}:{j}"] = shim
    return parts


def capture(parts: dict[str, Model | Shim], optimizer: Optimizer) -> tuple[Tensors, Counts]:
    """Take down what training has made of the parts of a pipeline.

    Args:
        parts: See `trained_parts`.
        optimizer: It has just stepped them.

    Returns:
        Tensors, which share memory with what they show where that is on the CPU, and the optimizer's counts.

    Raises:
        ValueError: The optimizer has stepped weights that are in none of the parts.
    """
    tensors: Tensors = {kind: {} for kind in ("weights", "gradients", *_MOMENTS)}
    for part_name, part in parts.items():
        for name, values in _weights(part).items():
            tensors["weights"][f"{part_name}/{name}"] = _to_tensor(values)
        for name, values in _gradients(part).items():
            tensors["gradients"][f"{part_name}/{name}"] = _to_tensor(values)
        if isinstance(optimizer, AdamW) and isinstance(part, EncoderShim):
            for name, moments in optimizer.module_state(part.id, _module(part)).items():
                for kind, values in moments.items():
                    tensors.setdefault(kind, {})[f"{part_name}/{name}"] = _to_tensor(values)
    names = {key: name for name, key in _keys(parts).items()}
    strangers = optimizer.nr_update.keys() - names.keys()
    if strangers:
        raise ValueError(Errors.B423.format(names=", ".join(sorted(name for _, name in strangers)[:5])))
    for kind in _MOMENTS:
        for key, values in (getattr(optimizer, kind) or {}).items():
            tensors[kind][names[key]] = _to_tensor(values)
    counts = {kind: {names[key]: n for key, n in getattr(optimizer, kind).items()} for kind in _COUNTS}
    return {kind: some for kind, some in tensors.items() if some}, counts


def restore(
    parts: dict[str, Model | Shim], optimizer: Optimizer, tensors: Tensors, counts: Counts, *, source: Path
) -> None:
    """Put back what `capture` took down, into a pipeline initialized by the same config.

    Args:
        parts: See `trained_parts`.
        optimizer: It has not stepped yet.
        tensors: What to put back.
        counts: The same.
        source: Where it comes from, for the message of an error.

    Raises:
        ValueError: The pipeline has other weights, or other shapes of them.
    """
    _compare(parts, tensors["weights"], source)
    keys = _keys(parts)
    for kind in _MOMENTS:
        for name, values in tensors.get(kind, {}).items():
            getattr(optimizer, kind)[keys[name]] = _to_array(values, get_current_ops())
    for kind in _COUNTS:
        getattr(optimizer, kind).update({keys[name]: n for name, n in counts[kind].items()})
    for part_name, part in parts.items():
        start = f"{part_name}/"
        own = {
            kind: {name.removeprefix(start): values for name, values in some.items() if name.startswith(start)}
            for kind, some in tensors.items()
        }
        if isinstance(part, Model):
            _restore_node(part, own)
        else:
            _restore_module(part, own, optimizer)


def _compare(parts: dict[str, Model | Shim], stored: dict[str, Tensor], source: Path) -> None:
    found = {
        f"{part_name}/{name}": tuple(x.shape) for part_name, part in parts.items() for name, x in _weights(part).items()
    }
    expected = {name: tuple(values.shape) for name, values in stored.items()}
    wrong = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    if wrong:
        listed = "; ".join(f"{name}: {expected.get(name)} then, {found.get(name)} now" for name in wrong[:5])
        raise ValueError(Errors.B422.format(path=source, n=len(wrong), names=listed))


def _restore_node(node: Model, own: Tensors) -> None:
    for name, values in own["weights"].items():
        cast(Any, node.get_param(name))[...] = _to_array(values, node.ops)
    for name, values in own.get("gradients", {}).items():
        node.set_grad(name, _to_array(values, node.ops))


def _restore_module(shim: Shim, own: Tensors, optimizer: Optimizer) -> None:
    weights = _weights(shim)
    with torch.no_grad():
        for name, values in own["weights"].items():
            weights[name].copy_(values)
    gradients = own.get("gradients", {})
    for name, values in gradients.items():
        weights[name].grad = values.to(weights[name].device)
    if isinstance(shim, EncoderShim):
        if isinstance(optimizer, AdamW):
            optimizer.restore_module(shim.id, _module(shim), own)
        shim.weights_changed()
        if gradients:
            # Steps clear gradients: where there are some, the encoder owed a step until the next batch.
            shim.owe(optimizer)


def capture_components(nlp: Language, frozen: Container[str] = ()) -> dict[str, Tensor]:
    """Return what components keep that learn by themselves, by component and name."""
    kept: dict[str, Tensor] = {}
    for pipe_name, pipe in nlp.pipeline:
        if pipe_name not in frozen and isinstance(pipe, LearnsByItself):
            for name, values in pipe.training_state().items():
                kept[f"{pipe_name}/{name}"] = torch.from_numpy(values.copy())
    return kept


def restore_components(nlp: Language, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `capture_components` returned."""
    for pipe_name, pipe in nlp.pipeline:
        start = f"{pipe_name}/"
        own = {name.removeprefix(start): some.numpy() for name, some in tensors.items() if name.startswith(start)}
        if own and isinstance(pipe, LearnsByItself):
            pipe.set_training_state(own)


def _weights(part: Model | Shim) -> dict[str, Any]:
    """Return the weights of a part, and what else a network keeps beside them."""
    if isinstance(part, Model):
        return {name: part.get_param(name) for name in part.param_names if part.has_param(name)}
    module = _module(part)
    return dict(module.named_parameters()) | dict(module.named_buffers())


def _gradients(part: Model | Shim) -> dict[str, Any]:
    """Return the gradients that there are: thinc steps by those of zeros too."""
    if isinstance(part, Model):
        return {name: part.get_grad(name) for name in part.grad_names}
    return {name: weights.grad for name, weights in _module(part).named_parameters() if weights.grad is not None}


def _module(shim: Shim) -> nn.Module:
    # Its runtime has it where it runs, on a GPU perhaps.
    return shim.runtime.bert if isinstance(shim, EncoderShim) else shim._model


def _keys(parts: dict[str, Model | Shim]) -> dict[str, tuple[int, str]]:
    """Return the key by which thinc's optimizers know a parameter, by its name here; "" stands for a whole module."""
    return {
        f"{part_name}/{name}": (part.id, name) for part_name, part in parts.items() for name in ("", *_weights(part))
    }


def _to_array(tensor: Tensor, ops: Ops) -> Any:
    return ops.asarray(cast(Any, tensor.numpy()))


def _to_tensor(values: Any) -> Tensor:
    if isinstance(values, Tensor):
        return values.detach().cpu().contiguous()
    if get_array_module(values).__name__ == "cupy":
        values = values.get()
    return torch.from_numpy(values).contiguous()
