"""Trainings of every baseline in one small context, each done once."""

from functools import cache
from pathlib import Path
from typing import Any

from lpt.baselines import BaselineSettings, TrainedBaseline, baseline_settings, train_baseline
from lpt.data.manifest import Manifest
from lpt.training.run.training_context import TrainingContext

from ..tiny import backbone_of, write_backbone, write_photos
from .tiny import Recorder, context

PROMPTS = 2
POOL = 4

OPTIONS: dict[str, dict[str, Any]] = {
    "full": {"layer_decay": 0.75},
    "vpt-shallow": {"prompt_length": PROMPTS},
    "vpt-deep": {"prompt_length": PROMPTS},
    "adapter": {"bottleneck": 4},
    "lift": {"bottleneck": 4},
    "ride": {"bottleneck": 4, "expert_bottleneck": 4},
    "lora": {"rank": 2},
    "pro-tuning": {"channels": 4, "kernel": 3},
    "lpt-adapter": {"bottleneck": 4},
    "paco": {"contrast_width": 8, "queue": 12},
}
"""Small."""


class Trainings:
    """Trains baselines in one context; `train` does it once for the same arguments."""

    def __init__(self, root: Path, data: Manifest | None = None) -> None:
        self.backbone = backbone_of(write_backbone(root / "vit.safetensors"))
        self.data = data
        self.context = self.new_context(Recorder())
        self.other = str(write_photos(root / "other", {"cow": 6, "hen": 4}))
        self.train = cache(self._train)

    def new_context(self, reporter: Recorder, **settings: Any) -> TrainingContext:
        small = {"prompts__length": PROMPTS, "prompts__pool_size": POOL, **settings}
        own = context(self.backbone, self.data, **small)
        own.reporter = reporter
        return own

    def settings(self, name: str, **changes: Any) -> BaselineSettings:
        own = {"other": self.other} if name == "multitask" else OPTIONS.get(name, {})
        options = {**own, **changes.pop("options", {})}
        return baseline_settings(name, **{"batch_size": 8, "options": options, **changes})

    def _train(self, name: str, again: int = 0, **changes: Any) -> TrainedBaseline:
        return train_baseline(name, self.context, self.settings(name, **changes))
