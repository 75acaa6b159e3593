"""Muon: momentum made orthogonal, for the matrices inside the blocks."""

from collections import defaultdict
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Muon", "make_optimizers"]

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
STEPS = 5


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum: every direction of a matrix learns at the same rate.

    Matrices of one shape go through the iteration together. `fused` names parameters that stack
    several matrices (query, key, value), which are made orthogonal apart. torch.optim.Muon would
    do but iterates in bfloat16 whatever the processor, one matrix after the other.

    Args:
        precision: of the iteration: float32 where bfloat16 is slow.
    Source: Jordan et al., "Muon: an optimizer for hidden layers" (2024); the scale
        0.2 sqrt(max(rows, columns)), which gives updates the size of AdamW's: Liu et al., "Muon is
        scalable for LLM training" (2025), equation 4.
    """

    def __init__(
        self,
        matrices: Sequence[nn.Parameter],
        fused: Sequence[nn.Parameter] = (),
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        precision: torch.dtype = torch.float32,
    ) -> None:
        groups = [{"params": list(matrices), "parts": 1}, {"params": list(fused), "parts": 3}]
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__([group for group in groups if group["params"]], defaults)
        self.precision = precision

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """Update every matrix that has a gradient."""
        by_shape: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                momentum = state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(momentum, group["momentum"])
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parts = group["parts"]
                cut = zip(parameter.chunk(parts), update.chunk(parts), strict=True)
                for matrix, part in cut:
                    by_shape[matrix.shape].append((matrix, part))
        rate = self.param_groups[0]["lr"]
        for shape, pairs in by_shape.items():
            updates = orthogonal(torch.stack([part for _, part in pairs]), self.precision)
            scale = -rate * 0.2 * max(shape) ** 0.5
            torch._foreach_add_([m for m, _ in pairs], list(updates.unbind()), alpha=scale)


def orthogonal(
    matrices: Float[Tensor, "n rows columns"], precision: torch.dtype
) -> Float[Tensor, "n rows columns"]:
    """About the nearest matrices whose singular values are all one, by Newton and Schulz."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices).to(precision)
    x = x / (x.flatten(1).norm(dim=1).view(-1, 1, 1) + 1e-7)
    for _ in range(STEPS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return (x.mT if tall else x).float()


def make_optimizers(
    model: nn.Module,
    *,
    matrix_rate: float,
    rate: float,
    weight_decay: float,
    precision: torch.dtype,
) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for everything else.

    Args:
        model: a ViT, or modules that contain one.
        matrix_rate, rate: learning rates of Muon and of AdamW.
        weight_decay: of both, for matrices that are no embeddings.
        precision: of Muon's iteration.
    """
    named = dict(model.named_parameters())
    inside = {k: p for k, p in named.items() if "blocks." in k and p.dim() == 2}
    decayed = [p for k, p in named.items() if k not in inside and p.dim() > 1 and "embed" not in k]
    ids = {id(p) for p in (*inside.values(), *decayed)}
    plain = [p for p in named.values() if id(p) not in ids]
    muon = Muon(
        [p for k, p in inside.items() if "qkv" not in k],
        [p for k, p in inside.items() if "qkv" in k],
        lr=matrix_rate,
        weight_decay=weight_decay,
        precision=precision,
    )
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return [muon, torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99))]
