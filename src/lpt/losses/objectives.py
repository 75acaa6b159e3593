"""What the two phases minimise: named weighted terms built from a classification loss."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lpt.losses.named_losses import Loss

__all__ = [
    "PHASE2_PAPER",
    "PHASE2_RELEASED",
    "Phase2Settings",
    "Terms",
    "eta_weight",
    "instance_loss",
    "mixed",
    "phase1_objective",
    "phase2_objective",
]


@dataclass(frozen=True, eq=False)
class Terms(Mapping[str, Tensor]):
    """Named scalar terms of an objective, each with its weight.

    As a mapping it gives the terms before weighting, which is what one wants to log.

    Attributes:
        terms: scalar tensors by name.
        weights: their weights, under the same names.
    """

    terms: Mapping[str, Tensor]
    weights: Mapping[str, float]

    @property
    def total(self) -> Float[Tensor, ""]:
        """Sum of weight times term: what is minimised."""
        weighted = [self.weights[name] * value for name, value in self.items()]
        return torch.stack(weighted).sum()

    def __getitem__(self, name: str) -> Tensor:
        return self.terms[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.terms)

    def __len__(self) -> int:
        return len(self.terms)


@dataclass(frozen=True)
class Phase2Settings:
    """How phase 2 weighs its two branches and its two terms.

    Attributes:
        eta: weight of the instance-balanced branch at the first epoch; see `eta_weight`.
        key_weight: weight of the key term 1 - mean cosine.
        weight_key_term: whether a branch's weight multiplies its key term too.
        instance_lambda_pos: A-GCL's lambda_pos in the instance-balanced branch; None: no change.
        instance_lambda_neg: the same for lambda_neg.
    """

    eta: float = 0.5
    key_weight: float = 1.0
    weight_key_term: bool = True
    instance_lambda_pos: float | None = 0.5
    instance_lambda_neg: float | None = 8.0


PHASE2_RELEASED = Phase2Settings()
"""As in the authors' code. Its key term lacks the constant 1, which has no gradient, and is half
the sum over the matched keys, which is their mean for T = 2."""

PHASE2_PAPER = Phase2Settings(
    weight_key_term=False, instance_lambda_pos=None, instance_lambda_neg=None
)
"""As printed."""


def eta_weight(eta: float, epoch: int, epochs: int) -> float:
    """Weight of the instance-balanced branch, eta * (E - e) / E, for epoch e = 0 .. E-1.

    Source: LPT (ICLR 2023), section 4.2.
    """
    return eta * (epochs - epoch) / epochs


def mixed(
    loss: Loss,
    cosine: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    partner_labels: Int[Tensor, " B"],
    lam: float | Float[Tensor, " B"],
    noise: Float[Tensor, "B C"] | None = None,
) -> Float[Tensor, " B"]:
    """Mixup on the loss: lam * loss(labels) + (1 - lam) * loss(partner labels), an image each.

    `cosine` belongs to images already blended as lam * image + (1 - lam) * partner; both halves see
    the same noise.

    Source: Zhang, Cisse, Dauphin and Lopez-Paz, ICLR 2018. Departure: labels are not blended,
    losses are: the same for cross-entropy, and unlike blended labels it works for every loss.
    """
    return lam * loss(cosine, labels, noise) + (1 - lam) * loss(cosine, partner_labels, noise)


def instance_loss(loss: Loss, settings: Phase2Settings) -> Loss:
    """The loss of the instance-balanced branch: `loss` with the lambdas that `settings` name.

    A loss without lambdas serves both branches as it is.
    """
    wanted = {
        "lambda_pos": settings.instance_lambda_pos,
        "lambda_neg": settings.instance_lambda_neg,
    }
    changes = {k: v for k, v in wanted.items() if v is not None and k in loss.options}
    return loss.with_options(**changes) if changes else loss


def phase1_objective(
    loss: Loss,
    cosine: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    noise: Float[Tensor, "B C"] | None = None,
    *,
    partner_labels: Int[Tensor, " B"] | None = None,
    lam: float | Float[Tensor, " B"] = 1.0,
) -> Terms:
    """Mean of the classification loss, with Mixup where `partner_labels` are given.

    Source: LPT (ICLR 2023), section 4.1.
    """
    if partner_labels is None:
        values = loss(cosine, labels, noise)
    else:
        values = mixed(loss, cosine, labels, partner_labels, lam, noise)
    return Terms({"classification": values.mean()}, {"classification": 1.0})


def phase2_objective(
    loss: Loss,
    cosine: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    similarity: Float[Tensor, "B T"],
    noise: Float[Tensor, "B C"] | None = None,
    *,
    beta: float = 1.0,
    settings: Phase2Settings = PHASE2_RELEASED,
    partner_labels: Int[Tensor, " B"] | None = None,
    lam: float | Float[Tensor, " B"] = 1.0,
) -> Terms:
    """Objective of one branch: beta * classification + key_weight * (1 - mean cosine).

    A step adds the totals of its two branches: class-balanced with beta 1 and `loss`,
    instance-balanced with beta = `eta_weight(...)` and `instance_loss(loss, settings)`.

    Args:
        similarity: cosines of the query and the T matched keys (`Match.similarity`).
        beta: weight of the branch.
        settings: `PHASE2_RELEASED` or `PHASE2_PAPER`, or one's own.
        partner_labels, lam: Mixup, as in `mixed`.
    Source: LPT (ICLR 2023), section 4.2.
    """
    classification = phase1_objective(
        loss, cosine, labels, noise, partner_labels=partner_labels, lam=lam
    )["classification"]
    key_factor = beta if settings.weight_key_term else 1.0
    return Terms(
        {"classification": classification, "key": 1 - similarity.mean()},
        {"classification": beta, "key": settings.key_weight * key_factor},
    )
