"""The bench that every method works on: data, transforms, loaders, device, evaluation.

Phases and rivals see the same images in the same order through the same transforms.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from lpt.backbones import FrozenViT, load_backbone
from lpt.config import RunConfig
from lpt.data.class_groups import ClassGroups
from lpt.data.images.transforms import Transform, eval_transform, train_transform
from lpt.data.loading import Draw, EvalBatches, ImageDataset, Loader, make_loader
from lpt.data.manifest import Manifest, Split
from lpt.errors import DataError
from lpt.evaluation import Metrics, evaluate
from lpt.evaluation.inference import predict
from lpt.progress import Reporter
from lpt.random_streams import Stream, random_stream
from lpt.records import Output, Predictions
from lpt.training.engine.stage import Inputs
from lpt.training.run.environment import default_workers, make_accelerator
from lpt.training.run.run_data import anchored_config, open_configured

__all__ = ["TrainingContext", "first_of_each_class"]

EVAL_BATCH = 64

Model = Callable[[Tensor], Output]


class TrainingContext:
    """Data and backbone of a run, ready to be trained on.

    Args:
        config: `data`, `augment`, `backbone`, `image_size`, `precision` and `seed` are read. What
            is opened by it is kept by a name that holds in every folder.
        reporter: told of progress.
        device: "cpu" keeps off a GPU; None takes what there is.
        backbone, data: loaded already, or None to load the configuration's.
    """

    def __init__(
        self,
        config: RunConfig,
        reporter: Reporter,
        *,
        device: str | None = None,
        backbone: FrozenViT | None = None,
        data: Manifest | None = None,
    ) -> None:
        self.reporter = reporter
        if data is None:
            config = anchored_config(config)
            data = open_configured(config, reporter=reporter)
        self.data = data
        if self.data.num_classes < 2:
            raise DataError(
                f"{config.data.source}: one class only ('{self.data.class_names[0]}'). "
                "A classifier needs two or more."
            )
        self.train_split = self.data.split("train")
        self.config = config.resolved(len(self.train_split))
        self.counts = torch.from_numpy(np.asarray(self.data.counts("train"), dtype=np.int64))
        self.groups = ClassGroups(config.data.many_above, config.data.few_below)
        self.accelerator = make_accelerator(config.precision, device)
        if backbone is None:
            backbone = load_backbone(
                config.backbone, image_size=config.image_size, layer_norm_eps=config.layer_norm_eps
            )
            self.config = self.config.changed({"backbone": backbone.spec.name})
        self.backbone = backbone.to(self.accelerator.device)
        self.workers = default_workers(self.accelerator, config.data.workers)

    @property
    def arithmetic(self) -> dict[str, str]:
        """Device and precision of training."""
        mixed = self.accelerator.mixed_precision == "bf16"
        return {"device": self.accelerator.device.type, "precision": "bf16" if mixed else "float32"}

    @property
    def resize(self) -> int:
        """Pixels that whole images are resized to before the centre crop."""
        return round(self.backbone.spec.image_size * self.config.augment.resize_ratio)

    @property
    def train_transform(self) -> Transform:
        """Random resized crop and flip."""
        spec, augment = self.backbone.spec, self.config.augment
        return train_transform(
            spec.image_size,
            spec.mean,
            spec.std,
            scale=augment.crop_scale,
            flip=augment.flip,
            interpolation=spec.interpolation,
        )

    @property
    def eval_transform(self) -> Transform:
        """Resize by the configured rule, centre crop."""
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
        """Makes the precision context of a forward pass."""
        make: Callable[[], AbstractContextManager[object]] = self.accelerator.autocast
        return make

    def image_source(
        self, steps: Iterator[list[Draw]], workers: int | None = None
    ) -> Iterator[tuple[Inputs, Tensor]]:
        """Load augmented training images: the loop's source without a cache."""
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
        """A split in order, by `eval_transform` or another one."""
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
        """Run a model over a split; shown as progress if the piece of work has a name.

        Args:
            exact: in float32 whatever the precision of training, as a loaded task predicts.
            transform: in place of `eval_transform`.
        """
        if task:
            self.reporter.begin(task, len(split), unit="images")
        found = predict(
            model,
            self.whole_images(split, transform),
            device=self.accelerator.device,
            autocast=nullcontext if exact else self.autocast,
            on_batch=self.reporter.advance if task else _quiet,
        )
        if task:
            self.reporter.end()
        return found

    def score(self, predictions: Predictions) -> Metrics:
        """Metrics with this data's counts, groups and names."""
        return evaluate(predictions, self.counts.numpy(), self.groups, self.data.class_names)

    def validate(self, model: Model) -> Mapping[str, float | None] | None:
        """Summary on the validation images of an epoch; None if there are none."""
        split = self.validation
        return None if split is None else self.score(self.predict(model, split)).summary()

    def features(
        self, encode: Callable[[Tensor], Tensor], split: Split, task: str
    ) -> Float[Tensor, "n D"]:
        """Features of whole images, float32, on the CPU."""
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
        """At most `most` training images of each class, drawn by the seed."""
        chosen = first_of_each_class(self.train_split.labels, most, self.config.seed)
        return self.train_split.take(chosen)

    @property
    def validation(self) -> Split | None:
        """Validation images of an epoch: all, or a fixed draw of `data.max_val_images`."""
        split = self.data.splits.get("val")
        if split is None or not len(split):
            return None
        most = self.config.data.max_val_images
        if len(split) <= most:
            return split
        chosen = random_stream(self.config.seed, Stream.VALIDATION_SUBSET).permutation(len(split))[
            :most
        ]
        return split.take(np.sort(chosen))


def first_of_each_class(
    labels: npt.NDArray[np.int64], most: int, seed: int
) -> npt.NDArray[np.int64]:
    """At most `most` images of each class, drawn at random: sorted indices into `labels`."""
    order = random_stream(seed, Stream.CLASS_MEAN_IMAGES).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    of_class = labels[by_class]
    rank = np.arange(len(labels)) - np.searchsorted(of_class, of_class, side="left")
    return np.sort(by_class[rank < most])


def _quiet(_: int) -> None:
    return None
