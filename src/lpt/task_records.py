"""Records in the metadata of a task file: its backbone, changes of the task, and measurements."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from lpt.backbones.preprocessing import Mean, Std
from lpt.backbones.towers.feature_name import FeatureName

__all__ = [
    "MOST_EDITS",
    "BackboneRecord",
    "EarlyRecord",
    "FrozenRecord",
    "GroupScores",
    "Images",
    "MatchMode",
    "Pixels",
    "ShotGroup",
    "TaskEdit",
]

MOST_EDITS = 1000
"""Of the history of a task; the oldest are dropped."""

Pixels = Annotated[int, Field(ge=1, le=4096)]
Images = Annotated[int, Field(ge=0, le=2**53)]
ShotGroup = Literal["many", "medium", "few"]
MatchMode = Literal["exact", "early", "auto"]
"""How group prompts are matched: by the query; by an estimate of it from the tokens after block K;
by the estimate where it is clear, and else by the query."""
Share = Annotated[float, Field(ge=0, le=1)]
Probabilities = Annotated[
    tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(max_length=100_000)
]


class FrozenRecord(BaseModel):
    """Refuses unknown fields and numbers that are not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BackboneRecord(FrozenRecord):
    """The backbone that a task was trained on, and how its inputs are prepared."""

    name: Annotated[str, Field(min_length=1, max_length=4096)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    layer_norm_eps: Annotated[float, Field(gt=0, lt=1)]
    image_size: Pixels
    mean: tuple[Mean, Mean, Mean]
    std: tuple[Std, Std, Std]
    interpolation: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
    feature: FeatureName = "own"

    @model_serializer(mode="wrap")
    def _readable_by_older_versions(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the feature where it is the usual one: older versions refuse it."""
        fields: dict[str, Any] = write(self)
        if self.feature == "own":
            fields.pop("feature", None)
        return fields


class TaskEdit(FrozenRecord):
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


class EarlyRecord(FrozenRecord):
    """What early matching gave on training images that its map was not fitted to.

    Attributes:
        margin: smallest difference between the T-th estimate and the next one that "auto" relies
            on.
        images: number of these images.
        agreement: share of them for which "early" matches the same T prompts as the query.
        auto_agreement: the same for "auto".
        auto_queries: share of them for which "auto" computes the query.
    """

    margin: Annotated[float, Field(ge=0, le=1e6)]
    images: Images
    agreement: Share
    auto_agreement: Share
    auto_queries: Share

    def margin_for(self, match: MatchMode) -> float | None:
        """Return the margin below which a query is computed; None to compute all of them.

        It is the argument of `LongTailedPromptModel.predict`.
        """
        return {"exact": None, "early": 0.0, "auto": self.margin}[match]


class GroupScores(FrozenRecord):
    """Probabilities on validation images of one shot group, ascending.

    Attributes:
        own: of the true class, for images of the group.
        right, wrong: of the predicted class where it belongs to the group, for correct and for
            wrong predictions.
    """

    own: Probabilities = ()
    right: Probabilities = ()
    wrong: Probabilities = ()
