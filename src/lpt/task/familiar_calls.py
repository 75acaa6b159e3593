"""A task used as what people know: a pipeline of transformers, or a model of timm."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from lpt.errors import at_least
from lpt.task.class_prior import prior_shift

if TYPE_CHECKING:
    from lpt.model.two_pass import LongTailedPromptModel
    from lpt.task.class_prior import Floats
    from lpt.task.inference.image_inputs import Images
    from lpt.task.prediction import Prediction
    from lpt.task_file import TaskSpec
    from lpt.task_records import MatchMode

__all__ = ["FamiliarCalls", "TaskModule"]

Labels = list[dict[str, str | float]]


class TaskModule(nn.Module):
    """A task as an image model: pixels -> logits, whose softmax is the calibrated probabilities.

    For inference only; the weights are those of the task.

    Attributes:
        num_classes, num_features: C and D.
        pretrained_cfg: how images are prepared, as `timm.data.resolve_model_data_config` reads it.
    """

    offset: Tensor

    def __init__(
        self,
        model: "LongTailedPromptModel",
        spec: "TaskSpec",
        prior: "Floats | None" = None,
        match: "MatchMode" = "exact",
    ) -> None:
        super().__init__()
        self.model = model
        self.early_margin = spec.early_margin(match)
        self.temperature = spec.temperature
        self.num_classes = len(spec.class_names)
        self.num_features = model.backbone.feature_width
        size = spec.backbone.image_size
        self.pretrained_cfg = {
            "input_size": (3, size, size),
            "mean": spec.backbone.mean,
            "std": spec.backbone.std,
            "interpolation": spec.backbone.interpolation,
            "crop_pct": size / spec.resize,
            "crop_mode": "squash" if spec.resize_rule == "squash" else "center",
            "label_names": spec.class_names,
        }
        shift = np.zeros(self.num_classes) if prior is None else prior_shift(spec, prior)
        on = next(model.parameters()).device
        self.register_buffer(
            "offset", torch.as_tensor(shift, dtype=torch.float32, device=on), persistent=False
        )
        self.eval()

    def forward(self, pixel_values: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "B C"]:
        """Return logits of transformed images."""
        with torch.no_grad():
            logits: Tensor = self.model.predict(pixel_values, self.early_margin).logits
        return (logits.float() + self.offset) / self.temperature


class FamiliarCalls:
    """Calls of `lpt.Task` that people know from transformers and timm."""

    model: "LongTailedPromptModel"
    spec: "TaskSpec"
    prior: "Floats | None"
    match: "MatchMode"
    predict: Callable[..., "list[Prediction]"]

    def __call__(
        self, images: "Images", *, top_k: int | None = 5, batch_size: int = 64
    ) -> Labels | list[Labels]:
        """Classify as a pipeline of transformers does.

        Args:
            images: one image, or a list of images, in any form that `predict` takes.
            top_k: number of classes per image; None for all.
        Returns: for one image a list of {"label", "score"}, most probable first; for a list of
            images a list of those.

        >>> lpt.load("runs/digits", device="cpu")("7.png", top_k=1)[0]["label"]
        '7'
        """
        most = len(self.spec.class_names) if top_k is None else top_k
        at_least("top_k", most, 1)
        found: list[Labels] = [
            [
                {"label": label, "score": score}
                for label, score in zip(one.labels, one.probabilities, strict=True)
            ]
            for one in self.predict(images, top=most, batch_size=batch_size)
        ]
        several = isinstance(images, list | tuple) or getattr(images, "ndim", 3) == 4
        return found if several or len(found) != 1 else found[0]

    @property
    def id2label(self) -> dict[int, str]:
        """Class names by index, as in a configuration of transformers."""
        return dict(enumerate(self.spec.class_names))

    @property
    def label2id(self) -> dict[str, int]:
        """Indices by class name."""
        return {name: number for number, name in self.id2label.items()}

    def as_module(self) -> TaskModule:
        """Return the task as an image model that takes transformed pixels, as those of timm do.

        Its probabilities hold under the same class frequencies as those of the task (`with_prior`).

        >>> module = lpt.load("runs/digits", device="cpu").as_module()
        >>> module(torch.zeros(2, 3, 64, 64)).softmax(1).shape
        torch.Size([2, 10])
        """
        return TaskModule(self.model, self.spec, self.prior, self.match)
