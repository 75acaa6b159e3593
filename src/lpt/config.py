"""The typed configuration of a run: strict YAML in and out, `a.b=c` overrides, named recipes.

Knows nothing of training. Every default that a user can change stands here, once.
"""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lpt.errors import ConfigError

__all__ = [
    "AugmentConfig",
    "ClassifierConfig",
    "DataConfig",
    "LossConfig",
    "OptimConfig",
    "PhaseConfig",
    "PromptConfig",
    "RunConfig",
    "load_config",
    "parse_settings",
    "recipe_names",
]

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Sampler = Literal["instance", "balanced", "class-cycle", "square-root", "dual"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataConfig(_Strict):
    """What to train on and how to hold images out of it.

    Validation images come out of the training images, never out of the test images. `group_by`
    is a column whose values (animal, patient, video) never lie on both sides. `bad_images` null
    stops at a bad image when it is met; "error" reads all images first and stops at any that would
    spoil training, "skip" leaves these out, and a path leaves out what that list names.
    """

    source: str = ""
    val_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.1
    test_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.2
    group_by: str | None = None
    bad_images: str | None = None
    max_val_images: Count = 2000
    many_above: Count = 100
    few_below: Count = 20
    workers: Annotated[int, Field(ge=0)] | None = None
    start_method: Literal["fork", "spawn", "forkserver"] | None = None

    @model_validator(mode="after")
    def _groups_in_order(self) -> Self:
        if self.few_below > self.many_above + 1:
            raise ValueError(
                f"few_below={self.few_below} must be at most many_above + 1 = {self.many_above + 1}"
            )
        return self


class AugmentConfig(_Strict):
    """Random resized crop and flip in training; the rule for whole images in evaluation.

    `resize_ratio`: images are resized to this multiple of the input size before the centre crop.
    Crops enlarge what they show; whole images at ratio 1 look smaller than anything in training.
    """

    crop_scale: tuple[Share, Share] = (0.8, 1.0)
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


class PromptConfig(_Strict):
    """P, K (null = half of the blocks), M and T; and where phase 2 starts.

    `key_init` "queries" puts the keys at the centres of clusters of training queries, "normal" at
    random. `group_init` "shared" starts every group prompt as a copy of the shared one, slightly
    disturbed, "normal" at random.
    """

    length: Count = 10
    shared_blocks: Count | None = None
    pool_size: Count = 20
    top: Count = 2
    key_init: Literal["queries", "normal"] = "queries"
    group_init: Literal["shared", "normal"] = "shared"


class ClassifierConfig(_Strict):
    """How the classifier starts, and dropout on the feature before it (training only)."""

    init: Literal["class-means", "uniform"] = "class-means"
    init_images_per_class: Count = 100
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class LossConfig(_Strict):
    """A loss of `lpt.losses.loss_names()` and its options."""

    name: str = "ce"
    options: dict[str, float | bool | str | None] = {}


class OptimConfig(_Strict):
    """Optimiser of one phase.

    Rates are those of a batch of 256 when `scale_with_batch` is true (rate * batch / 256) and taken
    as they are when it is false. `classifier_rate` null means the rate of the prompts.
    """

    name: Literal["sgd", "adamw"] = "adamw"
    rate: Positive = 0.003
    classifier_rate: Positive | None = None
    key_rate: Positive | None = None
    scale_with_batch: bool = False
    momentum: Share = 0.9
    weight_decay: NonNegative = 0.0
    warmup_epochs: NonNegative = 1.0
    clip_norm: Positive | None = None


class PhaseConfig(_Strict):
    """One phase: how long, on what order of images, how optimised.

    `batch` 0 chooses 8 to 64 images a step and branch: about 50 steps an epoch of small data.
    `epoch_images` caps an epoch (null: as many draws as there are training images). Dual sampling
    draws two batches a step: one in `dual_order`, and an instance-balanced one whose weight starts
    at `eta` and decays.
    """

    epochs: Annotated[int, Field(ge=0)] = 20
    batch: Annotated[int, Field(ge=0)] = 0
    epoch_images: Count | None = None
    sampler: Sampler = "balanced"
    dual_order: Literal["balanced", "class-cycle", "square-root"] = "balanced"
    eta: NonNegative = 0.5
    loss: LossConfig = LossConfig()
    optim: OptimConfig = OptimConfig()


class GroupPhaseConfig(PhaseConfig):
    """Phase 2 has besides: the key term, the instance branch's lambdas, and cached views.

    `cached_views` V > 0 draws from V fixed augmented views an image, whose frozen part is computed
    once and kept on disk up to `cache_limit_gb`; 0 augments afresh every time.
    """

    sampler: Sampler = "dual"
    loss: LossConfig = LossConfig(name="agcl")
    optim: OptimConfig = OptimConfig(rate=0.001, classifier_rate=0.0003, key_rate=0.01)
    key_weight: NonNegative = 1.0
    weight_key_term: bool = True
    instance_lambda_pos: NonNegative | None = 0.5
    instance_lambda_neg: NonNegative | None = 8.0
    cached_views: Annotated[int, Field(ge=0)] = 4
    cache_dtype: Literal["float32", "float16"] = "float16"
    cache_limit_gb: Positive = 8.0


class RunConfig(_Strict):
    """Everything that decides a run, except the machine."""

    recipe: str = "default"
    backbone: str = "vit_tiny_patch8_64"
    image_size: Count | None = None
    layer_norm_eps: Positive | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    data: DataConfig = DataConfig()
    augment: AugmentConfig = AugmentConfig()
    prompts: PromptConfig = PromptConfig()
    classifier: ClassifierConfig = ClassifierConfig()
    phase1: PhaseConfig = PhaseConfig()
    phase2: GroupPhaseConfig = GroupPhaseConfig()
    selection: Literal["best", "last"] = "last"
    precision: Literal["auto", "float32", "bf16"] = "auto"
    checkpoint_seconds: NonNegative = 60.0

    @model_validator(mode="after")
    def _no_blended_views(self) -> Self:
        if self.augment.mixup and self.phase2.cached_views:
            raise ValueError(
                f"augment.mixup={self.augment.mixup:g} blends images, which "
                f"phase2.cached_views={self.phase2.cached_views} cannot keep; set one of them to 0"
            )
        return self

    def resolved(self, images: int) -> "RunConfig":
        """Fill in what depends on the number of training images: automatic batches."""
        batch = min(64, max(8, images // 50))
        return self.changed(
            {
                f"{name}.batch": batch
                for name in ("phase1", "phase2")
                if not getattr(self, name).batch
            }
        )

    def changed(self, settings: Mapping[str, Any]) -> "RunConfig":
        """Return a copy with dotted settings changed, such as {"phase1.epochs": 5}.

        Raises: ConfigError naming setting, value and what is allowed.
        """
        tree = self.model_dump(mode="json")
        for path, value in settings.items():
            _put(tree, path, value)
        return _validated(tree, "setting")

    def to_yaml(self) -> str:
        """The whole configuration as YAML; `load_config` reads it back unchanged."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def load_config(recipe: str | Path = "default") -> RunConfig:
    """Read a recipe, by name or YAML file.

    A recipe states only what differs from the defaults of this module.

    Raises: ConfigError naming the file or setting, the value and the remedy.
    """
    text, origin = _recipe_text(recipe)
    try:
        tree = _from_yaml(text) or {}
    except ValueError as error:
        raise ConfigError(f"{origin}: not YAML ({error}). Correct it.") from error
    if not isinstance(tree, dict):
        raise ConfigError(
            f"{origin}: a mapping of settings is expected, not {type(tree).__name__}."
        )
    return _validated(_merged(RunConfig().model_dump(mode="json"), tree), str(origin))


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Turn `key=value` texts, values in YAML, into what `RunConfig.changed` takes."""
    return dict(_parse(setting) for setting in settings)


def recipe_names() -> tuple[str, ...]:
    """The recipes that come with the package."""
    folder = resources.files("lpt") / "recipes"
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml")))


def _recipe_text(recipe: str | Path) -> tuple[str, str]:
    if str(recipe) in recipe_names():
        packaged = resources.files("lpt") / "recipes" / f"{recipe}.yaml"
        return packaged.read_text(encoding="utf-8"), f"recipe {recipe}"
    path = Path(recipe)
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(recipe_names())
        raise ConfigError(
            f"recipe '{recipe}': no such recipe or readable YAML file. Recipes: {known}."
        ) from error


def _merged(defaults: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A recipe over the defaults, section by section; options of a loss belong to their loss."""
    merged = dict(defaults)
    for name, value in changes.items():
        nested = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _merged(merged[name], value) if nested and name != "options" else value
    return merged


def _parse(setting: str) -> tuple[str, Any]:
    path, equals, text = setting.partition("=")
    if not equals or not path.strip():
        raise ConfigError(f"--set {setting}: write it as key=value, such as phase1.epochs=5.")
    try:
        value = _from_yaml(text)
    except ValueError as error:
        raise ConfigError(f"--set {setting}: the value is not YAML ({error}).") from error
    return path.strip(), _number(value)


def _from_yaml(text: str) -> Any:
    """Read YAML. Raises: ValueError of one line (PyYAML lets through what it meets in dates)."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(str(error).splitlines()[0]) from error


def _number(value: Any) -> Any:
    """YAML 1.1 reads 1e-3 as text; people mean a number."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _put(tree: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    node: Any = tree
    for name in parents:
        node = node.get(name) if isinstance(node, dict) else None
        if not isinstance(node, dict):
            raise ConfigError(f"setting {path}: unknown. There is no section '{name}'.")
    node[last] = value


def _validated(tree: Mapping[str, Any], origin: str) -> RunConfig:
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_explain(error, origin)) from error


def _explain(error: ValidationError, origin: str) -> str:
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"]) or "configuration"
    if first["type"] == "extra_forbidden":
        section: Any = RunConfig
        for part in first["loc"][:-1]:
            section = section.model_fields[str(part)].annotation
        known = ", ".join(section.model_fields)
        return f"{origin} {path}: unknown. Known here: {known}."
    if first["type"] == "value_error":  # said of a whole section, by one of our own validators
        return f"{origin} {path}: {first['msg'].removeprefix('Value error, ')}."
    return f"{origin} {path}={first['input']!r:.100}: {first['msg']}."
