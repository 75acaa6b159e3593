"""Linear probe: a cosine classifier on features of the plain, frozen backbone."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.classifier import CosineClassifier, class_means
from lpt.config import OptimConfig
from lpt.losses import build_loss
from lpt.records import Output
from lpt.training.cache import ViewCache, build_cache
from lpt.training.checkpoint import Checkpoint
from lpt.training.loop import Loop, fit
from lpt.training.plan import EpochPlan
from lpt.training.stages import Branch, Inputs, Stage, branches_of
from lpt.training.workbench import Workbench

__all__ = ["LinearProbe", "ProbeSettings", "train_linear_probe"]


class LinearProbe(Stage):
    """Only the classifier learns; the feature needs no gradient and can be cached.

    Source: the baseline of LPT (ICLR 2023), table 1. Departure: a cosine classifier, the same that
    the prompts get, so that the two differ in the prompts alone.
    """

    name = "linear-probe"

    def __init__(
        self, backbone: FrozenViT, classifier: CosineClassifier, branches: Sequence[Branch]
    ) -> None:
        super().__init__()
        self.backbone, self.classifier, self.branches, self.mixup = (
            backbone,
            classifier,
            branches,
            0,
        )

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """The classifier."""
        return {"classifier": [self.classifier.weight]}

    def frozen(self, images: Float[Tensor, "B 3 H H"]) -> Inputs:
        """The plain backbone's class token."""
        return {"feature": self.backbone(images)}

    def output(self, inputs: Inputs) -> Output:
        """The classifier."""
        feature = inputs["feature"]
        return Output(self.classifier(feature), feature, feature)


@dataclass(frozen=True)
class ProbeSettings:
    """How a probe is trained; `views` V > 0 computes features of V fixed views an image once."""

    epochs: int = 20
    batch: int = 64
    rate: float = 0.003
    sampler: str = "balanced"
    loss: str = "ce"
    init: str = "class-means"
    views: int = 4
    loss_options: Mapping[str, Any] | None = None


def train_linear_probe(bench: Workbench, settings: ProbeSettings | None = None) -> LinearProbe:
    """Train a probe on a bench's training images and return it."""
    settings = settings or ProbeSettings()
    torch.manual_seed(bench.config.seed)
    classifier = CosineClassifier(bench.data.num_classes, bench.backbone.width)
    if settings.init == "class-means":
        split = bench.some_of_each_class(bench.config.classifier.init_images_per_class)
        features = bench.features(bench.backbone, split, "class means")
        labels = torch.from_numpy(split.labels)
        classifier.start_from(class_means(features, labels, bench.data.num_classes))
    loss = build_loss(settings.loss, bench.counts, **(settings.loss_options or {}))
    branches = branches_of(settings.sampler, loss, loss)
    probe = LinearProbe(bench.backbone, classifier, branches).to(bench.accelerator.device)
    plan = EpochPlan.of(
        branches,
        labels=bench.train_split.labels,
        batch=settings.batch,
        epochs=settings.epochs,
        seed=bench.config.seed,
        stage=0,
        views=settings.views,
    )
    with tempfile.TemporaryDirectory() as folder:
        cache = _features_of_views(bench, probe, plan, Path(folder)) if settings.views else None
        loop = Loop(
            bench.accelerator,
            cache or bench.image_source,
            _NoStore(),
            dict,
            lambda _: None,
            bench.reporter,
        )
        fit(loop, probe, plan, OptimConfig(rate=settings.rate))
    return probe


def _features_of_views(
    bench: Workbench, probe: LinearProbe, plan: EpochPlan, folder: Path
) -> ViewCache | None:
    return build_cache(
        folder,
        probe,
        plan,
        bench.image_source,
        {"backbone": bench.backbone.spec.sha256},
        bench.reporter,
        device=bench.accelerator.device,
        autocast=bench.autocast,
    )


class _NoStore:
    """Keeps nothing: a probe is trained again in seconds."""

    def save(self, checkpoint: Checkpoint) -> None:
        """Ignore."""

    def save_best(self, stage: str, learned: Mapping[str, Tensor]) -> None:
        """Ignore."""

    def log(self, record: Mapping[str, Any]) -> None:
        """Ignore."""
