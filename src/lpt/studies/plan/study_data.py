"""What every cell of a study works on: the data in two parts, backbones, benches."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from lpt.backbones import load_backbone
from lpt.config import RunConfig
from lpt.data.images.corruptions import CORRUPTIONS, Corruption
from lpt.data.manifest import Manifest, Split
from lpt.data.sources.shifted_sets import ShiftedSet, open_shifted
from lpt.progress import Reporter
from lpt.training.run.data_identity import data_identity
from lpt.training.run.run_data import open_configured
from lpt.training.run.training_context import TrainingContext

__all__ = ["BackboneFacts", "Material", "Part", "Shifted"]

Part = Literal["selection", "final"]
"""Learning rates are chosen on the one, results are of the other."""

CARVED = 0.1
"""Share of the training images of classes with 10 images or more that selection is scored on."""

SEVERITY = 3
"""Of the corruptions that stand in where no shifted test set is named."""


@dataclass(frozen=True)
class BackboneFacts:
    """What planning needs of a backbone: hash of its weights, and L."""

    sha256: str
    depth: int


@dataclass(frozen=True)
class Shifted:
    """A test set of another source, or the own test images under a corruption."""

    images: ShiftedSet
    corruption: Corruption | None = None


class Material:
    """Data of a study, opened once, and the backbones that its cells load.

    Images are set aside by seed 0 whatever the seed of a cell: all cells of a part see the same
    training images and are scored on the same images, so that they can be compared pairwise.

    Args:
        config: `data` is read; the rest is each cell's own.
        reporter: told of progress.
        device: "cpu" keeps off a GPU; None takes what there is.
        shifted: other test sets by name, as `lpt.data.sources.shifted_sets.open_shifted` reads
            them.
        corrupted: whether the own test images are scored under corruptions too.
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
        self._facts: dict[tuple[str, int | None], BackboneFacts] = {}
        self._identities: dict[Part, dict[str, Any]] = {}

    @cached_property
    def _carved(self) -> Manifest:
        config = self.config.changed({"data.val_fraction": CARVED})
        return open_configured(config, reporter=self.reporter)

    @property
    def can_select(self) -> bool:
        """Whether there are images to choose rates on: no class may have 10 training images."""
        return "val" in self._carved.splits

    def trained(self, part: Part) -> Manifest:
        """The training images of a part, without any others: no training sees what is scored."""
        data = self.data if part == "final" else self._carved
        return replace(data, splits={"train": data.split("train")})

    def scored(self, part: Part) -> Split:
        """Test images; for selection images that the data itself sets aside for validation, or
        else `CARVED` of training."""
        return self.test if part == "final" else self._carved.split("val")

    def identity(self, part: Part) -> dict[str, Any]:
        """Classes, and hashes of training and scored images, wherever the data lies."""
        if part not in self._identities:
            own = data_identity(self.trained(part))
            self._identities[part] = {**own, "scored images": self._hash(self.scored(part))}
        return self._identities[part]

    @cached_property
    def other_identity(self) -> dict[str, Any] | None:
        """Classes and hash of the training images of the second data set."""
        return None if self.other is None else data_identity(self.other)

    @cached_property
    def shifted_identity(self) -> dict[str, str]:
        """Hash of the images of each shifted set; a corruption is told by its name."""
        return {one.images.name: self._hash(one.images.split) for one in self.shifted}

    def facts(self, config: RunConfig) -> BackboneFacts:
        """Hash and depth of a configuration's backbone."""
        key = (config.backbone, config.image_size)
        if key not in self._facts:
            spec = load_backbone(config.backbone, image_size=config.image_size).spec
            self._facts[key] = BackboneFacts(spec.sha256, spec.depth)
        return self._facts[key]

    def context(self, config: RunConfig, part: Part, reporter: Reporter) -> TrainingContext:
        """A bench with a backbone of its own, so that no cell can leave anything to the next."""
        return TrainingContext(config, reporter, device=self.device, data=self.trained(part))

    def _hash(self, split: Split) -> str:
        alone = Manifest(self.data.name, self.data.class_names, {"train": split})
        return str(data_identity(alone)["training images"])

    def _corrupted(self, kind: str) -> "Shifted":
        names = self.data.class_names
        members = tuple((label,) for label in range(len(names)))
        name = f"{kind}-{SEVERITY}"
        return Shifted(ShiftedSet(name, self.test, names, members), Corruption(kind, SEVERITY))
