"""A trained task in use: prediction, features, evaluation."""

from collections.abc import Callable, Iterator
from itertools import islice
from operator import index

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from lpt.data.images.transforms import Transform
from lpt.data.manifest import Split
from lpt.deprecation import renamed_arguments
from lpt.errors import DataError, at_least
from lpt.evaluation import Metrics, evaluate
from lpt.records import Output, Predictions
from lpt.task.call_checks import OnBatch, check_run, check_split
from lpt.task.class_prior import adjust_predictions
from lpt.task.familiar_calls import FamiliarCalls
from lpt.task.hub.hub_calls import HubCalls
from lpt.task.inference.image_inputs import ImageInput, Images, as_split, iterate_inputs
from lpt.task.inference.predict_each import each_or_error
from lpt.task.inference.run_split import run_split
from lpt.task.loaded_task import LoadedTask
from lpt.task.prediction import Prediction, most_probable
from lpt.task.task_display import TaskDisplay
from lpt.task_records import MatchMode

__all__ = ["Task"]

Floats = npt.NDArray[np.float32]


class Task(LoadedTask, TaskDisplay, FamiliarCalls, HubCalls):
    """A trained model with everything needed to read images and name classes.

    `predict`, `predict_proba` and `embed` take images as paths, bytes of image files, PIL images,
    NumPy arrays (H, W, 3), torch tensors (3, H, W), or a list of these in any mixture; also
    batches (n, H, W, 3) and (n, 3, H, W). Grey images have one channel or none, (H, W); those with
    transparency four. Pixels are uint8, bool, or floats in [0, 1]. The same pixels give the same
    bits in every form. (Large JPEG files are decoded at a reduced scale, so their pixels may differ
    slightly from the file's.) Several threads may use one task.

    The first prediction caches keys and values of the prompts (ViT-T: 19 MB, ViT-B: 74 MB), within
    256 MB for all tasks on one `backbone` object; `task.model.release_tables()` frees them.

    Attributes:
        model: prompts and classifier on their frozen backbone, in eval mode.
        spec: the metadata of the task file.
        path: the run folder or task file that the task came from; None if there is none.
        prior: (C,) class frequencies that predictions hold under; None for the task's own.
        match: how group prompts are matched (`with_match`).

    >>> task = lpt.load("runs/digits", device="cpu")
    >>> task.predict("7.png")[0].labels[0]
    '7'
    """

    @renamed_arguments(batch="batch_size")
    def predict(
        self,
        images: Images,
        *,
        top: int = 5,
        batch_size: int = 64,
        workers: int = 0,
        on_batch: OnBatch | None = None,
        match: MatchMode | None = None,
    ) -> list[Prediction]:
        """Predict the most probable classes of images.

        Args:
            images: one image or several (see `Task`); one image gives a list of one prediction.
            top: number of classes per image; all if there are fewer.
            batch_size: images per forward pass.
            workers: processes that load images; 0 loads them in this process.
            on_batch: called with the number of images of each finished batch.
            match: as for `with_match`; None for the task's own.
        Returns: one prediction per image, in order.
        Raises: DataError naming an image that cannot be read; ParameterError naming an argument
            that is out of range or not an image.

        >>> task = lpt.load("runs/digits", device="cpu")
        >>> print(task.predict(["7.png", Path("7.png").read_bytes()], top=1)[1])
        images[1]  7 36.4%
        """
        at_least("top", top, 1)
        check_run(batch_size, workers, on_batch)
        inputs = tuple(iterate_inputs(images))
        task = self if match is None else self.with_match(match)
        return task._predict(inputs, top, batch_size, workers, on_batch)

    def predict_each(
        self, images: Images, *, top: int = 5, chunk: int = 512, workers: int = 0
    ) -> Iterator[Prediction | DataError]:
        """Yield the prediction of each image, or the error of an image that cannot be read.

        Images are taken `chunk` at a time, so a long iterable needs little memory.
        """
        at_least("top", top, 1)
        at_least("chunk", chunk, 1)
        at_least("workers", workers, 0)
        remaining = iterate_inputs(images)
        while some := tuple(islice(remaining, chunk)):
            yield from each_or_error(
                lambda inputs, workers: self._predict(inputs, top, workers=workers), some, workers
            )

    @renamed_arguments(batch="batch_size")
    def predict_proba(
        self,
        images: Images,
        *,
        batch_size: int = 64,
        workers: int = 0,
        on_batch: OnBatch | None = None,
    ) -> Floats:
        """Return the probabilities of all classes: (n, C) float32, in the order of `class_names`.

        Arguments and errors are those of `predict`.

        >>> lpt.load("runs/digits", device="cpu").predict_proba("7.png").shape
        (1, 10)
        """
        check_run(batch_size, workers, on_batch)
        split = as_split(iterate_inputs(images))
        if not len(split):
            return np.zeros((0, len(self.class_names)), dtype=np.float32)
        found = self.run(split, batch_size=batch_size, workers=workers, on_batch=on_batch)
        return self._probabilities(found).numpy()

    @renamed_arguments(batch="batch_size")
    def embed(
        self,
        images: Images,
        *,
        batch_size: int = 64,
        workers: int = 0,
        on_batch: OnBatch | None = None,
    ) -> Floats:
        """Return the features that the classifier sees: (n, D) float32.

        A feature is the class token after the final norm, with the prompts of the image in place.
        Arguments and errors are those of `predict`.

        >>> lpt.load("runs/digits", device="cpu").embed(np.zeros((2, 8, 8, 3))).shape
        (2, 192)
        """
        check_run(batch_size, workers, on_batch)
        split = as_split(iterate_inputs(images))
        features = [np.zeros((0, self.model.backbone.feature_width), dtype=np.float32)]

        def model(batch: Float[Tensor, "B 3 H H"]) -> Output:
            output = self.forward(batch)
            features.append(output.feature.float().cpu().numpy())
            return output

        if len(split):
            self.run(split, model=model, batch_size=batch_size, workers=workers, on_batch=on_batch)
        return np.concatenate(features)

    @renamed_arguments(batch="batch_size")
    def evaluate(
        self,
        split: Split,
        *,
        batch_size: int = 64,
        workers: int = 0,
        on_batch: OnBatch | None = None,
    ) -> Metrics:
        """Score a split whose labels are this task's class indices; `lpt.evaluate` opens data."""
        found = self.run(split, batch_size=batch_size, workers=workers, on_batch=on_batch)
        return evaluate(found, self.spec.class_counts, self.groups, self.spec.class_names)

    def forward(self, images: Float[Tensor, "B 3 H H"]) -> Output:
        """Run the model on transformed images, with the task's way of matching."""
        return self.model.predict(images, self.spec.early_margin(self.match))

    @renamed_arguments(batch="batch_size")
    def run(
        self,
        split: Split,
        *,
        batch_size: int = 64,
        workers: int = 0,
        transform: Transform | None = None,
        model: Callable[[Tensor], Output] | None = None,
        on_batch: OnBatch | None = None,
    ) -> Predictions:
        """Return cosines, labels and matched prompts of every image of a split, in its order.

        Args:
            transform: None for the task's own.
            model: (B, 3, H, H) images -> Output; None for `forward`.
        Raises: DataError for an empty split or an image that cannot be read.
        """
        check_split(split)
        check_run(batch_size, workers, on_batch)
        found = run_split(
            model or self.forward,
            split,
            transform or self.transform,
            device=next(self.model.parameters()).device,
            batch_size=batch_size,
            workers=workers,
            on_batch=on_batch,
        )
        return found if self.prior is None else adjust_predictions(self.spec, found, self.prior)

    def _probabilities(self, found: Predictions) -> Float[Tensor, "n C"]:
        return (torch.from_numpy(found.logits) / self.spec.temperature).softmax(1)

    def _predict(
        self,
        inputs: tuple[ImageInput, ...],
        top: int,
        batch_size: int = 64,
        workers: int = 0,
        on_batch: OnBatch | None = None,
    ) -> list[Prediction]:
        if not inputs:
            return []
        split = as_split(inputs)
        found = self.run(split, batch_size=batch_size, workers=workers, on_batch=on_batch)
        names, probabilities = [given.name for given in inputs], self._probabilities(found)
        return most_probable(names, probabilities, found.matched, self.class_names, index(top))
