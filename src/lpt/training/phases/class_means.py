"""Class means of features: where class directions start, and what they may lean towards."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from lpt.model.classifier import class_means
from lpt.training.engine.stage import Stage
from lpt.training.run.training_context import TrainingContext

__all__ = ["interpolate_with_class_means", "means_of"]


def means_of(
    context: TrainingContext, encode: Callable[[Tensor], Tensor], task: str
) -> Float[Tensor, "C D"]:
    """Class means of features of whole training images.

    Of `classifier.init_images_per_class` images a class at most.

    Args:
        encode: images (B, 3, H, H) to features (B, D).
        task: its name in progress.
    """
    split = context.some_of_each_class(context.config.classifier.init_images_per_class)
    features = context.features(encode, split, task)
    return class_means(features, torch.from_numpy(split.labels), context.data.num_classes)


def interpolate_with_class_means(stage: Stage, context: TrainingContext, share: float) -> None:
    """Turn a trained stage's classifier towards the class means of its features.

    The classifiers that this lies between are the trained one and the nearest class mean of Kang et
    al. (ICLR 2020, section 4). What it is worth: experiments/2026-11-26_class_means.

    Args:
        share: of the means; with 0 nothing is computed.
    """
    if share:
        means = means_of(
            context, lambda images: stage.predict(images).feature, f"{stage.name}: class means"
        )
        stage.classifier.interpolate_towards(means, share)
