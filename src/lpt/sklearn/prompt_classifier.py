"""Long-tailed prompt tuning as a classifier of scikit-learn."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from lpt.api.train_request import TrainRequest
from lpt.api.train_task import choose_reporter
from lpt.errors import TaskFileError
from lpt.files.atomic_files import write_bytes
from lpt.files.regular_files import read_regular
from lpt.sklearn.fit_in_memory import TASK_NAME, fit_in_memory, task_from_bytes
from lpt.sklearn.given_samples import (
    SampleError,
    as_samples,
    is_rows,
    rows_as_images,
    samples_as_inputs,
)
from lpt.task import Task
from lpt.task.inference.image_inputs import ImageInput
from lpt.task_file import LIMITS

__all__ = ["LongTailedPromptClassifier"]

Floats = npt.NDArray[np.float32]


class LongTailedPromptClassifier(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]  # scikit-learn has no types
    ClassifierMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Prompt tuning of a frozen ViT for long-tailed data, with the interface of scikit-learn.

    X is a list of paths, PIL images or arrays of pixels in any mixture, an array (n, H, W, 3) or
    (n, H, W), a column of a data frame, or rows of pixels (n, features) as in
    `sklearn.datasets.load_digits`. Training is that of `lpt.train`: the same recipes, settings and
    seeds. A share of the training images of each class with ten images or more (0.1; the setting
    `data.val_fraction`) is held out of training to calibrate `predict_proba`.

    A fitted classifier is pickled as its task file, which is validated when it is loaded; the
    backbone is not part of it. Unpickling any file runs code: to exchange models, use `save` and
    `from_task_file`.

    Args:
        backbone: a name that `lpt backbones` lists, or a local file; None takes the recipe's.
        budget: time limit of `fit`: seconds, or text such as "20m"; None for none.
        recipe: "default", "adapters", "paper", "released", or the path of a YAML file.
        settings: dotted settings that replace the recipe's, such as {"phase1.epochs": 5}.
        image_shape: (H, W) or (H, W, 3) of images that are given as rows of pixels. None takes
            squares where the number of pixels is a square number, and otherwise strips of height 1.
        batch_size: images per forward pass in prediction.
        device: "cpu", "cuda", "mps"; None takes a CUDA GPU if there is one.
        random_state: seed; None takes the recipe's (0), so that fits can be repeated.
        verbose: show the progress of `fit`.

    Attributes:
        classes_: (C,) the labels, sorted.
        n_features_in_: number of columns; only for rows of pixels.
        feature_names_in_: names of the columns; only for data frames of pixels.
        pixel_range_: the values that became black and white; only for rows of pixels.
        task_: the trained `lpt.Task`.

    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> quick = {"phase1.epochs": 0, "phase2.epochs": 0}  # class means only: a second
    >>> model = LongTailedPromptClassifier(settings=quick, device="cpu").fit(X[:200], y[:200])
    >>> model.predict_proba(X[:3]).shape, bool(model.score(X[200:300], y[200:300]) > 0.3)
    ((3, 10), True)
    """

    def __init__(
        self,
        *,
        backbone: str | os.PathLike[str] | None = None,
        budget: str | float | None = None,
        recipe: str | os.PathLike[str] = "default",
        settings: Mapping[str, Any] | None = None,
        image_shape: tuple[int, ...] | None = None,
        batch_size: int = 64,
        device: str | None = None,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.backbone = backbone
        self.budget = budget
        self.recipe = recipe
        self.settings = settings
        self.image_shape = image_shape
        self.batch_size = batch_size
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Train on images and their labels.

        Args:
            X: n images.
            y: (n,) labels of any type that can be sorted; two classes or more.
        Raises: LptError for images, settings or a backbone that cannot be used. Those about X and
            y are also ValueErrors.
        """
        inputs, labels = self._training_images(X, y)
        self.classes_, indices = np.unique(labels, return_inverse=True)
        names = tuple(map(str, self.classes_.tolist()))
        if len(names) < 2:
            raise SampleError(
                f"`y`: has only one class, {names[0]!r}. Give labels of two classes or more."
            )
        request = TrainRequest(
            backbone=self.backbone,
            recipe=self.recipe,
            settings=self.settings,
            seed=self._seed(),
            budget=self.budget,
            device=self.device,
        )
        reporter = choose_reporter(self.verbose)
        task, content = fit_in_memory(inputs, indices.astype(np.int64), names, request, reporter)
        self._task, self._content = task, content
        self._order = np.arange(len(names))  # column of each class in the task
        self._backbone: str | os.PathLike[str] | None = request.config.backbone
        self._n_features_out = task.model.backbone.feature_width
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the most probable label of each image: (n,)."""
        probabilities = self.predict_proba(X)
        found: npt.NDArray[Any] = self.classes_[probabilities.argmax(1)]
        return found

    def predict_proba(self, X: Any) -> Floats:
        """Return the calibrated probabilities of all classes: (n, C), in the order of `classes_`.

        Raises: sklearn.exceptions.NotFittedError before `fit`; LptError naming an image that
            cannot be read.
        """
        check_is_fitted(self)
        found = self.task_.predict_proba(self._contents(X), batch_size=self.batch_size)
        return found[:, self._order]

    def transform(self, X: Any) -> Floats:
        """Return the features that the classifier sees: (n, D), as `lpt.Task.embed`."""
        check_is_fitted(self)
        return self.task_.embed(self._contents(X), batch_size=self.batch_size)

    @property
    def task_(self) -> Task:
        """The trained task; after unpickling, loaded on first use."""
        check_is_fitted(self)
        if self._task is None:
            self._task = task_from_bytes(self._content, self._backbone, self.device)
        return self._task

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the task file (safetensors), which `lpt.load` and every command read.

        Labels become text there.
        """
        check_is_fitted(self)
        write_bytes(Path(path), self._content)

    @classmethod
    def from_task_file(cls, path: str | os.PathLike[str], **parameters: Any) -> Self:
        """Return a fitted classifier from a task file or a run folder.

        Args:
            path: the file, validated as `lpt.load` does.
            parameters: of the classifier. `backbone` is needed where `lpt.load` needs it.
        Raises: LptError as `lpt.load`. The labels are the class names, as text.
        """
        file = Path(path) / TASK_NAME if Path(path).is_dir() else Path(path)
        model = cls(**parameters)
        model._content = read_regular(file, LIMITS.file_bytes, error=TaskFileError)
        model._backbone = model.backbone
        model._task = task_from_bytes(model._content, model.backbone, model.device)
        names = np.array(model._task.class_names)
        model._order = np.argsort(names, kind="stable")
        model.classes_ = names[model._order]
        model._n_features_out = model._task.model.backbone.feature_width
        return model

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "_task" in state:
            state["_task"] = None  # it is read again from its bytes
        return state

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_content")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = ["float32"]  # features are float32 for any X
        return tags

    def _training_images(self, X: Any, y: Any) -> tuple[tuple[ImageInput, ...], npt.NDArray[Any]]:
        if y is None:
            raise SampleError("`y`: requires y to be passed, but the target y is None.")
        for name in ("n_features_in_", "feature_names_in_", "pixel_range_"):
            if hasattr(self, name):  # of an earlier fit
                delattr(self, name)
        X = as_samples(X)
        if is_rows(X):
            rows, labels = validate_data(self, X, y, multi_output=False)
            self.pixel_range_ = float(rows.min()), float(rows.max())
            inputs = rows_as_images(rows, self.image_shape, self.pixel_range_)
        else:
            inputs, labels = samples_as_inputs(X), column_or_1d(y, warn=True)
        check_classification_targets(labels)
        if len(inputs) != len(labels):
            raise SampleError(f"`y`: {len(labels)} labels for {len(inputs)} images.")
        return inputs, labels

    def _contents(self, X: Any) -> list[Any]:
        """The images of X in the forms that a task takes."""
        X = as_samples(X)
        if hasattr(self, "n_features_in_"):
            rows = validate_data(self, X, reset=False)
            inputs = rows_as_images(rows, self.image_shape, self.pixel_range_)
        elif is_rows(X):
            raise SampleError(
                "`X`: rows of numbers given, but `fit` was given images. Give images, or fit rows."
            )
        else:
            inputs = samples_as_inputs(X)
        return [one.content for one in inputs]

    def _seed(self) -> int | None:
        if self.random_state is None or isinstance(self.random_state, int | np.integer):
            return None if self.random_state is None else int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31))
