"""AdamW as BERT is fine-tuned with it, for encoder and heads together.

thinc's Adam clips each array by its own norm, decays every parameter alike, and sees one array at a time. BERT's recipe
(Devlin et al. 2019, appendix A.3; Loshchilov and Hutter 2019, https://openreview.net/forum?id=Bkg6RiCqY7) clips the
norm of the whole gradient, and decays neither biases nor normalisations. `AdamW` does that for PyTorch modules, in one
fused step, and for the arrays of thinc layers.
"""

from __future__ import annotations

from typing import Any

import torch
from thinc.api import Optimizer
from thinc.types import FloatsXd
from torch import nn


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
    """

    # thinc's class has slots; a subclass without them can hold more.

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
    ) -> None:
        super().__init__(
            learn_rate,
            L2=0.0,
            beta1=beta1,
            beta2=beta2,
            eps=eps,
            grad_clip=max_grad_norm,
            L2_is_weight_decay=True,
            use_averages=False,
        )
        self.weight_decay = weight_decay
        self.head_factor = head_factor
        self._modules: dict[int, torch.optim.AdamW] = {}

    def __call__(
        self, key: tuple[int, str], weights: FloatsXd, gradient: FloatsXd, *, lr_scale: float = 1.0
    ) -> tuple[FloatsXd, FloatsXd]:
        """Step one array of a thinc layer in place, and clear its gradient."""
        lr_scale *= self.head_factor
        if self.weight_decay and weights.ndim > 1:
            weights *= 1.0 - self.learn_rate * lr_scale * self.weight_decay
        return super().__call__(key, weights, gradient, lr_scale=lr_scale)

    def step_module(self, key: int, module: nn.Module) -> None:
        """Step all parameters of a module by their gradients, which are left as they are.

        Args:
            key: Names the module from one step to the next.
            module: Its parameters have gradients, or None where nothing reached them.
        """
        optimizer = self._modules.get(key)
        if optimizer is None:
            optimizer = self._modules[key] = self._make(module)
        if self.grad_clip:
            nn.utils.clip_grad_norm_(module.parameters(), self.grad_clip, foreach=True)
        for group in optimizer.param_groups:
            group["lr"] = self.learn_rate
        optimizer.step()

    def _make(self, module: nn.Module) -> torch.optim.AdamW:
        matrices = [weights for weights in module.parameters() if weights.ndim > 1]
        vectors = [weights for weights in module.parameters() if weights.ndim <= 1]
        groups = [
            {"params": matrices, "weight_decay": self.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.learn_rate, betas=(self.b1, self.b2), eps=self.eps, fused=True)


def make_adamw(
    learn_rate: Any = 5e-5,
    *,
    weight_decay: float = 0.01,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    max_grad_norm: float = 1.0,
    head_factor: float = 1.0,
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
    )
