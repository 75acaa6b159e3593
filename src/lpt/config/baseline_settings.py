"""How a baseline is trained."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from lpt.config.old_names import BASELINE_SETTINGS, current_names
from lpt.config.ranges import (
    BatchSize,
    CachedViews,
    Decay,
    Dropout,
    Epochs,
    Factor,
    LearningRate,
    Sampler,
    Share,
)
from lpt.config.section import Section
from lpt.config.validation import validated

__all__ = ["BaselineSettings"]


def _known_loss(name: str) -> str:
    from lpt.losses import loss_names  # imports torch

    if name not in loss_names():
        raise ValueError(f"'{name}' is unknown; choose one of {', '.join(loss_names())}")
    return name


class BaselineSettings(Section):
    """Everything that decides the training of a baseline, apart from the run's configuration.

    Make one with `lpt.baselines.baseline_settings`, which fills in the baseline's own defaults and
    reports invalid values in one line.

    Attributes:
        epochs: of the first stage; a second stage has an option for its own epochs.
        batch_size: images per step and branch; 0 chooses as for the phases of LPT.
        lr: peak learning rate; None for the baseline's default.
        classifier_lr: peak learning rate of the classifier; None for `lr`.
        weight_decay: of all trainable parameters. None takes the run's
            `phase1.optim.weight_decay` in baselines that train the phases of LPT, and 0 in others.
        sampler: instance, balanced, square-root, class-cycle or dual.
        loss, loss_options: as for `lpt.losses.build_loss`.
        init: where the classifier starts: at the class means of the initial features, or uniform.
        mean_weight: interpolates the trained classifier with the class means of the trained
            features (`lpt.training.phases.class_means`): 0 for the classifier, 1 for the means.
            None takes the run's `classifier.mean_weight` in baselines that train the phases of LPT,
            and 0 in others.
        dropout: on the feature before the classifier, in training only. None takes the run's
            `classifier.dropout`, so that all methods are compared with the same value.
        noise: of the trained weights while a gradient is taken, as `phase1.optim.noise`.
        average: decay of an exponential average of the trained weights, which replaces them at the
            end of a stage; 0 for none. Baselines that train the phases of LPT follow `noise` and
            `average` of the phases instead.
        cached_views: V > 0 samples from V fixed views per image, whose frozen part is computed
            once; only for baselines with a frozen part. Cached views exclude Mixup.
        tta: predict with test-time augmentation (`lpt.evaluation.tta`).
        options: of this baseline only, by name.
    """

    model_config = ConfigDict(strict=True)

    epochs: Epochs = 20
    batch_size: BatchSize = 0
    lr: LearningRate | None = None
    classifier_lr: LearningRate | None = None
    weight_decay: Factor | None = 0.0
    sampler: Sampler = "instance"
    loss: Annotated[str, AfterValidator(_known_loss)] = "ce"
    loss_options: dict[str, Any] = Field(default_factory=dict)
    init: Literal["class-means", "uniform"] = "class-means"
    mean_weight: Share | None = 0.0
    dropout: Dropout | None = None
    noise: Annotated[float, Field(ge=0, le=10)] = 0.0
    average: Decay = 0.0
    cached_views: CachedViews = 0
    tta: bool = False
    options: dict[str, Any] = Field(default_factory=dict)

    def changed(
        self, changes: Mapping[str, Any], origin: str = "baseline setting"
    ) -> "BaselineSettings":
        """Return a copy with some settings changed.

        Args:
            changes: by name; names of lpt 0.1 are accepted with a `RenamedWarning`.
            origin: begins the message of an error.
        Raises: ConfigError naming setting, value and what is allowed.

        >>> BaselineSettings(lr=0.01).changed({"epochs": 5}).epochs
        5
        """
        current = current_names(changes, BASELINE_SETTINGS)
        return validated(BaselineSettings, {**dict(self), **current}, origin)
