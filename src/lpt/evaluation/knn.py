"""How good features are without a classifier trained on them: neighbours and class means.

Both give scores (n, C), higher is better, so that `evaluate` can group them like logits.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from lpt.errors import ShapeError

__all__ = ["class_mean_accuracy", "class_mean_scores", "knn_accuracy", "knn_scores"]

CHUNK_VALUES = 2**24  # similarities held at a time: 64 MiB of float32
NEVER = -2.0  # below any cosine


def knn_scores(
    train_features: Float[Tensor, "m D"],
    train_labels: Int[Tensor, " m"],
    features: Float[Tensor, "n D"],
    num_classes: int,
    *,
    neighbours: int = 20,
    temperature: float = 0.07,
) -> Float[Tensor, "n C"]:
    """Each class's share of the votes of the nearest training images.

    Similarity is cosine; a neighbour votes for its class with weight exp(similarity / temperature).
    Fewer training images than `neighbours` all vote.

    Raises: ShapeError without training images.
    Source: Wu, Xiong, Yu and Lin, CVPR 2018, section 3.4, with temperature 0.07; 20 neighbours as
    in DINO (Caron et al., ICCV 2021).
    """
    _check(train_features)
    bank = F.normalize(train_features, dim=-1)
    scores = features.new_zeros(len(features), num_classes)
    rows = max(1, CHUNK_VALUES // len(bank))
    for start in range(0, len(features), rows):
        chunk = slice(start, start + rows)
        similarity = F.normalize(features[chunk], dim=-1) @ bank.T
        nearest, ids = similarity.topk(min(neighbours, len(bank)), dim=-1)
        scores[chunk].scatter_add_(1, train_labels[ids], (nearest / temperature).softmax(dim=-1))
    return scores


def class_mean_scores(
    train_features: Float[Tensor, "m D"],
    train_labels: Int[Tensor, " m"],
    features: Float[Tensor, "n D"],
    num_classes: int,
) -> Float[Tensor, "n C"]:
    """Cosine of each feature and each class's mean of unit training features.

    A class without training images scores below any cosine.

    Raises: ShapeError without training images.
    Source: nearest class mean; Mensink, Verbeek, Perronnin and Csurka, TPAMI 2013. Departure:
    cosine in place of a learned distance.
    """
    _check(train_features)
    sums = train_features.new_zeros(num_classes, train_features.shape[1])
    sums.index_add_(0, train_labels, F.normalize(train_features, dim=-1))
    scores = F.normalize(features, dim=-1) @ F.normalize(sums, dim=-1).T
    empty = torch.bincount(train_labels, minlength=num_classes) == 0
    return scores.masked_fill(empty, NEVER)


def knn_accuracy(
    train_features: Float[Tensor, "m D"],
    train_labels: Int[Tensor, " m"],
    features: Float[Tensor, "n D"],
    labels: Int[Tensor, " n"],
    *,
    neighbours: int = 20,
    temperature: float = 0.07,
) -> float:
    """Share of images whose class wins the vote of `knn_scores`."""
    scores = knn_scores(
        train_features,
        train_labels,
        features,
        _num_classes(train_labels, labels),
        neighbours=neighbours,
        temperature=temperature,
    )
    return _accuracy(scores, labels)


def class_mean_accuracy(
    train_features: Float[Tensor, "m D"],
    train_labels: Int[Tensor, " m"],
    features: Float[Tensor, "n D"],
    labels: Int[Tensor, " n"],
) -> float:
    """Share of images whose own class has the nearest mean (`class_mean_scores`)."""
    num_classes = _num_classes(train_labels, labels)
    return _accuracy(class_mean_scores(train_features, train_labels, features, num_classes), labels)


def _num_classes(*labels: Int[Tensor, " _"]) -> int:
    return 1 + max(int(group.max()) for group in labels)


def _accuracy(scores: Float[Tensor, "n C"], labels: Int[Tensor, " n"]) -> float:
    return (scores.argmax(dim=-1) == labels).double().mean().item()


def _check(train_features: Float[Tensor, "m D"]) -> None:
    if not len(train_features):
        raise ShapeError("features: no training images. Give at least one to compare with.")
