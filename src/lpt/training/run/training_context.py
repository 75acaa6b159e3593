"""The training context that all methods share: data, transforms, loaders, device, evaluation.

Phases and baselines get the same images in the same order through the same transforms.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from lpt.backbones import FrozenViT
from lpt.config import RunConfig
from lpt.data.class_groups import ClassGroups
from lpt.data.images.transforms import Transform, eval_transform, train_transform
from lpt.data.loading import Draw, EvalBatches, ImageDataset, Loader, make_loader
from lpt.data.manifest import Manifest, Split
from lpt.data.sampling import sample_per_class, sample_some
from lpt.errors import DataError
from lpt.evaluation import Metrics, evaluate
from lpt.evaluation.inference import predict
from lpt.losses import check_loss
from lpt.machine.group.process_group import ALONE, ProcessGroup
from lpt.model.class_text import ClassText
from lpt.progress import Reporter
from lpt.records import Output, Predictions
from lpt.task.class_limits import check_class_names
from lpt.task_records import TaskEdit
from lpt.training.engine.stage import Inputs
from lpt.training.run.data_identity import labels_digest
from lpt.training.run.device_setup import default_workers, make_accelerator
from lpt.training.run.run_data import anchored_config, configured_backbone, open_configured
from lpt.training.run.run_state import RunState

__all__ = ["TrainingContext"]

EVAL_BATCH = 64
"""Images per batch in evaluation."""

Model = Callable[[Tensor], Output]


class TrainingContext:
    """Data and backbone of a run, ready for training.

    Args:
        config: settings of the run. Local data is recorded by its absolute path, so that the run
            can be resumed from any folder.
        reporter: receives progress and messages.
        device: "cpu" or None, which uses a GPU if there is one.
        backbone, data: already loaded; None loads those of the configuration.
        group: the processes that train together.

    Attributes:
        state: the current `RunState`; `update` replaces it.
        data: the opened data set.
        train_split: its training images; phase 2 adds those that `lpt.training.pseudo` labels.
        counts: (C,) int64 training images per class of the data.
        train_counts: (C,) int64 those of `train_split`.
        accelerator: device and precision.
        backbone: the frozen backbone, on the device.
        workers: number of loading processes.
        history: changes of the task that the run starts from; they become part of its own task.
        class_text: text features of the classes, once `lpt.training.phases.text_start` needs them.
    Raises: DataError if the data cannot be opened or has a single class; ConfigError for settings
        that do not fit; BackboneError if the backbone cannot be loaded.
    """

    def __init__(
        self,
        config: RunConfig,
        reporter: Reporter,
        *,
        device: str | None = None,
        backbone: FrozenViT | None = None,
        data: Manifest | None = None,
        group: ProcessGroup = ALONE,
    ) -> None:
        self.reporter, self.group = reporter, group
        for phase in (config.phase1, config.phase2):  # before anything slow is opened
            check_loss(phase.loss.name, phase.loss.options)
        if data is None:
            config = anchored_config(config)
            data = group.one_after_another(partial(open_configured, config, reporter=reporter))
        self.data = data
        if self.data.num_classes < 2:
            raise DataError(
                f"{config.data.source}: has only one class ('{self.data.class_names[0]}'). "
                "Provide at least two classes."
            )
        check_class_names(self.data.class_names, config.data.source)
        self.train_split = self.data.split("train")
        group.check_same(labels_digest(self.data), f"{config.data.source}: training images")
        self.counts = self.train_counts = torch.from_numpy(self.data.counts("train"))
        self.accelerator = make_accelerator(config.precision, device, group)
        name = None
        if backbone is None:
            backbone = group.one_after_another(partial(configured_backbone, config))
            name = backbone.spec.name
        self.state = RunState.resolved(config, train_images=len(self.train_split), backbone=name)
        self.backbone = backbone.to(self.accelerator.device)
        self.workers = default_workers(self.accelerator, config.data.workers)
        self.history: tuple[TaskEdit, ...] = ()
        self.class_text: ClassText | None = None

    @property
    def config(self) -> RunConfig:
        """The configuration of the current state."""
        return self.state.config

    @property
    def groups(self) -> ClassGroups:
        """Bounds of the shot groups of the current state."""
        return self.state.groups

    def update(self, config: RunConfig) -> None:
        """Replace the run state: the only way in which a run's configuration changes.

        It happens when a budget cuts the run, when cached views find no room, and when an
        interrupted run of a study is resumed.

        Args:
            config: the new configuration. Data, backbone and device stay as they were opened.
        """
        self.state = RunState(config)

    @property
    def arithmetic(self) -> dict[str, str]:
        """Type of device and precision of training, for records."""
        mixed = self.accelerator.mixed_precision == "bf16"
        return {"device": self.accelerator.device.type, "precision": "bf16" if mixed else "float32"}

    @property
    def resize(self) -> int:
        """Size in pixels to which images are resized before the centre crop in evaluation."""
        return round(self.backbone.spec.image_size * self.config.augment.resize_ratio)

    @property
    def train_transform(self) -> Transform:
        """Random resized crop and horizontal flip."""
        spec, augment = self.backbone.spec, self.config.augment
        return train_transform(
            spec.image_size,
            spec.mean,
            spec.std,
            scale=augment.crop_scale,
            flip=augment.flip,
            interpolation=spec.interpolation,
            square=augment.square_crops,
            growth=augment.crop_growth,
        )

    @property
    def eval_transform(self) -> Transform:
        """Resize by the configured rule, then centre crop."""
        return self.eval_transform_with()

    def eval_transform_with(
        self, border: int = 0, corruption: Callable[[Image.Image], Image.Image] | None = None
    ) -> Transform:
        """Return `eval_transform` with a border removed first, and a corruption after the crop."""
        spec = self.backbone.spec
        return eval_transform(
            spec.image_size,
            spec.mean,
            spec.std,
            resize=self.resize,
            rule=self.config.augment.resize_rule,
            interpolation=spec.interpolation,
            border=border,
            corruption=corruption,
        )

    @property
    def autocast(self) -> Callable[[], AbstractContextManager[object]]:
        """Factory of the precision context of a forward pass."""
        make: Callable[[], AbstractContextManager[object]] = self.accelerator.autocast
        return make

    def image_source(
        self, steps: Iterator[list[Draw]], workers: int | None = None
    ) -> Iterator[tuple[Inputs, Tensor]]:
        """Load augmented training images: the source of the loop without a view cache.

        Args:
            steps: the draws of each step.
            workers: number of loading processes; None for the context's.
        Returns: pairs of {"images": (B, 3, H, H)} and (B,) labels, one per step.
        """
        loader = make_loader(
            ImageDataset(self.train_split, self.train_transform),
            steps,
            workers=self.workers if workers is None else workers,
            start_method=self.config.data.start_method,
            pin_memory=self.accelerator.device.type == "cuda",
        )
        for batch in loader:
            yield {"images": batch.images}, batch.labels

    def whole_images(self, split: Split, transform: Transform | None = None) -> Loader:
        """Load a split in its own order, by `eval_transform` or another transform."""
        return make_loader(
            ImageDataset(split, transform or self.eval_transform),
            EvalBatches(len(split), EVAL_BATCH),
            workers=self.workers,
            start_method=self.config.data.start_method,
        )

    def predict(
        self,
        model: Model,
        split: Split,
        task: str = "",
        *,
        exact: bool = False,
        transform: Transform | None = None,
    ) -> Predictions:
        """Run a model over a split.

        Args:
            model: maps images (B, 3, H, H) to an Output.
            task: name of this work in progress reports; "" reports nothing.
            exact: compute in float32, as a loaded task does, instead of the training precision.
            transform: in place of `eval_transform`.
        """
        if task:
            self.reporter.begin(task, len(split), unit="images")
        predictions = predict(
            model,
            self.whole_images(split, transform),
            device=self.accelerator.device,
            autocast=nullcontext if exact else self.autocast,
            on_batch=self.reporter.advance if task else lambda _: None,
        )
        if task:
            self.reporter.end()
        return predictions

    def score(self, predictions: Predictions) -> Metrics:
        """Compute metrics with the counts, shot groups and class names of this data."""
        return evaluate(predictions, self.counts.numpy(), self.groups, self.data.class_names)

    def features(
        self, encode: Callable[[Tensor], Tensor], split: Split, task: str
    ) -> Float[Tensor, "n D"]:
        """Compute features of images transformed for evaluation, as float32 on the CPU.

        Args:
            encode: maps images (B, 3, H, H) to features (B, D).
            task: name of this work in progress reports.
        """
        self.reporter.begin(task, len(split), unit="images")
        rows = []
        with torch.inference_mode():
            for batch in self.whole_images(split):
                with self.autocast():
                    rows.append(encode(batch.images.to(self.accelerator.device)).float().cpu())
                self.reporter.advance(len(batch.labels))
        self.reporter.end()
        return torch.cat(rows)

    def some_of_each_class(self, most: int) -> Split:
        """Draw at most `most` training images of each class, by the run's seed."""
        chosen = sample_per_class(self.train_split.labels, most, self.config.seed)
        return self.train_split.take(chosen)

    @property
    def validation(self) -> Split | None:
        """Validation images of an epoch: all, or a fixed random `data.max_val_images` of them."""
        split = self.data.splits.get("val")
        if not split:
            return None
        most, seed = self.config.data.max_val_images, self.config.seed
        return split.take(sample_some(len(split), most, seed)) if len(split) > most else split

    @property
    def evaluation_splits(self) -> dict[str, Split]:
        """The splits "val" (`validation`) and "test", those that have images."""
        splits = {"val": self.validation, "test": self.data.splits.get("test")}
        return {name: split for name, split in splits.items() if split is not None and len(split)}
