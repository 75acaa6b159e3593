"""Sections of a configuration: the one home of every default that a user can change."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticKnownError

from lpt.data.defaults import FEW_BELOW, MANY_ABOVE, TEST_FRACTION, VAL_FRACTION
from lpt.data.sampling import DUAL, SAMPLERS

__all__ = [
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

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]


def _one_of(name: str, *known: str) -> str:
    if name not in known:
        expected = f"{', '.join(map(repr, known[:-1]))} or {known[-1]!r}"
        raise PydanticKnownError("literal_error", {"expected": expected})
    return name


def _dual_sampler(name: str) -> str:
    return _one_of(name, *(known for known in SAMPLERS if known != "instance"))


def _sampler(name: str) -> str:
    return _one_of(name, *SAMPLERS, DUAL)


Sampler = Annotated[str, AfterValidator(_sampler)]
DualSampler = Annotated[str, AfterValidator(_dual_sampler)]


class Section(BaseModel):
    """Frozen; refuses unknown names and numbers that are not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataConfig(Section):
    """Training data, and which images are held out.

    Validation images are taken from the training images, never from the test images. `group_by`
    names a column (animal, patient, video); images with the same value stay in one split.
    `bad_images` null stops at the first bad image; "error" reads all images first and stops if any
    would spoil training; "skip" leaves those out; a path leaves out the images of that quarantine
    list.
    """

    source: str = ""
    val_fraction: Annotated[float, Field(ge=0, lt=1)] = VAL_FRACTION
    test_fraction: Annotated[float, Field(ge=0, lt=1)] = TEST_FRACTION
    group_by: str | None = None
    bad_images: str | None = None
    max_val_images: Count = 2000
    many_above: Count = MANY_ABOVE
    few_below: Count = FEW_BELOW
    workers: Annotated[int, Field(ge=0)] | None = None
    start_method: Literal["fork", "spawn", "forkserver"] | None = None

    @model_validator(mode="after")
    def _groups_in_order(self) -> Self:
        if self.few_below > self.many_above + 1:
            raise ValueError(
                f"few_below={self.few_below} must be at most many_above + 1 = {self.many_above + 1}"
            )
        return self


class AugmentConfig(Section):
    """Random resized crop and flip in training; resizing of whole images in evaluation.

    `resize_ratio`: images are resized to this multiple of the input size before the centre crop.
    Training crops enlarge their content, so whole images at ratio 1 look smaller than those.
    """

    crop_scale: tuple[Share, Share] = (0.4, 1.0)
    flip: Share = 0.5
    mixup: NonNegative = 0.0
    resize_rule: Literal["squash", "short-side"] = "squash"
    resize_ratio: Annotated[float, Field(ge=1)] = 1.1

    @model_validator(mode="after")
    def _scale_in_order(self) -> Self:
        low, high = self.crop_scale
        if not 0 < low <= high:
            raise ValueError(f"crop_scale=({low}, {high}) must satisfy 0 < low <= high <= 1")
        return self


class PromptConfig(Section):
    """P, K (null = half of the blocks), M and T; and the initialisation of phase 2.

    `key_init` "queries" starts the keys at cluster centres of training queries, "normal" at random.
    `group_init` "shared" starts each group prompt as a slightly perturbed copy of the shared
    prompt, "normal" at random.
    """

    length: Count = 10
    shared_blocks: Count | None = None
    pool_size: Count = 20
    top_k: Count = 2
    key_init: Literal["queries", "normal"] = "queries"
    group_init: Literal["shared", "normal"] = "shared"


class ClassifierConfig(Section):
    """Initialisation of the classifier, interpolation after training, dropout before it.

    `mean_weight`: after each phase, class weights are interpolated towards the class means of the
    trained features by this weight; 0 leaves them as trained. 0.5 raises overall accuracy at the
    cost of rare classes. `init_images_per_class` limits the images of these means and of the
    initial ones. `dropout` acts on the feature in training only.
    """

    init: Literal["class-means", "uniform"] = "class-means"
    init_images_per_class: Count = 100
    mean_weight: Share = 0.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class LossConfig(Section):
    """A loss of `lpt.losses.loss_names()` and its options.

    Logit adjustment needs natural class frequencies (`sampler` "instance"); A-GCL is used with
    dual sampling.
    """

    name: str = "logit-adjustment"
    options: dict[str, float | bool | str | None] = {}


class OptimConfig(Section):
    """Optimiser of one phase.

    With `scale_lr`, learning rates refer to a batch size of 256 (lr * batch_size / 256); without,
    they are used as given. `classifier_lr` and `key_lr` null mean `lr`.
    """

    name: Literal["sgd", "adamw"] = "adamw"
    lr: Positive = 0.01
    classifier_lr: Positive | None = None
    key_lr: Positive | None = None
    scale_lr: bool = False
    momentum: Share = 0.9
    weight_decay: NonNegative = 0.0
    warmup_epochs: NonNegative = 1.0
    clip_norm: Positive | None = None

    @property
    def role_lrs(self) -> dict[str, float | None]:
        """Learning rates by role (see `optim.ROLES`) that may differ from `lr`."""
        return {"classifier": self.classifier_lr, "keys": self.key_lr}


class PhaseConfig(Section):
    """One phase: epochs, sampler, loss and optimiser.

    `batch_size` is per step and branch; 0 chooses 8 to 64 (`lpt.config.automatic_batch`).
    `epoch_images` caps the images sampled per epoch (null: the number of training images). Dual
    sampling draws two batches per step: one by `dual_sampler`, and an instance-balanced one whose
    weight starts at `eta` and decays. `short_epochs` are pairs (epoch from 0, steps) of epochs that
    `lpt train --budget` ended early to keep its time; the learning rate of each step stays.
    """

    epochs: Annotated[int, Field(ge=0)] = 20
    batch_size: Annotated[int, Field(ge=0)] = 0
    epoch_images: Count | None = None
    short_epochs: tuple[tuple[Natural, Natural], ...] = ()
    sampler: Sampler = "instance"
    dual_sampler: DualSampler = "balanced"
    eta: NonNegative = 0.5
    loss: LossConfig = LossConfig()
    optim: OptimConfig = OptimConfig(lr=0.03, classifier_lr=0.009)


class GroupPhaseConfig(PhaseConfig):
    """Phase 2 adds the key term, the lambdas of the instance branch, and cached views.

    `cached_views` V > 0 samples from V fixed augmented views per image, whose frozen part is
    computed once and cached on disk up to `cache_limit_gb`; 0 augments afresh every time.
    """

    sampler: Sampler = "dual"
    loss: LossConfig = LossConfig(name="agcl")
    optim: OptimConfig = OptimConfig(lr=0.0015, classifier_lr=0.0005, key_lr=0.03)
    key_weight: NonNegative = 1.0
    weight_key_term: bool = True
    instance_lambda_pos: NonNegative | None = 0.5
    instance_lambda_neg: NonNegative | None = 8.0
    cached_views: Annotated[int, Field(ge=0)] = 0
    cache_dtype: Literal["float32", "float16"] = "float16"
    cache_limit_gb: Positive = 8.0
