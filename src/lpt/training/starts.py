"""Where learning begins: class means, clusters of queries, copies of the shared prompt."""

import torch

from lpt.classifier import class_means
from lpt.data import Split
from lpt.model import LongTailedPromptModel
from lpt.training.workbench import Workbench

__all__ = ["start_classifier", "start_pool"]


def start_classifier(model: LongTailedPromptModel, bench: Workbench) -> None:
    """Point the classifier at class means of the untrained model's queries, if the run says so."""
    if bench.config.classifier.init != "class-means":
        return
    split = _some_images(bench)
    means = class_means(
        _queries(model, bench, split, "classifier start"),
        torch.from_numpy(split.labels),
        bench.data.num_classes,
    )
    model.classifier.start_from(means)


def start_pool(model: LongTailedPromptModel, bench: Workbench) -> None:
    """Start keys at clusters of queries and group prompts at the shared one, if the run says so."""
    prompts, seed = bench.config.prompts, bench.config.seed
    if prompts.key_init == "queries":
        model.pool.start_keys(_queries(model, bench, _some_images(bench), "key start"), seed=seed)
    if prompts.group_init == "shared":
        model.pool.start_prompts(model.shared.prompts[model.split :], seed=seed)


def _some_images(bench: Workbench) -> Split:
    return bench.some_of_each_class(bench.config.classifier.init_images_per_class)


def _queries(
    model: LongTailedPromptModel, bench: Workbench, split: Split, task: str
) -> torch.Tensor:
    return bench.features(lambda images: model.phase1(images).query, split, task)
