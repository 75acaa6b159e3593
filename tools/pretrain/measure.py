"""What a backbone's features are worth on classes that it has never seen."""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from lpt.backbones import load_backbone
from lpt.data.sampling import random_stream
from lpt.evaluation.knn import class_mean_accuracy, knn_accuracy

from .images import Images, load_images, normalise
from .network import SIZE, load_network

__all__ = ["measure", "probe"]

STRENGTHS = (0.001, 0.01, 0.1)
HELD_SHARE = 0.1


def measure(
    backbone: Annotated[Path, typer.Argument(help="safetensors file; with its head for --seen.")],
    unseen: Annotated[str, typer.Option(help="Data of other classes.")] = "",
    seen: Annotated[str, typer.Option(help="The pretraining data: top-1 on its test.")] = "",
    a_class: Annotated[int, typer.Option(help="Training images of each class; 0: all.")] = 0,
) -> None:
    """Print top-1 on the classes it learned, 20-NN, class means and linear probe on others."""
    found: dict[str, float] = {}
    if seen:
        found["top1"] = _top1(backbone, load_images(seen, "test", SIZE))
    if unseen:
        train, test = (load_images(unseen, split, SIZE, 0.0) for split in ("train", "test"))
        if a_class:
            train = train.without(a_class)[1]
        model = load_backbone(str(backbone))
        bank, asked = (_features(model, images) for images in (train, test))
        found["20nn"] = knn_accuracy(bank, train.labels, asked, test.labels)
        found["class_means"] = class_mean_accuracy(bank, train.labels, asked, test.labels)
        found["linear_probe"] = probe(bank, train.labels, asked, test.labels)
    print(json.dumps({name: round(100 * value, 2) for name, value in found.items()}))


def _top1(path: Path, test: Images) -> float:
    network = load_network(path)
    with torch.inference_mode():
        right = [
            (network(normalise(pixels, SIZE)).argmax(1) == labels).sum()
            for pixels, labels in zip(test.pixels.split(250), test.labels.split(250), strict=True)
        ]
    return float(torch.stack(right).sum()) / len(test)


def _features(model: torch.nn.Module, images: Images) -> Tensor:
    with torch.inference_mode():
        return torch.cat([model(normalise(p, SIZE)) for p in images.pixels.split(250)])


def probe(bank: Tensor, labels: Tensor, asked: Tensor, truth: Tensor) -> float:
    """Multinomial logistic regression; its strength chosen on a tenth of the training images."""
    features, classes = bank.numpy(), labels.numpy()
    order = random_stream(0, 5).permutation(len(classes))
    held, kept = np.split(order, [int(HELD_SHARE * len(order))])

    def fitted(strength: float, rows: np.ndarray) -> Pipeline:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=200))
        return model.fit(features[rows], classes[rows])

    scores = [fitted(c, kept).score(features[held], classes[held]) for c in STRENGTHS]
    best = STRENGTHS[int(np.argmax(scores))]
    return float(fitted(best, order).score(asked.numpy(), truth.numpy()))
