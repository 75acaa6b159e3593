"""After training, class directions lean towards the class means of what was learned."""

import torch

from lpt.classifier import class_means
from lpt.training.stages import Stage
from lpt.training.workbench import Workbench

__all__ = ["lean_on_means"]


def lean_on_means(stage: Stage, bench: Workbench, share: float) -> None:
    """Turn a trained stage's classifier towards the class means of its features.

    The means are those of whole training images, `classifier.init_images_per_class` a class at
    most. The classifiers that this lies between are the trained one and the nearest class mean of
    Kang et al. (ICLR 2020, section 4). What it is worth: experiments/2026-11-26_class_means.

    Args:
        share: of the means; with 0 nothing is computed.
    """
    if not share:
        return
    split = bench.some_of_each_class(bench.config.classifier.init_images_per_class)
    features = bench.features(
        lambda images: stage.predict(images).feature, split, f"{stage.name}: class means"
    )
    labels = torch.from_numpy(split.labels)
    stage.classifier.lean_towards(class_means(features, labels, bench.data.num_classes), share)
