"""The objectives of the two phases: named, weighted terms built from a classification loss."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lpt.losses.named_losses import Loss
from lpt.records import Progress

__all__ = [
    "PHASE2_PAPER",
    "PHASE2_RELEASED",
    "Phase2Settings",
    "Terms",
    "classification_objective",
    "eta_weight",
    "instance_loss",
    "mixed",
    "phase2_objective",
]


@dataclass(frozen=True, eq=False)
class Terms(Mapping[str, Tensor]):
    """Named scalar terms of an objective, each with its weight.

    As a mapping it holds the terms before weighting, which is what metrics log.

    Attributes:
        terms: scalar tensors by name.
        weights: their weights, under the same names.

    >>> terms = Terms({"a": torch.tensor(2.0), "b": torch.tensor(3.0)}, {"a": 1.0, "b": 0.5})
    >>> terms.total
    tensor(3.5000)
    """

    terms: Mapping[str, Tensor]
    weights: Mapping[str, float]

    @property
    def total(self) -> Float[Tensor, ""]:
        """Sum of weight times term: the value to minimise."""
        weighted = [self.weights[name] * value for name, value in self.items()]
        return torch.stack(weighted).sum()

    def __getitem__(self, name: str) -> Tensor:
        return self.terms[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.terms)

    def __len__(self) -> int:
        return len(self.terms)


@dataclass(frozen=True, kw_only=True)
class Phase2Settings:
    """Weights of phase 2's terms, and the lambdas of its instance-balanced branch.

    Attributes:
        key_weight: weight of the key term 1 - mean cosine.
        weight_key_term: whether a branch's weight multiplies its key term too.
        instance_lambda_pos: A-GCL's lambda_pos in the instance-balanced branch; None: unchanged.
        instance_lambda_neg: the same for lambda_neg.
    """

    key_weight: float
    weight_key_term: bool
    instance_lambda_pos: float | None
    instance_lambda_neg: float | None


PHASE2_RELEASED = Phase2Settings(
    key_weight=1.0, weight_key_term=True, instance_lambda_pos=0.5, instance_lambda_neg=8.0
)
"""As in the authors' code. Its key term lacks the constant 1, which has no gradient, and is half
the sum over the matched keys, which is their mean for T = 2."""

PHASE2_PAPER = Phase2Settings(
    key_weight=1.0, weight_key_term=False, instance_lambda_pos=None, instance_lambda_neg=None
)
"""As printed."""


def eta_weight(eta: float, epoch: int, epochs: int) -> float:
    """Compute the weight of the instance-balanced branch, eta * (E - e) / E.

    Args:
        eta: weight at epoch 0.
        epoch: e = 0 .. E-1.
        epochs: E.
    Source: LPT (ICLR 2023), section 4.2.

    >>> [eta_weight(0.5, epoch, 4) for epoch in range(4)]
    [0.5, 0.375, 0.25, 0.125]
    """
    return eta * (epochs - epoch) / epochs


def mixed(
    loss: Loss,
    cosine: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    partner_labels: Int[Tensor, " B"],
    lam: float | Float[Tensor, " B"],
    noise: Float[Tensor, "B C"] | None = None,
    *,
    feature: Float[Tensor, "B D"] | None = None,
    progress: Progress | None = None,
) -> Float[Tensor, " B"]:
    """Apply Mixup to the loss: lam * loss(labels) + (1 - lam) * loss(partner labels), per image.

    `cosine` and `feature` belong to images already blended as lam * image + (1 - lam) * partner.
    Both halves use the same noise.

    Source: Zhang, Cisse, Dauphin and Lopez-Paz, ICLR 2018. Departure: the losses of both labels
    are blended, not the labels. For cross-entropy that is the same, and it works for every loss.
    """
    own = loss(cosine, labels, noise, feature=feature, progress=progress)
    other = loss(cosine, partner_labels, noise, feature=feature, progress=progress)
    return lam * own + (1 - lam) * other


def instance_loss(loss: Loss, settings: Phase2Settings) -> Loss:
    """Return the loss of the instance-balanced branch: `loss` with the lambdas of `settings`.

    A loss without lambdas serves both branches unchanged.
    """
    wanted = {
        "lambda_pos": settings.instance_lambda_pos,
        "lambda_neg": settings.instance_lambda_neg,
    }
    changes = {k: v for k, v in wanted.items() if v is not None and k in loss.options}
    return loss.with_options(**changes) if changes else loss


def classification_objective(
    loss: Loss,
    cosine: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    noise: Float[Tensor, "B C"] | None = None,
    *,
    partner_labels: Int[Tensor, " B"] | None = None,
    lam: float | Float[Tensor, " B"] = 1.0,
    feature: Float[Tensor, "B D"] | None = None,
    progress: Progress | None = None,
) -> Terms:
    """Average the classification loss over the images, with Mixup if `partner_labels` are given.

    Args:
        noise, feature, progress: for losses that take them.
        partner_labels, lam: Mixup, as in `mixed`.
    Returns: the term "classification", with weight 1.
    Source: LPT (ICLR 2023), section 4.1.

    >>> from lpt.losses import build_loss
    >>> loss = build_loss("ce", torch.tensor([9, 1]), scale=1.0)
    >>> classification_objective(loss, torch.zeros(2, 2), torch.tensor([0, 1]))["classification"]
    tensor(0.6931)
    """
    if partner_labels is None:
        values = loss(cosine, labels, noise, feature=feature, progress=progress)
    else:
        values = mixed(
            loss, cosine, labels, partner_labels, lam, noise, feature=feature, progress=progress
        )
    return Terms({"classification": values.mean()}, {"classification": 1.0})


def phase2_objective(
    loss: Loss,
    cosine: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    similarity: Float[Tensor, "B T"],
    noise: Float[Tensor, "B C"] | None = None,
    *,
    settings: Phase2Settings,
    beta: float = 1.0,
    partner_labels: Int[Tensor, " B"] | None = None,
    lam: float | Float[Tensor, " B"] = 1.0,
    feature: Float[Tensor, "B D"] | None = None,
    progress: Progress | None = None,
) -> Terms:
    """Compute one branch's objective: beta * classification + key_weight * (1 - mean cosine).

    A step adds the totals of its two branches: class-balanced with beta 1 and `loss`,
    instance-balanced with beta = `eta_weight(...)` and `instance_loss(loss, settings)`.

    Args:
        similarity: cosines of the query and the T matched keys (`Match.similarity`).
        settings: `PHASE2_RELEASED`, `PHASE2_PAPER` or your own.
        beta: weight of the branch.
        noise, feature, progress: for losses that take them.
        partner_labels, lam: Mixup, as in `mixed`.
    Returns: the terms "classification" and "key".
    Source: LPT (ICLR 2023), section 4.2.

    >>> from lpt.losses import build_loss
    >>> loss = build_loss("ce", torch.tensor([9, 1]), scale=1.0)
    >>> terms = phase2_objective(
    ...     loss,
    ...     torch.zeros(1, 2),
    ...     torch.tensor([0]),
    ...     torch.tensor([[0.5, 0.25]]),
    ...     settings=PHASE2_RELEASED,
    ...     beta=0.5,
    ... )
    >>> terms["key"], dict(terms.weights)
    (tensor(0.6250), {'classification': 0.5, 'key': 0.5})
    """
    classification = classification_objective(
        loss,
        cosine,
        labels,
        noise,
        partner_labels=partner_labels,
        lam=lam,
        feature=feature,
        progress=progress,
    )["classification"]
    key_factor = beta if settings.weight_key_term else 1.0
    return Terms(
        {"classification": classification, "key": 1 - similarity.mean()},
        {"classification": beta, "key": settings.key_weight * key_factor},
    )
