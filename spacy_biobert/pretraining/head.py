"""Where each checkpoint family keeps the head that guesses hidden pieces, and how we read and write it.

An encoder of ours is stored without a head, and so are most that are published for fine-tuning. One that was pretrained
further has it beside the encoder, in a file of its own, under the names that its family uses.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from ..encoder.checkpoints import Checkpoint, RenamedTensors, open_tensors
from ..files import replacing
from .model import MaskedPieceHead

HEAD_FILE = "masked_piece_head.safetensors"

_LM_HEAD = {"dense": "lm_head.dense", "norm": "lm_head.layer_norm", "bias": "lm_head.bias"}
HEAD_NAMES: dict[str, dict[str, str]] = {
    "bert": {
        "dense": "cls.predictions.transform.dense",
        "norm": "cls.predictions.transform.LayerNorm",
        "bias": "cls.predictions.bias",
    },
    "roberta": _LM_HEAD,
    "xlm-roberta": _LM_HEAD,
    "distilbert": {"dense": "vocab_transform", "norm": "vocab_layer_norm", "bias": "vocab_projector.bias"},
    "electra": {
        "dense": "generator_predictions.dense",
        "norm": "generator_predictions.LayerNorm",
        "bias": "generator_lm_head.bias",
    },
}
"""Their names of our modules, by family."""


def _tensor_names(family: str) -> dict[str, str]:
    """Return their name of each of our tensors."""
    theirs = HEAD_NAMES[family]
    names = {
        f"{module}.{part}": f"{theirs[module]}.{part}" for module in ("dense", "norm") for part in ("weight", "bias")
    }
    return {**names, "bias": theirs["bias"]}


def load_head(head: MaskedPieceHead, checkpoint: Checkpoint, folder: Path) -> bool:
    """Fill a head with the weights that lie in a checkpoint's folder.

    Where the vocabulary has been changed since, the bias of each piece, which says how frequent it is, begins anew.

    Returns:
        Whether there were any that fit; else the head stays as it is, random.
    """
    beside = folder / HEAD_FILE
    # The prefix of a task model stays: with it, the head's names are its own.
    stored = RenamedTensors(load_file(beside) if beside.exists() else open_tensors(folder), prefix="")
    state = head.state_dict()
    names = _tensor_names(checkpoint.family)
    if any(theirs not in stored for theirs in names.values()):
        return False
    found = {ours: stored[theirs].float() for ours, theirs in names.items()}
    if found["bias"].shape != state["bias"].shape:
        found["bias"] = state["bias"]
    if any(found[name].shape != state[name].shape for name in state):
        return False
    head.load_state_dict(found)
    return True


def save_head(head: MaskedPieceHead, checkpoint: Checkpoint, folder: Path) -> None:
    """Write a head beside its encoder."""
    state = head.state_dict()
    tensors = {
        theirs: state[ours].detach().cpu().contiguous() for ours, theirs in _tensor_names(checkpoint.family).items()
    }
    with replacing(folder / HEAD_FILE) as part:
        save_file(tensors, part, metadata={"format": "pt"})


def make_head(checkpoint: Checkpoint, *, seed: int) -> MaskedPieceHead:
    """Make a head with random weights that the seed draws."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MaskedPieceHead(checkpoint.bert)
