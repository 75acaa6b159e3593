"""The metadata of a task file: what is allowed in each field."""

from collections.abc import Mapping, Sequence
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

__all__ = ["PARAMETERS", "BackboneRecord", "TaskSpec", "check_class_names"]

MAX_CLASSES = 100_000
MAX_NAME = 10_000
MAX_NAME_BYTES = 4 * 2**20
"""Of all class names together."""

Count = Annotated[int, Field(ge=1, le=10_000_000)]
Pixels = Annotated[int, Field(ge=1, le=4096)]
Images = Annotated[int, Field(ge=0, le=2**53)]
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
}
"""The parameter of `LongTailedPromptModel` that each tensor of a task file holds."""


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


class TaskSpec(_Record):
    """Metadata of a task file.

    Attributes:
        class_names, class_counts: (C,) names in index order, and training images per class.
        adapter_width: hidden neurons of the adapter of each block; 0 for no adapters.
        phases: 2, or 1 for a model with shared prompts only.
        resize_rule, resize: how images are resized, in pixels, before the centre crop.
        temperature: softmax(cosine / temperature) gives probabilities.
        prior_power: probabilities reflect the training frequencies to this power
            (`lpt.evaluation.priors.effective_prior`); None if it was not measured, read as 0.
        many_above, few_below: bounds of the shot groups (`lpt.data.class_groups`).
        metrics: at the end of training, by phase, split ("val", "test") and name.
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
    resize_rule: Literal["squash", "short-side"]
    resize: Pixels
    many_above: Images = MANY_ABOVE
    few_below: Images = FEW_BELOW
    temperature: Temperature = 0.05
    prior_power: Annotated[float, Field(ge=0, le=2)] | None = None
    metrics: dict[str, dict[str, dict[str, Score | None]]] = {}

    @property
    def shape(self) -> "PromptShape":
        """Sizes of the prompts."""
        from lpt.model.two_pass import PromptShape  # imports torch

        return PromptShape(self.prompt_length, self.shared_blocks, self.pool_size, self.top_k)

    def tensor_sizes(self, depth: int, width: int) -> dict[str, tuple[int, ...]]:
        """Return the sizes of the tensors of the task file, by name.

        Args:
            depth, width: L and D of the backbone.
        """
        length, pool, hidden = self.prompt_length, self.pool_size, self.adapter_width
        sizes: dict[str, tuple[int, ...]] = {
            "shared_prompts": (depth, length, width),
            "classifier": (len(self.class_names), width),
        }
        if self.phases == 2:
            sizes["group_prompts"] = (pool, depth - self.shared_blocks, length, width)
            sizes["keys"] = (pool, width)
        if hidden:
            sizes["adapter_down"] = (depth, width, hidden)
            sizes["adapter_down_bias"] = (depth, hidden)
            sizes["adapter_up"] = (depth, hidden, width)
            sizes["adapter_up_bias"] = (depth, width)
            sizes["adapter_scale"] = (depth,)
        return sizes

    @model_serializer(mode="wrap")
    def _readable_by_older_versions(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the width of adapters where there are none: older versions refuse the field."""
        fields: dict[str, Any] = write(self)
        if not self.adapter_width:
            fields.pop("adapter_width", None)
        return fields

    @property
    def source_accuracy(self) -> float | None:
        """Overall accuracy on the test images of the training data; None if it has none."""
        return self.metrics.get(f"phase{self.phases}", {}).get("test", {}).get("overall")


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
