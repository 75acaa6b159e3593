"""A model run over the images of a split, with the transform that its task prescribes."""

from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor

from lpt.data.images.transforms import Transform, eval_transform
from lpt.data.loading import EvalBatches, ImageDataset, make_loader
from lpt.data.manifest import Split
from lpt.errors import DataError
from lpt.evaluation.inference import predict
from lpt.records import Output, Predictions
from lpt.task.call_checks import OnBatch
from lpt.task_file import TaskSpec

__all__ = ["run_split", "transform_of"]


def run_split(
    model: Callable[[Tensor], Output],
    split: Split,
    transform: Transform,
    *,
    device: torch.device,
    batch_size: int,
    workers: int,
    on_batch: OnBatch | None,
) -> Predictions:
    """Return cosines, labels and matched prompts of every image of a split, in its order.

    Raises: DataError for an empty split or an image that cannot be read.
    """
    if not len(split):
        raise DataError(f"{split.name}: has no images to evaluate. Give data with images.")
    loader = make_loader(
        ImageDataset(split, transform), EvalBatches(len(split), batch_size), workers=workers
    )
    return predict(model, loader, device=device, on_batch=on_batch or (lambda _: None))


def transform_of(
    spec: TaskSpec,
    border: int = 0,
    corruption: Callable[[Image.Image], Image.Image] | None = None,
) -> Transform:
    """Return the transform of a task, for images with a border to crop, or to be corrupted."""
    backbone = spec.backbone
    return eval_transform(
        backbone.image_size,
        backbone.mean,
        backbone.std,
        resize=spec.resize,
        rule=spec.resize_rule,
        interpolation=backbone.interpolation,
        border=border,
        corruption=corruption,
    )
