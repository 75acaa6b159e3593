"""Sections of a configuration: the one home of every default that a user can change."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lpt.config.ranges import (
    BatchSize,
    CachedViews,
    Count,
    Decay,
    Dropout,
    DualSampler,
    Epochs,
    Factor,
    LearningRate,
    Length,
    NonNegative,
    OptionalWidth,
    PoolSize,
    Positive,
    Sampler,
    Share,
    ShortEpochs,
    Text,
)
from lpt.config.section import Section

__all__ = [
    "AdapterConfig",
    "AugmentConfig",
    "ClassifierConfig",
    "GroupPhaseConfig",
    "LossConfig",
    "OptimConfig",
    "PhaseConfig",
    "PromptConfig",
    "TextConfig",
]

_SMALLEST_CROP = 0.001  # of the image's area: images are decoded for this enlargement
_SMALLEST_MIXUP = 0.001  # Beta distributions below this are 0 or 1 in float32


class AugmentConfig(Section):
    """Random resized crop and flip in training; resizing of whole images in evaluation.

    Attributes:
        crop_scale: smallest and largest share of an image's area that a training crop shows.
        crop_growth: whether the smallest crop grows to the largest by the last epoch of a phase:
            by the same amount per epoch (linear), mostly in the last epochs (convex), or not.
            Cached views do not grow.
        square_crops: crops of one shape, square; otherwise their aspect ratio varies.
        flip: probability of a mirrored training image; 0 where left and right matter.
        mixup: alpha of Mixup; 0 mixes nothing.
        resize_rule: evaluation resizes both sides ("squash") or keeps proportions ("short-side").
        resize_ratio: images are resized to this multiple of the input size before the centre crop.
            Training crops enlarge their content, so whole images at ratio 1 look smaller.
    """

    crop_scale: tuple[Share, Share] = (0.4, 1.0)
    crop_growth: Literal["none", "linear", "convex"] = "none"
    square_crops: bool = False
    flip: Share = 0.5
    mixup: Annotated[float, Field(ge=0, le=1000)] = 0.0
    resize_rule: Literal["squash", "short-side"] = "squash"
    resize_ratio: Annotated[float, Field(ge=1, le=8)] = 1.1

    @model_validator(mode="after")
    def _scale_in_order(self) -> Self:
        low, high = self.crop_scale
        if not 0 < low <= high:
            raise ValueError(f"crop_scale=({low}, {high}) must satisfy 0 < low <= high <= 1")
        if low < _SMALLEST_CROP:
            raise ValueError(f"crop_scale: {low} must be at least {_SMALLEST_CROP}")
        if 0 < self.mixup < _SMALLEST_MIXUP:
            raise ValueError(f"mixup={self.mixup} must be 0 or at least {_SMALLEST_MIXUP}")
        return self


class PromptConfig(Section):
    """Prompts, and the initialisation of phase 2.

    Attributes:
        length: P, prompt tokens per block.
        shared_blocks: K, blocks before the group prompts; null for half of the blocks.
        pool_size: M, group prompts in the pool.
        top_k: T, group prompts that an image is matched with.
        key_init: "queries" starts the keys at cluster centres of queries, "normal" at random.
        group_init: "shared" starts each group prompt as a slightly perturbed copy of the shared
            prompt, "normal" at random.
        match: "exact" matches by the query, "early" by an estimate, "auto" by a clear estimate.
    """

    length: Length = 10
    shared_blocks: Length | None = None
    pool_size: PoolSize = 20
    top_k: PoolSize = 2
    key_init: Literal["queries", "normal"] = "queries"
    group_init: Literal["shared", "normal"] = "shared"
    match: Literal["exact", "early", "auto"] = "exact"


class AdapterConfig(Section):
    """Adapters beside the MLP of every block, learned with the shared prompts in phase 1.

    Attributes:
        width: hidden neurons of each adapter; 0 for no adapters, as in the paper.
        scale: factor of what an adapter adds, at the start.
        train_scale: whether this factor is trained.
    """

    width: OptionalWidth = 0
    scale: Positive = 0.1
    train_scale: bool = False


class ClassifierConfig(Section):
    """Initialisation of the classifier, interpolation after training, dropout before it.

    Attributes:
        init: where the classifier starts: at a linear probe on the untrained features
            (`lpt.training.phases.probe`), at their class means, uniform, or at the text features of
            class names mixed with class means (`TextConfig`).
        passes: what phase 2 classifies: the feature of the second pass, as in the paper, or the sum
            of the unit-length features of both passes. "auto" takes both where prompts are matched
            by the query; early matching skips the end of the first pass.
        init_images_per_class: most images per class for the start and for `mean_weight`.
        mean_weight: after each phase, class weights are interpolated towards the class means of
            the trained features by this weight; 0 leaves them as trained. 0.5 raises overall
            accuracy at the cost of rare classes.
        dropout: probability of dropping a value of the feature, in training only.
    """

    init: Literal["probe", "class-means", "text", "uniform"] = "class-means"
    passes: Literal["auto", "both", "second"] = "auto"
    init_images_per_class: Count = 100
    mean_weight: Share = 0.0
    dropout: Dropout = 0.0


class TextConfig(Section):
    """Text features of class names, for `classifier.init` text; a backbone with a text tower.

    Attributes:
        source: folder or hf-hub:ORG/REPO with both towers in the layout of OpenCLIP; null for that
            of the backbone.
        templates: a set of templates (general, places, species, ...), or a file with one per line;
            null for the set of the data.
        class_names: CSV file with the columns class and name; null for classnames.csv in the folder
            of the data, or else the names of the class folders.
        kappa: a class of n images starts at its own mean with weight n / (n + kappa), and at its
            text with the rest.
    """

    source: Text | None = None
    templates: Text | None = None
    class_names: Text | None = None
    kappa: NonNegative = 10.0


class LossConfig(Section):
    """A loss and its options.

    Logit adjustment needs natural class frequencies (`sampler` "instance"); A-GCL is used with
    dual sampling.

    Attributes:
        name: a loss of `lpt.losses.loss_names()`.
        options: options of this loss, by name.
    """

    name: str = "logit-adjustment"
    options: dict[str, float | bool | str | None] = Field(default={})


class OptimConfig(Section):
    """Optimiser of one phase.

    Attributes:
        name: the optimiser.
        lr: peak learning rate of the prompts.
        classifier_lr: peak learning rate of the classifier; null for `lr`.
        key_lr: peak learning rate of the keys; null for `lr`.
        adapter_lr: peak learning rate of the adapters; null for `lr`.
        scale_lr: learning rates refer to a batch size of 256 (lr * batch_size / 256).
        momentum: momentum of SGD.
        weight_decay: weight decay of all trainable parameters.
        warmup_epochs: epochs in which the learning rates rise from 0.
        clip_norm: largest norm of the gradient; null for no clipping.
        noise: standard deviation of noise on the trained weights while a gradient is taken,
            relative to the root mean square of each tensor; 0 for none.
        average: decay of an exponential average of the trained weights, which replaces them at the
            end of the phase; 0 for none.
    """

    name: Literal["sgd", "adamw"] = "adamw"
    lr: LearningRate = 0.01
    classifier_lr: LearningRate | None = None
    key_lr: LearningRate | None = None
    adapter_lr: LearningRate | None = None
    scale_lr: bool = False
    momentum: Share = 0.9
    weight_decay: Factor = 0.0
    warmup_epochs: Annotated[float, Field(ge=0, le=100_000)] = 1.0
    clip_norm: Positive | None = None
    noise: Annotated[float, Field(ge=0, le=10)] = 0.0
    average: Decay = 0.0

    @property
    def role_lrs(self) -> dict[str, float | None]:
        """Learning rates by role (see `optim.ROLES`) that may differ from `lr`."""
        return {"adapters": self.adapter_lr, "classifier": self.classifier_lr, "keys": self.key_lr}


class PhaseConfig(Section):
    """One phase: epochs, sampler, loss and optimiser.

    Dual sampling draws two batches per step: one by `dual_sampler`, and an instance-balanced one.

    Attributes:
        epochs: length of the phase; 0 leaves it out.
        batch_size: images per step and branch; 0 chooses 8 to 64
            (`lpt.config.automatic_batch`).
        epoch_images: most images sampled per epoch; null for the number of training images.
        short_epochs: pairs (epoch from 0, steps) of epochs that `lpt train --budget` ended early to
            keep its time; the learning rate of each step stays.
        sampler: instance, balanced, square-root, class-cycle or dual.
        dual_sampler: sampler of the first branch of "dual".
        eta: initial weight of the instance-balanced branch of "dual"; it decays.
        loss: see `LossConfig`.
        optim: see `OptimConfig`.
    """

    epochs: Epochs = 20
    batch_size: BatchSize = 0
    epoch_images: Count | None = None
    short_epochs: ShortEpochs = ()
    sampler: Sampler = "instance"
    dual_sampler: DualSampler = "balanced"
    eta: Factor = 0.5
    loss: LossConfig = LossConfig()
    optim: OptimConfig = OptimConfig(lr=0.01, classifier_lr=0.003)


class GroupPhaseConfig(PhaseConfig):
    """Phase 2 adds the key term, the lambdas of the instance branch, and cached views.

    Attributes:
        key_weight: weight of the term that draws keys towards queries.
        weight_key_term: whether the weight of a branch multiplies its key term too.
        instance_lambda_pos: lambda_pos of A-GCL in the instance branch; null for that of the loss.
        instance_lambda_neg: lambda_neg of A-GCL in the instance branch; null for that of the loss.
        cached_views: V > 0 samples from V fixed augmented views per image, whose frozen part is
            computed once and cached on disk; 0 augments afresh every time.
        cache_dtype: number type of cached views.
        cache_limit_gb: most gigabytes of cached views on disk.
    """

    sampler: Sampler = "dual"
    loss: LossConfig = LossConfig(name="agcl")
    optim: OptimConfig = OptimConfig(lr=0.0015, classifier_lr=0.0005, key_lr=0.03)
    key_weight: Factor = 1.0
    weight_key_term: bool = True
    instance_lambda_pos: Factor | None = 0.5
    instance_lambda_neg: Factor | None = 8.0
    cached_views: CachedViews = 0
    cache_dtype: Literal["float32", "float16"] = "float16"
    cache_limit_gb: Positive = 8.0
