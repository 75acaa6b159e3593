"""The metadata of a task file: what is allowed in each field."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from lpt.backbones.preprocessing import Mean, Std
from lpt.data.defaults import FEW_BELOW, MANY_ABOVE
from lpt.errors import DataError

if TYPE_CHECKING:
    from lpt.model.two_pass import PromptShape

__all__ = [
    "MOST_EDITS",
    "BackboneRecord",
    "GroupScores",
    "ShotGroup",
    "TaskEdit",
    "TaskSpec",
    "check_class_names",
]

MAX_CLASSES = 100_000
MAX_NAME = 10_000
MAX_NAME_BYTES = 4 * 2**20
"""Of all class names together."""

MOST_EDITS = 1000
"""Of the history of a task; the oldest are dropped."""

Count = Annotated[int, Field(ge=1, le=10_000_000)]
Pixels = Annotated[int, Field(ge=1, le=4096)]
Images = Annotated[int, Field(ge=0, le=2**53)]
Score = Annotated[float, Field(ge=-1e9, le=1e9)]
Temperature = Annotated[float, Field(ge=1e-4, le=1e4)]
Name = Annotated[str, Field(max_length=MAX_NAME)]
ShotGroup = Literal["many", "medium", "few"]
Probabilities = Annotated[
    tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(max_length=100_000)
]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BackboneRecord(_Record):
    """The backbone that a task was trained on, and how its inputs are prepared."""

    name: Annotated[str, Field(min_length=1, max_length=4096)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    layer_norm_eps: Annotated[float, Field(gt=0, lt=1)]
    image_size: Pixels
    mean: tuple[Mean, Mean, Mean]
    std: tuple[Std, Std, Std]
    interpolation: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]


class TaskEdit(_Record):
    """One change of a task after its training.

    Attributes:
        action: what was done.
        classes: names that it was done to: old names of renamed and merged classes; of a training
            that started from the task, the classes that were new. Of many, the first 20, each
            shortened.
        result: name of the renamed or merged class; None otherwise.
        images: photos that an added class was made of; None otherwise.
        source: SHA-256 of the task file before the change.
        date: day of the change in UTC, as 2026-11-28.
    """

    action: Literal["add-class", "remove-class", "rename-class", "merge-classes", "init-from"]
    classes: Annotated[tuple[Annotated[str, Field(max_length=200)], ...], Field(max_length=20)]
    result: Annotated[str, Field(max_length=200)] | None = None
    images: Images | None = None
    source: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class GroupScores(_Record):
    """Probabilities on validation images of one shot group, ascending.

    Attributes:
        own: of the true class, for images of the group.
        right, wrong: of the predicted class where it belongs to the group, for correct and for
            wrong predictions.
    """

    own: Probabilities = ()
    right: Probabilities = ()
    wrong: Probabilities = ()


class TaskSpec(_Record):
    """Metadata of a task file.

    Attributes:
        class_names, class_counts: (C,) names in index order, and training images per class.
        phases: 2, or 1 for a model with shared prompts only.
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
    """

    name: Name
    class_names: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MAX_CLASSES)]
    class_counts: Annotated[tuple[Images, ...], Field(max_length=MAX_CLASSES)]
    backbone: BackboneRecord
    shared_blocks: Count
    prompt_length: Count
    pool_size: Count
    top_k: Count
    phases: Literal[1, 2] = 2
    resize_rule: Literal["squash", "short-side"]
    resize: Pixels
    many_above: Images = MANY_ABOVE
    few_below: Images = FEW_BELOW
    temperature: Temperature = 0.05
    prior_power: Annotated[float, Field(ge=0, le=2)] | None = None
    metrics: dict[str, dict[str, dict[str, Score | None]]] = {}
    history: Annotated[tuple[TaskEdit, ...], Field(max_length=MOST_EDITS)] = ()
    validation: dict[ShotGroup, GroupScores] = {}

    @property
    def newer_fields(self) -> tuple[str, ...]:
        """Fields in use that files before format 3 do not have."""
        return tuple(name for name in _FORMAT_3 if getattr(self, name))

    @model_serializer(mode="wrap")
    def _without_unused(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out newer fields that are not in use: older versions of lpt refuse them."""
        fields: dict[str, Any] = write(self)
        for name in _FORMAT_3:
            if not getattr(self, name):
                fields.pop(name, None)
        return fields

    @property
    def shape(self) -> "PromptShape":
        """Sizes of the prompts."""
        from lpt.model.two_pass import PromptShape  # imports torch

        return PromptShape(self.prompt_length, self.shared_blocks, self.pool_size, self.top_k)

    @property
    def source_accuracy(self) -> float | None:
        """Overall accuracy on the test images of the training data; None if it has none."""
        return self.metrics.get(f"phase{self.phases}", {}).get("test", {}).get("overall")


_FORMAT_3 = ("history", "validation")


def check_class_names(names: Sequence[str], origin: str) -> None:
    """Check, before a training, that its task file will be within the limits of its reader.

    Args:
        names: class names.
        origin: the data, for the message.
    Raises: DataError if there are too many classes or their names are too long.
    """
    if len(names) > MAX_CLASSES:
        raise DataError(
            f"{origin}: has {len(names):,} classes; a task has at most {MAX_CLASSES:,}. "
            "Merge classes, or check which column holds the labels."
        )
    for name in names:
        if len(name) > MAX_NAME:
            raise DataError(
                f"{origin}: class '{name[:40]}...' is longer than {MAX_NAME:,} characters. "
                "Shorten its name."
            )
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise DataError(f"{origin}: class '{name}' is not UTF-8. Rename it.") from error
    if sum(len(name.encode()) for name in names) > MAX_NAME_BYTES:
        raise DataError(
            f"{origin}: its class names have more than {MAX_NAME_BYTES:,} bytes. Shorten them."
        )
