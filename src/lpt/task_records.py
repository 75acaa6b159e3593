"""Records in the metadata of a task file: changes of a task, scores of validation images."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["MOST_EDITS", "FrozenRecord", "GroupScores", "Images", "ShotGroup", "TaskEdit"]

MOST_EDITS = 1000
"""Of the history of a task; the oldest are dropped."""

Images = Annotated[int, Field(ge=0, le=2**53)]
ShotGroup = Literal["many", "medium", "few"]
Probabilities = Annotated[
    tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(max_length=100_000)
]


class FrozenRecord(BaseModel):
    """Refuses unknown fields and numbers that are not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
