"""The complete configuration of a run, and changes to it by dotted names."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BeforeValidator, Field, model_validator

from lpt.backbones.compact.weight_type import WeightType
from lpt.backbones.towers.feature_name import FeatureChoice
from lpt.config.data_settings import DataConfig, PseudoLabelConfig
from lpt.config.merging import merged
from lpt.config.old_names import current_names
from lpt.config.ranges import Count, NonNegative, Seed, Text
from lpt.config.section import Section
from lpt.config.sections import (
    AdapterConfig,
    AugmentConfig,
    ClassifierConfig,
    GroupPhaseConfig,
    PhaseConfig,
    PromptConfig,
    TextConfig,
)
from lpt.config.validation import validated

__all__ = ["RunConfig", "automatic_batch"]


def _switch(value: Any) -> Any:
    """Map booleans back: YAML 1.1 reads on and off as true and false."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


def automatic_batch(images: int) -> int:
    """Return the default batch size per branch: 8 to 64, about 50 steps per epoch."""
    return min(64, max(8, images // 50))


class RunConfig(Section):
    """All settings of a run: those that decide its result, and those of its execution.

    `micro_batch`, `activation_checkpointing`, `checkpoint_seconds`, `data.workers` and
    `data.start_method` do not change the result.

    Attributes:
        recipe: the recipe that the run began with.
        backbone: a name that `lpt backbones` lists, or a local file.
        image_size: input size in pixels; null for that of the backbone.
        layer_norm_eps: epsilon of the backbone's LayerNorm; null for its own.
        feature: what query and classifier read: own, as the backbone was trained; class+patches,
            the class token and the mean of the patch tokens; auto, both tokens if the backbone has
            a trained class token and classes do not start at text, otherwise own.
        backbone_weights: number type in which the linear layers of the backbone's blocks keep their
            weights: float32, bf16 (half the memory) or int8 (a quarter). The run computes with the
            rounded weights throughout; its task is used with float32 unless you say otherwise.
        seed: seed of all random numbers.
        data: see `lpt.config.data_settings.DataConfig`.
        pseudo_labels: see `lpt.config.data_settings.PseudoLabelConfig`.
        augment: see `lpt.config.sections.AugmentConfig`.
        prompts: see `lpt.config.sections.PromptConfig`.
        adapters: see `lpt.config.sections.AdapterConfig`.
        classifier: see `lpt.config.sections.ClassifierConfig`.
        text: see `lpt.config.sections.TextConfig`.
        phase1: see `lpt.config.sections.PhaseConfig`.
        phase2: see `lpt.config.sections.GroupPhaseConfig`.
        selection: keep the weights of the last epoch, or of the best by validation accuracy.
        precision: number type of training; auto is bf16 where the processor is fast in it.
        compile: compile the training steps; auto does for long phases on GPUs.
        micro_batch: images of a step that are computed at once, with the same result; null for
            all of them, or as many as fit in memory.
        activation_checkpointing: keep only the input of each block for the backward pass, which
            computes the block again: less memory, a longer step, the same gradients.
        checkpoint_seconds: seconds between two checkpoints within an epoch.
    """

    recipe: Text = "default"
    backbone: Text = "vit_tiny_patch8_64"
    image_size: Annotated[int, Field(ge=1, le=2048)] | None = None
    layer_norm_eps: Annotated[float, Field(ge=1e-12, lt=1)] | None = None
    feature: FeatureChoice = "auto"
    backbone_weights: WeightType = "float32"
    seed: Seed = 0
    data: DataConfig = DataConfig()
    pseudo_labels: PseudoLabelConfig = PseudoLabelConfig()
    augment: AugmentConfig = AugmentConfig()
    prompts: PromptConfig = PromptConfig()
    adapters: AdapterConfig = AdapterConfig()
    classifier: ClassifierConfig = ClassifierConfig()
    text: TextConfig = TextConfig()
    phase1: PhaseConfig = PhaseConfig()
    phase2: GroupPhaseConfig = GroupPhaseConfig()
    selection: Literal["best", "last"] = "last"
    precision: Literal["auto", "float32", "bf16"] = "auto"
    compile: Annotated[Literal["auto", "on", "off"], BeforeValidator(_switch)] = "auto"
    micro_batch: Count | None = None
    activation_checkpointing: bool = False
    checkpoint_seconds: NonNegative = 60.0

    @model_validator(mode="after")
    def _no_blended_views(self) -> Self:
        if self.augment.mixup and self.phase2.cached_views:
            raise ValueError(
                f"augment.mixup={self.augment.mixup:g} cannot be combined with "
                f"phase2.cached_views={self.phase2.cached_views}; set one of them to 0"
            )
        return self

    @model_validator(mode="after")
    def _cached_views_do_not_grow(self) -> Self:
        if self.augment.crop_growth != "none" and self.phase2.cached_views:
            raise ValueError(
                f"augment.crop_growth={self.augment.crop_growth} cannot be combined with "
                f"phase2.cached_views={self.phase2.cached_views}, which are the same in every "
                "epoch; set crop_growth to none or cached_views to 0"
            )
        return self

    @model_validator(mode="after")
    def _pseudo_labels_need_phase_2(self) -> Self:
        if self.data.unlabelled is not None and not self.phase2.epochs:
            raise ValueError(
                f"data.unlabelled={self.data.unlabelled} needs phase 2, which trains on these "
                "photos; phase2.epochs is 0"
            )
        return self

    @model_validator(mode="after")
    def _early_matching_has_no_query(self) -> Self:
        if self.classifier.passes == "both" and self.prompts.match != "exact":
            raise ValueError(
                f"classifier.passes=both needs prompts.match=exact; it is {self.prompts.match}, "
                "which skips the first pass. Set classifier.passes=auto"
            )
        return self

    @property
    def reads_both_passes(self) -> bool:
        """Whether phase 2 classifies the features of both passes (`classifier.passes`)."""
        passes = self.classifier.passes
        return passes == "both" or (passes == "auto" and self.prompts.match == "exact")

    def resolved(self, images: int) -> "RunConfig":
        """Fill in what depends on the number of training images: automatic batch sizes.

        With unlabelled photos, an epoch of phase 2 keeps as many images as without them.
        """
        settings = {
            f"{name}.batch_size": automatic_batch(images)
            for name in ("phase1", "phase2")
            if not getattr(self, name).batch_size
        }
        if self.data.unlabelled is not None and self.phase2.epoch_images is None:
            settings["phase2.epoch_images"] = images
        return self.changed(settings)

    def changed(self, settings: Mapping[str, Any]) -> "RunConfig":
        """Return a copy with settings changed.

        Args:
            settings: by dotted name, such as {"phase1.epochs": 5}, or nested, such as
                {"phase1": {"epochs": 5}}; all others keep their values. Options belong to one
                loss: another `loss.name` starts without options.
        Raises: ConfigError naming setting, value and what is allowed.

        >>> RunConfig().changed({"phase1": {"epochs": 5}}).phase1.epochs
        5
        """
        tree = merged(self.model_dump(mode="json"), current_names(settings))
        return validated(RunConfig, tree, "setting")

    def to_yaml(self) -> str:
        """Return the configuration as YAML; `load_config` reads it back unchanged."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
