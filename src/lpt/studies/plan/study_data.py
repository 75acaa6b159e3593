"""The data of a study, its shifted test sets, and the training contexts of its runs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from lpt.backbones import load_backbone
from lpt.config import RunConfig
from lpt.data.images.corruptions import CORRUPTIONS, Corruption
from lpt.data.manifest import Manifest, Split
from lpt.data.sources.shifted_sets import ShiftedSet, open_shifted
from lpt.machine.devices import choose_device
from lpt.progress import Reporter
from lpt.training.run.data_identity import data_identity
from lpt.training.run.device_setup import uses_bf16
from lpt.training.run.run_data import open_configured
from lpt.training.run.training_context import TrainingContext

__all__ = ["SELECTION_SHARE", "BackboneFacts", "Part", "Shifted", "StudyData"]

Part = Literal["selection", "final"]
"""Learning rates are selected on the first; results are measured on the second."""

SELECTION_SHARE = 0.1
"""Share of the training images of classes with 10 or more that learning rates are selected on."""

SEVERITY = 3
"""Severity of the corruptions that replace shifted test sets where none is named."""


@dataclass(frozen=True)
class BackboneFacts:
    """SHA-256 of a backbone's weights, and its number of blocks L."""

    sha256: str
    depth: int


@dataclass(frozen=True)
class Shifted:
    """A test set of another source, or the data's own test images under a corruption."""

    images: ShiftedSet
    corruption: Corruption | None = None


class StudyData:
    """Data of a study, opened once.

    Images are held out by seed 0 whatever the seed of a run: all runs of a part are trained on the
    same images and scored on the same images, so that they can be compared image by image.

    Args:
        config: only `data` is read.
        reporter: shows progress.
        device: "cpu" avoids the GPU; None uses a GPU if there is one.
        shifted: other test sets by name, in the form that
            `lpt.data.sources.shifted_sets.open_shifted` accepts.
        corrupted: whether the test images are also scored under corruptions.
        other: second data set, for multi-task training.
    Raises: DataError naming what cannot be opened.
    """

    def __init__(
        self,
        config: RunConfig,
        reporter: Reporter,
        *,
        device: str | None = None,
        shifted: Mapping[str, str] | None = None,
        corrupted: bool = False,
        other: str | None = None,
    ) -> None:
        self.config = config.changed({"seed": 0, "data.val_fraction": 0.0})
        self.reporter, self.device = reporter, device
        self.data = open_configured(self.config, reporter=reporter)
        self.test = self.data.split("test")
        self.shifted = tuple(
            Shifted(found)
            for name, source in (shifted or {}).items()
            for found in open_shifted(name, source, self.data.class_names)
        )
        if corrupted:
            self.shifted += tuple(self._corrupted(kind) for kind in CORRUPTIONS)
        self.other: Manifest | None = None
        if other is not None:
            changed = self.config.changed({"data.source": other})
            self.other = open_configured(changed, reporter=reporter)
        self._backbones: dict[tuple[str, int | None], BackboneFacts] = {}
        self._identities: dict[Part, dict[str, Any]] = {}

    @cached_property
    def _with_selection(self) -> Manifest:
        config = self.config.changed({"data.val_fraction": SELECTION_SHARE})
        return open_configured(config, reporter=self.reporter)

    @property
    def can_select(self) -> bool:
        """Whether there are selection images; there are none if all classes have under 10."""
        return "val" in self._with_selection.splits

    def trained(self, part: Part) -> Manifest:
        """Return the training images of a part and no others: scored images are never trained."""
        data = self.data if part == "final" else self._with_selection
        return replace(data, splits={"train": data.split("train")})

    def scored(self, part: Part) -> Split:
        """Return the test images, or for selection the data's own validation images.

        Without validation images, `SELECTION_SHARE` of the training images replaces them.
        """
        return self.test if part == "final" else self._with_selection.split("val")

    def identity(self, part: Part) -> dict[str, Any]:
        """Return the class names and hashes of training and scored images, wherever they lie."""
        if part not in self._identities:
            own = data_identity(self.trained(part))
            self._identities[part] = {**own, "scored images": self._hash(self.scored(part))}
        return self._identities[part]

    @cached_property
    def other_identity(self) -> dict[str, Any] | None:
        """Class names and hash of the training images of the second data set."""
        return None if self.other is None else data_identity(self.other)

    @cached_property
    def shifted_identity(self) -> dict[str, str]:
        """Hash of the images of each shifted set; a corruption is identified by its name."""
        return {one.images.name: self._hash(one.images.split) for one in self.shifted}

    def backbone_facts(self, config: RunConfig) -> BackboneFacts:
        """Return hash and depth of a configuration's backbone."""
        key = (config.backbone, config.image_size)
        if key not in self._backbones:
            spec = load_backbone(config.backbone, image_size=config.image_size).spec
            self._backbones[key] = BackboneFacts(spec.sha256, spec.depth)
        return self._backbones[key]

    def precision(self, config: RunConfig) -> Literal["bf16", "float32"]:
        """Return the precision that is used for training: "auto" depends on the device.

        Raises: ConfigError if bf16 is asked for and the device has no instructions for it.
        """
        return "bf16" if uses_bf16(config.precision, choose_device(self.device)) else "float32"

    def context(self, config: RunConfig, part: Part, reporter: Reporter) -> TrainingContext:
        """Return a training context with its own backbone: runs cannot affect each other."""
        return TrainingContext(config, reporter, device=self.device, data=self.trained(part))

    def _hash(self, split: Split) -> str:
        alone = Manifest(self.data.name, self.data.class_names, {"train": split})
        return str(data_identity(alone)["training images"])

    def _corrupted(self, kind: str) -> "Shifted":
        names = self.data.class_names
        members = tuple((label,) for label in range(len(names)))
        name = f"{kind}-{SEVERITY}"
        return Shifted(ShiftedSet(name, self.test, names, members), Corruption(kind, SEVERITY))
