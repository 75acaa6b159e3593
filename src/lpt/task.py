"""A trained task in use: predict images, evaluate data."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lpt.backbones import FrozenViT
from lpt.data.class_groups import ClassGroups
from lpt.data.image_stores import FileStore
from lpt.data.images.decode import SUFFIXES
from lpt.data.images.transforms import Transform, eval_transform
from lpt.data.loading import EvalBatches, ImageDataset, make_loader
from lpt.data.manifest import Split
from lpt.devices import choose_device
from lpt.errors import DataError
from lpt.evaluation import Metrics, evaluate
from lpt.evaluation.inference import predict
from lpt.model.two_pass import LongTailedPromptModel
from lpt.records import Predictions
from lpt.task_file import TaskSpec, load_task

__all__ = ["Prediction", "Task", "find_images"]


@dataclass(frozen=True)
class Prediction:
    """What a task says of one image.

    Attributes:
        path: the image.
        labels: class names, most probable first.
        probabilities: calibrated where the task was trained with validation images, else only a
            softmax of cosines; in the order of `labels`.
        matched: ids of the T matched group prompts, nearest first; empty for phase 1 alone.
    """

    path: str
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    matched: tuple[int, ...]

    def __str__(self) -> str:
        """One line for people: path, then classes with probabilities."""
        named = zip(self.labels, self.probabilities, strict=True)
        return "  ".join([self.path, *(f"{label} {p:.1%}" for label, p in named)])


class Task:
    """A model with what it needs to read images and to name classes.

    Attributes:
        model: prompts and classifier on their frozen backbone.
        spec: the metadata of the prompt file.
    """

    def __init__(self, model: LongTailedPromptModel, spec: TaskSpec) -> None:
        self.model = model.eval()
        self.spec = spec

    @classmethod
    def load(
        cls, path: str | Path, backbone: FrozenViT | None = None, device: str | None = None
    ) -> "Task":
        """Load a task file, or the one of a run folder.

        Args:
            backbone: shared with other tasks, loaded already; None loads the one it was made for.
            device: such as "cuda"; None takes a GPU if there is one.
        Raises: TaskFileError if the file is damaged or made for another backbone.
        """
        file = Path(path)
        if file.is_dir():
            file = file / "task.safetensors"
        model, spec = load_task(file, backbone)
        return cls(model.to(choose_device(device)), spec)

    @property
    def groups(self) -> ClassGroups:
        """The bounds of many, medium and few that the task was trained with."""
        return ClassGroups(self.spec.many_above, self.spec.few_below)

    @property
    def transform(self) -> Transform:
        """Upright RGB image -> input of the backbone."""
        return self.transform_with()

    def transform_with(
        self,
        *,
        border: int = 0,
        corruption: Callable[[Image.Image], Image.Image] | None = None,
    ) -> Transform:
        """The same for images that have a border to take off, or that are to be corrupted."""
        backbone = self.spec.backbone
        return eval_transform(
            backbone.image_size,
            backbone.mean,
            backbone.std,
            resize=self.spec.resize,
            rule=self.spec.resize_rule,
            interpolation=backbone.interpolation,
            border=border,
            corruption=corruption,
        )

    def predict(
        self,
        paths: Sequence[str | Path],
        *,
        top: int = 5,
        batch: int = 64,
        workers: int = 0,
        on_batch: Callable[[int], None] = lambda _: None,
    ) -> list[Prediction]:
        """Name the `top` most probable classes of each image file.

        Raises: DataError naming a file that is missing or no image.
        """
        if not paths:
            return []
        store = FileStore.of_files(Path(), [str(path) for path in paths])
        everything = np.arange(len(paths), dtype=np.int64)
        split = Split("images", store, everything, np.zeros_like(everything))
        found = self.run(split, batch=batch, workers=workers, on_batch=on_batch)
        scores = torch.from_numpy(found.logits) / self.spec.temperature
        best = scores.softmax(1).topk(min(top, scores.shape[1]), dim=1)
        names = self.spec.class_names
        return [
            Prediction(
                str(path),
                tuple(names[i] for i in best.indices[row].tolist()),
                tuple(best.values[row].tolist()),
                () if found.matched is None else tuple(found.matched[row].tolist()),
            )
            for row, path in enumerate(paths)
        ]

    def predict_each(
        self, paths: Sequence[str | Path], *, top: int = 5, chunk: int = 512, workers: int = 0
    ) -> Iterator[Prediction | DataError]:
        """As `predict`, with an error in the place of every image that cannot be read.

        Predictions come as soon as `chunk` images are done, so that many images need little memory.
        """
        for start in range(0, len(paths), chunk):
            some = paths[start : start + chunk]
            try:
                yield from self.predict(some, top=top, workers=workers)
            except DataError as error:
                if len(some) == 1:
                    yield error
                else:
                    yield from self.predict_each(some, top=top, chunk=max(1, len(some) // 8))

    def evaluate(
        self,
        split: Split,
        *,
        batch: int = 64,
        workers: int = 0,
        on_batch: Callable[[int], None] = lambda _: None,
    ) -> Metrics:
        """Score a split whose labels are indices into this task's classes."""
        found = self.run(split, batch=batch, workers=workers, on_batch=on_batch)
        return evaluate(found, self.spec.class_counts, self.groups, self.spec.class_names)

    def run(
        self,
        split: Split,
        *,
        batch: int = 64,
        workers: int = 0,
        transform: Transform | None = None,
        on_batch: Callable[[int], None] = lambda _: None,
    ) -> Predictions:
        """Cosines, labels and matched prompts of every image of a split, in its order.

        Args:
            transform: None for the task's own.
        """
        if not len(split):
            raise DataError(f"{split.name}: has no images to evaluate. Give data with images.")
        loader = make_loader(
            ImageDataset(split, transform or self.transform),
            EvalBatches(len(split), batch),
            workers=workers,
        )
        device = next(self.model.parameters()).device
        return predict(self.model.predict, loader, device=device, on_batch=on_batch)


def find_images(paths: Sequence[str | Path]) -> list[Path]:
    """Image files as given, and those anywhere below given folders, sorted.

    Raises: DataError for a path that does not exist or a folder without images.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
            if not inside:
                raise DataError(f"{path}: holds no images ({', '.join(sorted(SUFFIXES))}).")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise DataError(f"{path}: no such file or folder.")
    return found
