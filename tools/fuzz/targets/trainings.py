"""Whole runs with extreme numbers in their settings: a second or more each."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from tools.fuzz.mutations import NUMBERS
from tools.fuzz.samples import SETTINGS, backbone_file, run_folder

import lpt
from lpt.config import RunConfig
from lpt.errors import ConfigError

__all__ = ["Trainings"]

LONG = ("epochs", "batch_size", "image_size", "workers", "cached_views")
"""Settings whose large values only take long."""


def _numbers(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Yield every numeric setting and the bounds that its type states."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _numbers(kind, f"{prefix}{name}.")
        elif kind in (int, float) or {int, float} & set(get_args(kind)):
            bounds = [getattr(m, b, None) for m in field.metadata for b in ("ge", "le", "gt", "lt")]
            yield f"{prefix}{name}", [bound for bound in bounds if bound is not None]


class Trainings:
    """A run in which one or two numbers are at an edge."""

    name = "trainings"
    slow_seconds = 30.0

    def make(self, rng: random.Random, folder: Path) -> None:
        """Write settings as JSON; only numbers that are accepted are used."""
        known = dict(_numbers(RunConfig))
        settings: dict[str, Any] = {}
        while not settings:
            for name in rng.sample(sorted(known), rng.choice([1, 1, 2])):
                value = rng.choice([*NUMBERS, *known[name] * 5])
                if name.rpartition(".")[2] in LONG and value > 4:
                    continue
                try:
                    RunConfig().changed({**settings, name: value})
                except ConfigError:
                    continue
                settings[name] = value
        (folder / "settings.json").write_text(json.dumps(settings))

    def load(self, folder: Path) -> None:
        """Train, load and predict."""
        settings = json.loads((folder / "settings.json").read_text())
        photos = run_folder().parent / "photos"
        own = {**SETTINGS, "backbone": str(backbone_file()), **settings}
        task = lpt.train(photos, out=folder / "run", settings=own, device="cpu")
        (prediction,) = task.predict([photos / "ant" / "0.png"])
        assert all(0 <= p <= 1 for p in prediction.probabilities), "a probability is not finite"
