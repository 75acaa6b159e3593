"""The metadata of a task file: what is allowed in each field, and reading it without torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from lpt.backbones.towers.feature_name import token_widths
from lpt.data.defaults import FEW_BELOW, MANY_ABOVE
from lpt.errors import TaskFileError
from lpt.escape import shell_command
from lpt.files.json_files import problem
from lpt.files.tensor_files import TensorFile, TensorLimits
from lpt.task_records import (
    MOST_EDITS,
    BackboneRecord,
    EarlyRecord,
    FrozenRecord,
    GroupScores,
    Images,
    MatchMode,
    Pixels,
    ShotGroup,
    TaskEdit,
)

if TYPE_CHECKING:
    from lpt.model.prompt_shape import PromptShape

__all__ = [
    "FORMAT",
    "LIMITS",
    "MAX_CLASSES",
    "MAX_NAME",
    "MAX_SHOWN",
    "PARAMETERS",
    "BackboneRecord",
    "TaskSpec",
    "file_metadata",
    "open_task_file",
    "parse_spec",
    "read_spec",
    "spec_of",
]

FORMAT = 3
"""The latest format version. Every version up to it is read.

2 adds `prior_power` to the metadata, 3 adds adapters, early matching, `history`, `validation`, the
feature of the backbone and `classifier_passes`.
"""

BEFORE_3 = 2
"""The version of a file that uses nothing of 3, so that older versions of lpt read it."""

MAX_SHOWN = 100
"""Maximum number of characters of a file that an error message quotes."""

LIMITS = TensorLimits(file_bytes=2**32, header_bytes=2**23)
"""Of a task file; what is larger is refused before it is parsed."""

MAX_CLASSES = 100_000
MAX_NAME = 10_000
"""Characters of a class name."""

Count = Annotated[int, Field(ge=1, le=10_000_000)]
Score = Annotated[float, Field(ge=-1e9, le=1e9)]
Temperature = Annotated[float, Field(ge=1e-4, le=1e4)]
Name = Annotated[str, Field(max_length=MAX_NAME)]


PARAMETERS: Mapping[str, str] = {
    "shared_prompts": "shared.prompts",
    "classifier": "classifier.weight",
    "group_prompts": "pool.prompts",
    "keys": "pool.keys",
    "adapter_down": "adapters.down",
    "adapter_down_bias": "adapters.down_bias",
    "adapter_up": "adapters.up",
    "adapter_up_bias": "adapters.up_bias",
    "adapter_scale": "adapters.scale",
    "early_weight": "early.weight",
    "early_bias": "early.bias",
}
"""The parameter of `LongTailedPromptModel` that each tensor of a task file holds."""


class TaskSpec(FrozenRecord):
    """Metadata of a task file.

    Attributes:
        class_names, class_counts: (C,) names in index order, and training images per class.
        adapter_width: hidden neurons of the adapter of each block; 0 for no adapters.
        phases: 2, or 1 for a model with shared prompts only.
        classifier_passes: whether phase 2 classifies the feature of the second pass, or the sum of
            the unit-length features of both.
        resize_rule, resize: how images are resized, in pixels, before the centre crop.
        temperature: softmax(cosine / temperature) gives probabilities.
        prior_power: probabilities reflect the training frequencies to this power
            (`lpt.evaluation.priors.effective_prior`); None if it was not measured, read as 0.
        many_above, few_below: bounds of the shot groups (`lpt.data.class_groups`).
        metrics: at the end of training, by phase, split ("val", "test") and name; empty once the
            classes were changed.
        history: changes after the training, oldest first.
        validation: probabilities on validation images by shot group, from which sets and thresholds
            are computed (`lpt.task.decisions`); empty without validation images, and once the
            classes were changed.
        match: how prompts are matched unless the user chooses.
        early: of the map of early matching; None for a task without one.
    """

    name: Name
    class_names: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MAX_CLASSES)]
    class_counts: Annotated[tuple[Images, ...], Field(max_length=MAX_CLASSES)]
    backbone: BackboneRecord
    shared_blocks: Count
    prompt_length: Count
    pool_size: Count
    top_k: Count
    adapter_width: Annotated[int, Field(ge=0, le=8192)] = 0
    phases: Literal[1, 2] = 2
    classifier_passes: Literal["second", "both"] = "second"
    resize_rule: Literal["squash", "short-side"]
    resize: Pixels
    many_above: Images = MANY_ABOVE
    few_below: Images = FEW_BELOW
    temperature: Temperature = 0.05
    prior_power: Annotated[float, Field(ge=0, le=2)] | None = None
    metrics: dict[str, dict[str, dict[str, Score | None]]] = Field(default_factory=dict)
    history: Annotated[tuple[TaskEdit, ...], Field(max_length=MOST_EDITS)] = ()
    validation: dict[ShotGroup, GroupScores] = Field(default_factory=dict)
    match: MatchMode = "exact"
    early: EarlyRecord | None = None

    @property
    def shape(self) -> "PromptShape":
        """Sizes of the prompts."""
        from lpt.model.prompt_shape import PromptShape  # imports torch

        return PromptShape(self.prompt_length, self.shared_blocks, self.pool_size, self.top_k)

    def tensor_sizes(self, depth: int, width: int) -> dict[str, tuple[int, ...]]:
        """Return the sizes of the tensors of the task file, by name.

        Args:
            depth, width: L and D of the backbone.
        """
        length, pool, hidden = self.prompt_length, self.pool_size, self.adapter_width
        feature = width * token_widths(self.backbone.feature)
        sizes: dict[str, tuple[int, ...]] = {
            "shared_prompts": (depth, length, width),
            "classifier": (len(self.class_names), feature),
        }
        if self.phases == 2:
            sizes["group_prompts"] = (pool, depth - self.shared_blocks, length, width)
            sizes["keys"] = (pool, feature)
        if hidden:
            sizes["adapter_down"] = (depth, width, hidden)
            sizes["adapter_down_bias"] = (depth, hidden)
            sizes["adapter_up"] = (depth, hidden, width)
            sizes["adapter_up_bias"] = (depth, width)
            sizes["adapter_scale"] = (depth,)
        if self.early is not None:
            sizes["early_weight"] = (pool, 3 * width)
            sizes["early_bias"] = (pool,)
        return sizes

    @property
    def reads_both(self) -> bool:
        """Whether the features of both passes are classified."""
        return self.phases == 2 and self.classifier_passes == "both"

    def early_margin(self, match: MatchMode) -> float | None:
        """Return the margin of a way of matching, for `LongTailedPromptModel.predict`."""
        return None if self.early is None else self.early.margin_for(match)

    @model_validator(mode="after")
    def _early_matching_is_possible(self) -> Self:
        if self.early is None and self.match != "exact":
            raise ValueError(f"match is {self.match}, but early is missing")
        if self.early is not None and self.phases == 1:
            raise ValueError("early needs two phases")
        if self.early is not None and self.reads_both:
            raise ValueError("early matching has no query for classifier_passes=both")
        return self

    @property
    def has_newer_fields(self) -> bool:
        """Whether it uses a field that format 2 does not have."""
        return self.backbone.feature != "own" or any(map(self._uses, _NEWER))

    def _uses(self, name: str) -> bool:
        default = type(self).model_fields[name].get_default(call_default_factory=True)
        return bool(getattr(self, name) != default)

    @model_serializer(mode="wrap")
    def _readable_by_older_versions(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out newer fields that are not in use: older versions refuse them."""
        fields: dict[str, Any] = write(self)
        for name in _NEWER:
            if not self._uses(name):
                fields.pop(name, None)
        return fields

    @property
    def source_accuracy(self) -> float | None:
        """Overall accuracy on the test images of the training data; None if it has none."""
        return self.metrics.get(f"phase{self.phases}", {}).get("test", {}).get("overall")


