"""Bodies of the calls under /v1."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lpt.serving.serving_records import NearestState

__all__ = [
    "TASK_PATTERN",
    "ClassProbability",
    "ImagePrediction",
    "NamedPrior",
    "NearestImage",
    "NearestTrainingImages",
    "NumberNearest",
    "PredictAnswer",
    "PredictBody",
    "ServedClass",
    "TaskDetails",
    "TaskList",
    "TaskSummary",
    "Threshold",
    "Top",
]

TASK_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(@[0-9a-f]{12})?$"
"""A task, or one version of it."""

Top = Annotated[int, Field(ge=1, le=1000, description="Number of classes per image.")]
Threshold = Annotated[
    float,
    Field(ge=0, le=1, description="Probability below which the most probable class is not sure."),
]

NamedPrior = Annotated[
    Literal["uniform", "training"],
    Field(description="Class frequencies of the images: all alike, or as in training."),
]
ClassName = Annotated[str, Field(max_length=10_000)]
Frequency = Annotated[float, Field(ge=0, le=1e15)]
GivenPrior = Annotated[
    dict[ClassName, Frequency],
    Field(
        min_length=1,
        max_length=100_000,
        description="Class frequencies of the images by class name; other classes have 0.",
    ),
]


NumberNearest = Annotated[
    int, Field(ge=0, le=12, description="Number of nearest training images per image.")
]


class PredictBody(BaseModel):
    """Images in JSON. Fields that are not given are taken from the query."""

    model_config = ConfigDict(extra="forbid")

    images: Annotated[list[str], Field(min_length=1, description="Encoded images in base64.")]
    top: Top | None = None
    threshold: Threshold | None = None
    embedding: bool | None = None
    nearest: NumberNearest | None = None
    prior: NamedPrior | GivenPrior | None = None


class ClassProbability(BaseModel):
    """A class of a prediction."""

    label: str
    index: int
    probability: float


class NearestImage(BaseModel):
    """A training image: cosine of the features, and a JPEG in base64."""

    label: str
    index: int
    similarity: float
    thumbnail: str


class NearestTrainingImages(BaseModel):
    """The nearest of the training images that were searched.

    `state` is "preparing" while they are being read, and "unavailable" where the task has no run
    folder, its data is gone, or the server does not offer them.
    """

    state: NearestState
    searched: int
    images: list[NearestImage]


class ImagePrediction(BaseModel):
    """The prediction of one image.

    `sure` is null where there is no threshold, `nearest` where it was not asked for. `seconds` has
    the time of each stage.
    """

    image: str | None
    version: str
    sure: bool | None
    classes: list[ClassProbability]
    matched: list[int]
    embedding: list[float] | None
    nearest: NearestTrainingImages | None
    seconds: dict[str, float]


class PredictAnswer(BaseModel):
    """Predictions in the order of the images."""

    task: str
    predictions: list[ImagePrediction]


class TaskSummary(BaseModel):
    """A task in the list of tasks."""

    name: str
    version: str
    state: str
    reason: str | None
    classes: int
    backbone: str
    image_size: int
    bytes: int


class TaskList(BaseModel):
    """All tasks of the server."""

    tasks: list[TaskSummary]


class ServedClass(BaseModel):
    """A class of a task; `training_images` is null where unknown."""

    name: str
    training_images: int | None


class TaskDetails(BaseModel):
    """Everything about a task.

    `metrics` are those at the end of training, by phase, split and name.
    """

    name: str
    version: str
    state: str
    reason: str | None
    classes: list[ServedClass]
    backbone: str
    image_size: int
    bytes: int
    metrics: dict[str, Any]
    metadata: dict[str, Any]
