"""Sections of a configuration: the one home of every default that a user can change."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticKnownError

from lpt.arguments import number_for_bool
from lpt.config.ranges import (
    BatchSize,
    CachedViews,
    Count,
    Dropout,
    DualSampler,
    Epochs,
    Factor,
    LearningRate,
    Length,
    OptionalWidth,
    PoolSize,
    Positive,
    Sampler,
    Share,
    ShortEpochs,
    Text,
    Workers,
)
from lpt.data.defaults import FEW_BELOW, MANY_ABOVE, TEST_FRACTION, VAL_FRACTION

__all__ = [
    "AdapterConfig",
    "AugmentConfig",
    "ClassifierConfig",
    "DataConfig",
    "GroupPhaseConfig",
    "LossConfig",
    "OptimConfig",
    "PhaseConfig",
    "PromptConfig",
    "Section",
]


class Section(BaseModel):
    """Frozen; refuses unknown names, numbers that are not finite, and truth values as numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_misplaced_bool(cls, value: Any, info: ValidationInfo) -> Any:
        kind = number_for_bool(cls.model_fields[info.field_name or ""].annotation, value)
        if kind is not None:
            raise PydanticKnownError(f"{kind.__name__}_type")  # type: ignore[arg-type]
        return value


class DataConfig(Section):
    """Training data, and which images are held out.

    Validation images are taken from the training images, never from the test images.

    Attributes:
        source: the data, as for `lpt train`.
        val_fraction: share of the training images held out for validation, if the data has none.
        test_fraction: share of the images held out for testing, if the data has none.
        group_by: column (animal, patient, video); images with the same value stay in one split.
        bad_images: null stops at the first bad image; "error" reads all images first and stops if
            any would spoil training; "skip" leaves those out; a path leaves out the images of that
            quarantine list.
        max_val_images: most validation images that are scored after an epoch.
        many_above: classes with more training images are many-shot.
        few_below: classes with fewer training images are few-shot.
        workers: processes that load images; 0 loads in the training process, null chooses.
        start_method: how these processes start; null takes the platform's default.
        check_content: compare the bytes of image files with those at the start, not only sizes.
        max_pixels: largest width * height of an image; null takes the environment variable
            LPT_MAX_PIXELS, or 89,478,485. Decoding takes up to 8 bytes of memory per pixel of it.
    """

    source: Text = ""
    val_fraction: Annotated[float, Field(ge=0, lt=1)] = VAL_FRACTION
    test_fraction: Annotated[float, Field(ge=0, lt=1)] = TEST_FRACTION
    group_by: Text | None = None
    bad_images: Text | None = None
    max_val_images: Count = 2000
    many_above: Count = MANY_ABOVE
    few_below: Count = FEW_BELOW
    workers: Workers | None = None
    start_method: Literal["fork", "spawn", "forkserver"] | None = None
    check_content: bool = False
    max_pixels: Count | None = None

    @model_validator(mode="after")
    def _groups_in_order(self) -> Self:
        if self.few_below > self.many_above + 1:
            raise ValueError(
                f"few_below={self.few_below} must be at most many_above + 1 = {self.many_above + 1}"
            )
        return self


_SMALLEST_CROP = 0.001  # of the image's area: images are decoded for this enlargement
_SMALLEST_MIXUP = 0.001  # Beta distributions below this are 0 or 1 in float32


class AugmentConfig(Section):
    """Random resized crop and flip in training; resizing of whole images in evaluation.

    Attributes:
        crop_scale: smallest and largest share of an image's area that a training crop shows.
        flip: probability of a mirrored training image; 0 where left and right matter.
        mixup: alpha of Mixup; 0 mixes nothing.
        resize_rule: evaluation resizes both sides ("squash") or keeps proportions ("short-side").
        resize_ratio: images are resized to this multiple of the input size before the centre crop.
            Training crops enlarge their content, so whole images at ratio 1 look smaller.
    """

    crop_scale: tuple[Share, Share] = (0.4, 1.0)
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
        init: where the classifier starts: at the class means of the features, or uniform.
        init_images_per_class: most images per class for these means and those of `mean_weight`.
        mean_weight: after each phase, class weights are interpolated towards the class means of
            the trained features by this weight; 0 leaves them as trained. 0.5 raises overall
            accuracy at the cost of rare classes.
        dropout: probability of dropping a value of the feature, in training only.
    """

    init: Literal["class-means", "uniform"] = "class-means"
    init_images_per_class: Count = 100
    mean_weight: Share = 0.0
    dropout: Dropout = 0.0


class LossConfig(Section):
    """A loss and its options.

    Logit adjustment needs natural class frequencies (`sampler` "instance"); A-GCL is used with
    dual sampling.

    Attributes:
        name: a loss of `lpt.losses.loss_names()`.
        options: options of this loss, by name.
    """

    name: str = "logit-adjustment"
    options: dict[str, float | bool | str | None] = {}


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
    optim: OptimConfig = OptimConfig(lr=0.03, classifier_lr=0.009)


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
