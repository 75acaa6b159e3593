"""Quality of features without a trained classifier: nearest neighbours and class means.

Both return scores (n, C), higher is better, so that `evaluate` can use them like logits. Ties: the
class with the lowest index wins, as in `lpt.evaluation.metrics`.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from lpt.errors import ShapeError

__all__ = ["class_mean_accuracy", "class_mean_scores", "knn_accuracy", "knn_scores"]

CHUNK_VALUES = 2**24  # similarities in memory at a time: 64 MiB of float32
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
    """Compute each class's share of the votes of the nearest training images (K-NN).

    Similarity is cosine; a neighbour votes for its class with weight exp(similarity / temperature).

    Args:
        train_features: (m, D), m at least 1.
        train_labels: (m,).
        features: (n, D) features to score.
        num_classes: C.
        neighbours: K; if there are fewer training images, all of them vote.
        temperature: of the votes.
    Raises: ShapeError without training images.
    Source: Wu, Xiong, Yu and Lin, CVPR 2018, section 3.4, with temperature 0.07; 20 neighbours as
        in DINO (Caron et al., ICCV 2021).

    >>> train, query = torch.eye(2), torch.tensor([[5.0, 0.0]])
    >>> scores = knn_scores(train, torch.tensor([0, 1]), query, num_classes=2, temperature=1.0)
    >>> print(f"{scores[0, 0].item():.3f} {scores[0, 1].item():.3f}")
    0.731 0.269
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
    """Compute the cosine of each feature with each class mean of unit-length training features.

    A class without training images gets a score below any cosine.

    Args:
        train_features: (m, D), m at least 1.
        train_labels: (m,).
        features: (n, D) features to score.
        num_classes: C.
    Raises: ShapeError without training images.
    Source: nearest class mean; Mensink, Verbeek, Perronnin and Csurka, TPAMI 2013. Departure:
        cosine in place of a learned distance.

    >>> train, query = torch.eye(2), torch.tensor([[3.0, 4.0]])
    >>> scores = class_mean_scores(train, torch.tensor([0, 1]), query, num_classes=3)
    >>> [round(score, 2) for score in scores[0].tolist()]
    [0.6, 0.8, -2.0]
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
    """Compute the accuracy of the classes that win the vote of `knn_scores`, in [0, 1].

    >>> train, test = torch.eye(2), torch.tensor([[1.0, 0.2], [1.0, 0.1]])
    >>> knn_accuracy(train, torch.tensor([0, 1]), test, torch.tensor([0, 1]))
    0.5
    """
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
    """Compute the accuracy of the class with the nearest mean (`class_mean_scores`), in [0, 1].

    >>> train, test = torch.eye(2), torch.tensor([[1.0, 0.2], [1.0, 0.1]])
    >>> class_mean_accuracy(train, torch.tensor([0, 1]), test, torch.tensor([0, 1]))
    0.5
    """
    num_classes = _num_classes(train_labels, labels)
    return _accuracy(class_mean_scores(train_features, train_labels, features, num_classes), labels)


def _num_classes(*labels: Int[Tensor, " _"]) -> int:
    return 1 + max(int(group.max()) for group in labels)


def _accuracy(scores: Float[Tensor, "n C"], labels: Int[Tensor, " n"]) -> float:
    return (scores.argmax(dim=-1) == labels).double().mean().item()


def _check(train_features: Float[Tensor, "m D"]) -> None:
    if not len(train_features):
        raise ShapeError("features: no training images to compare with. Give at least one.")
