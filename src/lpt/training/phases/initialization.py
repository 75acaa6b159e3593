"""Where learning begins: class means, clusters of queries, copies of the shared prompt."""

from lpt.data.manifest import Split
from lpt.model.two_pass import LongTailedPromptModel
from lpt.training.phases.class_means import means_of
from lpt.training.run.context import Workbench

__all__ = ["start_classifier", "start_pool"]


def start_classifier(model: LongTailedPromptModel, bench: Workbench) -> None:
    """Point the classifier at class means of the untrained phase 1, if the run says so."""
    if bench.config.classifier.init == "class-means":
        means = means_of(bench, lambda images: model.phase1(images).feature, "classifier start")
        model.classifier.start_from(means)


def start_pool(model: LongTailedPromptModel, bench: Workbench) -> None:
    """Start keys at clusters of queries and group prompts at the shared one, if the run says so."""
    prompts, seed = bench.config.prompts, bench.config.seed
    if prompts.key_init == "queries":
        queries = bench.features(
            lambda images: model.prefix(images).query, _some_images(bench), "key start"
        )
        model.pool.start_keys(queries, seed=seed)
    if prompts.group_init == "shared":
        model.pool.start_prompts(model.shared.prompts[model.split :], seed=seed)


def _some_images(bench: Workbench) -> Split:
    return bench.some_of_each_class(bench.config.classifier.init_images_per_class)