_NEWER = ("adapter_width", "classifier_passes", "history", "validation", "match", "early")


def file_metadata(spec: TaskSpec) -> dict[str, str]:
    """Return the metadata entries of a task file: the version of its format, and the spec."""
    version = FORMAT if spec.has_newer_fields else BEFORE_3
    return {"lpt_task": str(version), "spec": spec.model_dump_json()}


def read_spec(path: Path, data: bytes | None = None) -> TaskSpec:
    """Read and validate the metadata of a task file without loading a tensor.

    Args:
        data: the bytes of the file, if they were read already; `path` only names it then.
    Raises: TaskFileError naming the file and what is wrong with it.
    """
    with open_task_file(path, data) as file:
        return spec_of(file)


def open_task_file(path: Path, data: bytes | None = None) -> TensorFile:
    """Open a task file, of which only the header is read.

    Args, Raises: as `read_spec`.
    """
    if data is None and (not path.exists() or path.is_dir()):
        raise TaskFileError(f"{path}: no such file. {_instead(path)}")
    return TensorFile(path, LIMITS, TaskFileError, data=data)


def spec_of(file: TensorFile) -> TaskSpec:
    """Return the metadata of an open task file. Raises: as `read_spec`."""
    return parse_spec(file.path, file.metadata, "lpt_task", FORMAT)


def parse_spec(path: Path, metadata: Mapping[str, str], version: str, latest: int) -> TaskSpec:
    """Read and validate the metadata of a file that holds a task.

    Args:
        path: the file, for messages.
        metadata: text by name; `spec` is JSON with the fields of `TaskSpec`.
        version: name of the entry that holds the version of the format.
        latest: latest version that is read.
    Raises: TaskFileError naming the file and what is wrong with it.
    """
    if version not in metadata:
        raise TaskFileError(f"{path}: not a task file of lpt (its metadata has no '{version}').")
    try:
        written = int(metadata[version])
        if not 1 <= written <= latest:
            raise TaskFileError(
                f"{path}: written in format {written}; this lpt reads up to {latest}. Upgrade lpt."
            )
        spec = TaskSpec.model_validate_json(metadata["spec"])
    except ValidationError as error:
        raise TaskFileError(f"{path}: damaged metadata ({problem(error)}).") from error
    except (KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:MAX_SHOWN]
        raise TaskFileError(f"{path}: damaged metadata ({reason}).") from error
    if len(spec.class_counts) != len(spec.class_names):
        raise TaskFileError(
            f"{path}: damaged: {len(spec.class_names)} names for {len(spec.class_counts)} counts."
        )
    return spec


def _instead(path: Path) -> str:
    run = path.parent
    if (run / "config.yaml").is_file():
        again = shell_command("lpt", "train", "--out", run, "--resume")
        return f"The run is not finished. Resume it: {again}"
    return "Give a task file, or the folder of a run."
