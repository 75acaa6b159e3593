"""Initialisation of the phases: class means, clusters of queries, copies of the shared prompt."""

from torch import Tensor

from lpt.model.two_pass import LongTailedPromptModel
from lpt.training.phases.class_means import means_of, probe_of
from lpt.training.phases.text_start import text_of_classes
from lpt.training.processes.shared_evaluation import shared_features
from lpt.training.run.training_context import TrainingContext

__all__ = ["start_classifier", "start_pool"]

_TASK = "classifier initialisation"


def start_classifier(model: LongTailedPromptModel, context: TrainingContext) -> None:
    """Initialise the classifier with a probe on untrained features, or with their class means.

    Or with the text features of class names, mixed with these means, or leave it uniform.
    Reads `classifier.init`, `classifier.init_images_per_class` and `text`.
    """
    settings = context.config.classifier
    if settings.init == "uniform":
        return

    def encode(images: Tensor) -> Tensor:
        return model.phase1(images).feature

    if settings.init == "probe":
        model.classifier.start_at(probe_of(context, encode, _TASK))
        return
    means = means_of(context, encode, _TASK)
    if settings.init == "text":
        counts = context.train_counts.clamp(max=settings.init_images_per_class)
        means = text_of_classes(context).start(means, counts, context.config.text.kappa)
    model.classifier.start_at(means)


def start_pool(model: LongTailedPromptModel, context: TrainingContext) -> None:
    """Initialise keys with clusters of queries and group prompts with the shared prompt.

    Each only if so configured: reads `prompts.key_init`, `prompts.group_init` and
    `classifier.init_images_per_class`.
    """
    prompts, seed = context.config.prompts, context.config.seed
    if prompts.key_init == "queries":
        split = context.some_of_each_class(context.config.classifier.init_images_per_class)
        queries = shared_features(
            context, lambda images: model.prefix(images).query, split, "key initialisation"
        )
        model.pool.start_keys(queries, seed=seed)
    if prompts.group_init == "shared":
        model.pool.start_prompts(model.shared.prompts[model.split :], seed=seed)
