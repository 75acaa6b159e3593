"""Where learning begins: class means, clusters of queries, copies of the shared prompt."""

from lpt.data.manifest import Split
from lpt.model.two_pass import LongTailedPromptModel
from lpt.training.phases.class_means import means_of
from lpt.training.run.training_context import TrainingContext

__all__ = ["start_classifier", "start_pool"]


def start_classifier(model: LongTailedPromptModel, context: TrainingContext) -> None:
    """Point the classifier at class means of the untrained phase 1, if the run says so."""
    if context.config.classifier.init == "class-means":
        means = means_of(context, lambda images: model.phase1(images).feature, "classifier start")
        model.classifier.start_at(means)


def start_pool(model: LongTailedPromptModel, context: TrainingContext) -> None:
    """Start keys at clusters of queries and group prompts at the shared one, if the run says so."""
    prompts, seed = context.config.prompts, context.config.seed
    if prompts.key_init == "queries":
        queries = context.features(
            lambda images: model.prefix(images).query, _some_images(context), "key start"
        )
        model.pool.start_keys(queries, seed=seed)
    if prompts.group_init == "shared":
        model.pool.start_prompts(model.shared.prompts[model.split :], seed=seed)


def _some_images(context: TrainingContext) -> Split:
    return context.some_of_each_class(context.config.classifier.init_images_per_class)
