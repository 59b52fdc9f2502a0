"""AdamW as BERT is fine-tuned with it, for encoder and heads together.

thinc's Adam clips each array by its own norm, decays every parameter alike, and sees one array at a time. BERT's recipe
(Devlin et al. 2019, appendix A.3; Loshchilov and Hutter 2019, https://openreview.net/forum?id=Bkg6RiCqY7) clips the
norm of the whole gradient, and decays neither biases nor normalisations. `AdamW` does that for PyTorch modules, in one
fused step, and for the arrays of thinc layers.

Two options are for fine-tuning that forgets less: lower learning rates for lower layers (Howard and Ruder 2018,
https://aclanthology.org/P18-1031; Clark et al. 2020, https://openreview.net/forum?id=r1xMH1BtvB), and averaged weights
(Polyak and Juditsky 1992), which spaCy scores and stores wherever an optimizer keeps them.
"""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from typing import Any

import torch
from thinc.api import Optimizer
from thinc.types import FloatsXd
from torch import nn

from ..errors import Errors, Warnings

_LAYER = re.compile(r"(?:^|\.)layers\.(\d+)\.")
_EMBEDDINGS = re.compile(r"(?:^|\.)embeddings\.")
MODULE_STATE = ("step", "exp_avg", "exp_avg_sq")
"""What PyTorch keeps for each parameter."""
MAX_AVERAGE_DECAY = 0.9999
"""The same that thinc has for its arrays."""


