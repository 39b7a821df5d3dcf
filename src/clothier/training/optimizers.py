"""The optimizers of the recipes: PyTorch's own, and Muon for convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import nn

    from clothier.recipes import Optimizer as OptimizerRecipe

# Newton-Schulz coefficients that bring every singular value near 1 in few steps, with the largest slope at zero
# (github KellerJordan/Muon; the same in torch.optim.Muon). Three steps are enough here, as in airbench94.
_QUINTIC = (3.4445, -4.7750, 2.0315)
_NEWTON_SCHULZ_STEPS = 3
_EPS = 1e-7  # smallest norm to divide by
ADAMW_BETAS = (0.9, 0.99)  # the default 0.999 averages over 1,000 steps, half of a fast recipe
SGD_MOMENTUM = 0.85  # of biases, norms and the head (airbench94)


class Muon(torch.optim.Optimizer):
    """Momentum with an orthogonalized update, for weights of two or more dimensions.

    ``torch.optim.Muon`` takes matrices only. This one treats a convolution (O, I, H, W) as a matrix (O, I H W) and
    keeps each weight's norm at the square root of its rows, which replaces weight decay (airbench94_muon).
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, momentum: float, dtype: torch.dtype) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})
        self._dtype = dtype

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Updates every weight that has a gradient."""
        del closure
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, weight.grad, group["lr"], group["momentum"])

    def _update(self, weight: nn.Parameter, gradient: torch.Tensor, lr: float, momentum: float) -> None:
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        buffer = state["momentum_buffer"].mul_(momentum).add_(gradient)
        direction = gradient.add(buffer, alpha=momentum)
        weight.mul_(len(weight) ** 0.5 / weight.norm().clamp_min(_EPS))  # finite also for an all-zero weight
        matrix = direction.reshape(len(direction), -1)
        weight.add_(newton_schulz(matrix, self._dtype).view_as(weight), alpha=-lr)


def newton_schulz(matrix: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Approximately the nearest semi-orthogonal (R, S) matrix; bfloat16 is enough as the ``dtype`` of the products."""
    a, b, c = _QUINTIC
    x = matrix.to(dtype)
    tall = x.size(0) > x.size(1)
    x = x.mT if tall else x
    x = x / (x.norm() + _EPS)
    for _ in range(_NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return torch.Tensor.to(x.mT if tall else x, matrix.dtype)


def make_optimizers(network: nn.Module, recipe: OptimizerRecipe, dtype: torch.dtype) -> list[torch.optim.Optimizer]:
    """The optimizers for the trainable weights, whose last matrix is the head; ``dtype`` is of Muon's products.

    Every parameter group keeps its learning rate as ``initial_lr``.
    """
    trainable = [weight for weight in network.parameters() if weight.requires_grad]
    optimizers: list[torch.optim.Optimizer]
    if recipe.kind == "adam":
        optimizers = [torch.optim.Adam(trainable, lr=recipe.learning_rate, fused=True)]
    elif recipe.kind == "rmsprop":
        optimizers = [torch.optim.RMSprop(trainable, lr=recipe.learning_rate)]
    elif recipe.kind == "adamw":
        optimizers = [_adamw(trainable, recipe)]
    elif recipe.kind == "sgd":
        optimizers = [_sgd(trainable, recipe)]
    else:
        optimizers = _muon(trainable, recipe, dtype)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return optimizers


def _adamw(trainable: list[nn.Parameter], recipe: OptimizerRecipe) -> torch.optim.Optimizer:
    """AdamW without weight decay for biases and norms."""
    matrices = [weight for weight in trainable if weight.ndim > 1]
    vectors = [weight for weight in trainable if weight.ndim < 2]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]], lr=recipe.learning_rate, betas=ADAMW_BETAS, fused=True
    )


def _sgd(trainable: list[nn.Parameter], recipe: OptimizerRecipe) -> torch.optim.Optimizer:
    """SGD, with Nesterov momentum where the recipe has any."""
    return torch.optim.SGD(
        trainable,
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.momentum > 0,
        fused=True,
    )


def _muon(trainable: list[nn.Parameter], recipe: OptimizerRecipe, dtype: torch.dtype) -> list[torch.optim.Optimizer]:
    """Muon for the body's matrices, Nesterov SGD for biases, norms and the head."""
    matrices = [weight for weight in trainable if weight.ndim > 1]
    head = [weight for weight in matrices if weight.ndim == 2][-1:]
    body = [weight for weight in matrices if all(weight is not last for last in head)]
    vectors = [weight for weight in trainable if weight.ndim < 2]
    groups = [
        {"params": weights, "lr": lr, "weight_decay": recipe.weight_decay / lr}
        for weights, lr in ((vectors, recipe.bias_learning_rate), (head, recipe.head_learning_rate))
        if weights
    ]
    muon = [Muon(body, recipe.learning_rate, recipe.momentum, dtype)] if body else []
    sgd = [torch.optim.SGD(groups, momentum=SGD_MOMENTUM, nesterov=True, fused=True)] if groups else []
    return [*muon, *sgd]
