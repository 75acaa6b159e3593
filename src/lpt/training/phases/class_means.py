"""Class means of features and probes on them, to initialise a classifier or interpolate one."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from lpt.model.classifier import class_means
from lpt.training.engine.stage import Stage
from lpt.training.phases.probe import fit_probe
from lpt.training.processes.shared_evaluation import shared_features
from lpt.training.run.training_context import TrainingContext

__all__ = ["interpolate_with_class_means", "means_of", "probe_of"]


def means_of(
    context: TrainingContext, encode: Callable[[Tensor], Tensor], task: str
) -> Float[Tensor, "C D"]:
    """Compute class means of features of training images, transformed for evaluation.

    At most `classifier.init_images_per_class` images per class are used.

    Args:
        encode: maps images (B, 3, H, H) to features (B, D).
        task: name of this work in progress reports.
    Returns: (C, D) float32 on the CPU.
    """
    split = context.some_of_each_class(context.config.classifier.init_images_per_class)
    features = shared_features(context, encode, split, task)
    return class_means(features, torch.from_numpy(split.labels), context.data.num_classes)


def probe_of(
    context: TrainingContext, encode: Callable[[Tensor], Tensor], task: str
) -> Float[Tensor, "C D"]:
    """Fit a linear probe to features (arguments and images of `means_of`).

    Returns: (C, D) float32 on the CPU, the same bits in every process.
    """
    split = context.some_of_each_class(context.config.classifier.init_images_per_class)
    features = shared_features(context, encode, split, task)
    labels, classes = torch.from_numpy(split.labels), context.data.num_classes
    fitted = context.group.tensors_of_main(
        lambda: {"probe": fit_probe(features, labels, classes, seed=context.config.seed)}
    )
    return fitted["probe"]


def interpolate_with_class_means(stage: Stage, context: TrainingContext, weight: float) -> None:
    """Interpolate a trained stage's classifier with the class means of its features.

    The two ends are the trained classifier and the nearest-class-mean classifier of Kang et al.
    (ICLR 2020, section 4). Results: experiments/2026-11-26_class_means.

    Args:
        weight: weight of the class means in [0, 1]; 0 changes and computes nothing.
    """
    if weight:
        means = means_of(
            context, lambda images: stage.predict(images).feature, f"{stage.name}: class means"
        )
        stage.classifier.interpolate_towards(means, weight)