class AdamW(Optimizer):
    """A thinc optimizer that also steps whole PyTorch modules.

    Args:
        learn_rate: Learning rate, or a schedule of it.
        weight_decay: Decoupled weight decay of matrices; vectors (biases, normalisations) are not decayed.
        beta1: Decay of the average gradient.
        beta2: Decay of the average squared gradient.
        eps: Added to the denominator.
        max_grad_norm: The gradient of a module is scaled down to this norm, over all its parameters; the gradient of a
            thinc array to this norm by itself. 0 turns clipping off.
        head_factor: Multiplies the learning rate of thinc arrays: heads, which start from nothing, may learn faster
            than a pretrained encoder.
        layer_decay: The learning rate of each layer of a module, as a share of that of the layer above it. The last
            layer learns at the full rate, the embeddings at the lowest; 1 lets all learn alike.
        use_averages: Keep a running average of all weights, float32, beside them, in ``averages``: after step t its
            decay is (1 + t) / (10 + t), but at most 0.9999, so that it is made of about the last tenth of the steps
            (Shamir and Zhang 2013, https://proceedings.mlr.press/v28/shamir13.html, section 4). What ``spacy train``
            scores and stores are then the averaged weights.

    Raises:
        ValueError: A number has no meaning: below 0, not finite, or ``layer_decay`` not above 0 and at most 1.
    """

    # thinc's class has slots; a subclass without them can hold more. The averages of modules are tensors.
    averages: dict[tuple[int, str], Any] | None

    def __init__(
        self,
        learn_rate: Any,
        *,
        weight_decay: float = 0.01,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        max_grad_norm: float = 1.0,
        head_factor: float = 1.0,
        layer_decay: float = 1.0,
        use_averages: bool = False,
    ) -> None:
        if not 0.0 < layer_decay <= 1.0:
            raise ValueError(Errors.B420.format(value=layer_decay))
        sizes = {
            "weight_decay": weight_decay,
            "eps": eps,
            "max_grad_norm": max_grad_norm,
            "head_factor": head_factor,
        }
        for option, value in sizes.items():
            if not 0.0 <= value < float("inf"):
                expected = "a number that is not negative" + "; 0 does not clip" * (option == "max_grad_norm")
                raise ValueError(Errors.B431.format(option=option, value=value, expected=expected))
        for option, value in {"beta1": beta1, "beta2": beta2}.items():
            if not 0.0 < value < 1.0:
                # thinc, which steps the heads, takes 0 for "no moments at all".
                raise ValueError(Errors.B431.format(option=option, value=value, expected="a share between 0 and 1"))
        super().__init__(
            learn_rate,
            L2=0.0,
            beta1=beta1,
            beta2=beta2,
            eps=eps,
            grad_clip=max_grad_norm,
            L2_is_weight_decay=True,
            use_averages=use_averages,
        )
        self.weight_decay = weight_decay
        self.head_factor = head_factor
        self.layer_decay = layer_decay
        self._modules: dict[int, torch.optim.AdamW] = {}
        # Modules that were stepped since the schedules moved on.
        self._rested: set[int] = set()
        self._has_warned = False

    def __call__(
        self, key: tuple[int, str], weights: FloatsXd, gradient: FloatsXd, *, lr_scale: float = 1.0
    ) -> tuple[FloatsXd, FloatsXd]:
        """Step one array of a thinc layer in place, and clear its gradient."""
        lr_scale *= self.head_factor
        if self.averages is not None and key not in self.averages:
            # thinc would begin with zeros.
            self.averages[key] = weights.copy()
        if self.weight_decay and weights.ndim > 1:
            weights *= 1.0 - self.learn_rate * lr_scale * self.weight_decay
        return super().__call__(key, weights, gradient, lr_scale=lr_scale)

    def step_module(self, key: int, module: nn.Module) -> None:
        """Step all parameters of a module by their gradients, which are scaled down where their norm is too large.

        Args:
            key: Names the module from one step to the next. Where it is another, for weights were loaded since, moments
                and averages begin anew.
            module: Its parameters have gradients, or None where nothing reached them.
        """
        self._warn_at_rest(key)
        optimizer = self._known(key, module)
        if optimizer is None:
            optimizer = self._modules[key] = self._make(module)
            if self.averages is not None:
                self.averages |= {(key, name): some.detach().clone() for name, some in module.named_parameters()}
                self.nr_update[key, ""] = 0
        if self.grad_clip:
            nn.utils.clip_grad_norm_(module.parameters(), self.grad_clip, foreach=True)
        for group in optimizer.param_groups:
            group["lr"] = self.learn_rate * group["lr_share"]
        optimizer.step()
        if self.averages is not None:
            self._average(key, module, self.averages)

    def module_state(self, key: int, module: nn.Module) -> dict[str, dict[str, torch.Tensor]]:
        """Return what is kept for each parameter of a module, by its name: ``step`` and two moments."""
        optimizer = self._known(key, module)
        if optimizer is None:
            return {}
        return {
            name: optimizer.state[weights] for name, weights in module.named_parameters() if weights in optimizer.state
        }

    def restore_module(self, key: int, module: nn.Module, state: dict[str, dict[str, torch.Tensor]]) -> None:
        """Take back what `module_state` gave, by kind and then by name, with the module's ``averages``."""
        if not state.get("step"):
            return
        optimizer = self._modules[key] = self._make(module)
        for name, weights in module.named_parameters():
            if name in state["step"]:
                optimizer.state[weights] = {kind: state[kind][name].to(weights.device) for kind in MODULE_STATE}
            if self.averages is not None:
                self.averages[key, name] = state["averages"][name].to(weights.device)

    def _known(self, key: int, module: nn.Module) -> torch.optim.AdamW | None:
        """Return what has stepped a module before; None where that was another module under the same key."""
        optimizer = self._modules.get(key)
        if optimizer is None:
            return None
        stepped = {id(weights) for group in optimizer.param_groups for weights in group["params"]}
        return optimizer if stepped == {id(weights) for weights in module.parameters()} else None

    def _warn_at_rest(self, key: int) -> None:
        """Say once that nothing is learned: steps are made, but the schedule of the rate does not move on from 0."""
        if not self.learn_rate and key in self._rested and not self._has_warned:
            self._has_warned = True
            warnings.warn(Warnings.W421, stacklevel=2)
        self._rested.add(key)

    def step_schedules(self) -> None:
        """Move on to the next step of the schedules."""
        super().step_schedules()
        self._rested.clear()

    def _make(self, module: nn.Module) -> torch.optim.AdamW:
        shares = layer_shares(module, self.layer_decay)
        members: dict[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
        for name, weights in module.named_parameters():
            decay = self.weight_decay if weights.ndim > 1 else 0.0
            members[shares[name], decay].append(weights)
        groups = [
            {"params": some, "weight_decay": decay, "lr_share": share} for (share, decay), some in members.items()
        ]
        return torch.optim.AdamW(groups, lr=self.learn_rate, betas=(self.b1, self.b2), eps=self.eps, fused=True)

    def _average(self, key: int, module: nn.Module, averages: dict[tuple[int, str], Any]) -> None:
        """Draw the averages of a module's weights nearer to what the weights are now."""
        steps = self.nr_update[key, ""] = self.nr_update[key, ""] + 1
        decay = min((1 + steps) / (10 + steps), MAX_AVERAGE_DECAY)
        tensors = [averages[key, name] for name, _ in module.named_parameters()]
        with torch.no_grad():
            torch._foreach_lerp_(tensors, list(module.parameters()), 1 - decay)


def layer_shares(module: nn.Module, layer_decay: float) -> dict[str, float]:
    """Give each parameter's share of the learning rate, by its name.

    Args:
        module: Parameters in ``layers`` belong to layers, counted from the bottom; below them are those in
            ``embeddings``, and any other is taken to be above them.
        layer_decay: Share of each layer in the rate of the one above.
    """
    depths = {}
    for name, _ in module.named_parameters():
        layer = _LAYER.search(name)
        depths[name] = int(layer[1]) + 1 if layer else 0 if _EMBEDDINGS.search(name) else None
    top = max((depth for depth in depths.values() if depth is not None), default=0)
    return {name: 1.0 if depth is None else layer_decay ** (top - depth) for name, depth in depths.items()}


def make_adamw(
    learn_rate: Any = 5e-5,
    *,
    weight_decay: float = 0.01,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    max_grad_norm: float = 1.0,
    head_factor: float = 1.0,
    layer_decay: float = 1.0,
    use_averages: bool = False,
) -> AdamW:
    """Make the optimizer ``spacy_biobert.AdamW.v1``; see `AdamW` for the options."""
    return AdamW(
        learn_rate,
        weight_decay=weight_decay,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        max_grad_norm=max_grad_norm,
        head_factor=head_factor,
        layer_decay=layer_decay,
        use_averages=use_averages,
    )
