"""The arguments of a training run, in one record."""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from lpt.api.early_names import check_backbone_name, check_bad_images, check_listed
from lpt.api.early_text import check_text
from lpt.arguments import at_least, path_text
from lpt.config import RunConfig, load_config
from lpt.config.ranges import LARGEST_SEED
from lpt.data.sources.data_string import parse_spec
from lpt.data.sources.read_source import check_exists
from lpt.errors import ParameterError
from lpt.escape import described
from lpt.files.atomic_files import check_writable
from lpt.logs import check_log
from lpt.machine.device_name import check_device_name
from lpt.training.duration_text import parse_budget

__all__ = ["TrainRequest"]

PathLike = str | os.PathLike[str]

LONGEST_BUDGET = 1e9
"""Seconds."""

_PATHS = (
    "data",
    "backbone",
    "out",
    "recipe",
    "bad_images",
    "corrections",
    "unlabelled",
    "init_from",
    "templates",
    "class_names",
)
_OWN_CONFIGURATION = (
    "backbone",
    "recipe",
    "settings",
    "seed",
    "budget",
    "group_by",
    "bad_images",
    "corrections",
    "unlabelled",
    "init_from",
    "class_init",
    "templates",
    "class_names",
)
"""Parameters that decide the configuration, which a resumed run has already."""


@dataclass(frozen=True)
class TrainRequest:
    """The arguments of a training run, as `lpt.train` documents them.

    Raises: ParameterError naming an argument of the wrong type or out of range.

    >>> TrainRequest("photos", budget="20m").budget_seconds
    1200.0
    >>> TrainRequest("photos", resume=True, out="runs/birds", seed=1).check_resume()
    Traceback (most recent call last):
    ...
    lpt.errors.ParameterError: resume: seed would change the run, which keeps its configuration.
    Leave it out, or start a new run with another folder as out.
    """

    data: PathLike | None = None
    backbone: PathLike | None = None
    out: PathLike | None = None
    recipe: PathLike = "default"
    settings: Mapping[str, Any] | None = None
    seed: int | None = None
    budget: str | float | None = None
    group_by: str | None = None
    bad_images: PathLike | None = None
    corrections: PathLike | None = None
    unlabelled: PathLike | None = None
    init_from: PathLike | None = None
    class_init: str | None = None
    templates: PathLike | None = None
    class_names: PathLike | None = None
    resume: bool = False
    device: Any = None  # str or torch.device
    log: str | None = None
    began: float = field(default_factory=time.monotonic, compare=False, repr=False)

    def __post_init__(self) -> None:
        for name in _PATHS:
            value = getattr(self, name)
            if value is not None:
                path_text(name, value)
        self._check("settings", Mapping, "a dict of dotted settings, such as {'phase1.epochs': 5}")
        self._check("group_by", str, "the name of a column")
        self._check("class_init", str, "probe, class-means, text or uniform")
        self._check("log", str, "the name of a log, such as 'tensorboard'")
        self._check("budget", str | int | float, "seconds, or a time such as '20m'")
        self._check("device", _device_types(), "a name such as 'cpu', or a torch.device")
        if self.seed is not None:
            at_least("seed", self.seed, 0, LARGEST_SEED)
        _ = self.budget_seconds

    def _check(self, name: str, kind: Any, wanted: str) -> None:
        value = getattr(self, name)
        if value is not None and not isinstance(value, kind):
            raise ParameterError(f"`{name}`: {type(value).__name__} given. Give {wanted}.")

    @property
    def budget_seconds(self) -> float | None:
        """The budget in seconds; None without one."""
        if self.budget is None or isinstance(self.budget, str):
            return None if self.budget is None else parse_budget(self.budget)
        if isinstance(self.budget, bool) or not 0 < self.budget < LONGEST_BUDGET:
            raise ParameterError(
                f"`budget` {described(self.budget)}: give seconds above 0, or such as '20m'."
            )
        return float(self.budget)

    @property
    def changes(self) -> dict[str, Any]:
        """Dotted settings that change the recipe; parameters take precedence over `settings`."""
        named = {
            "data.source": self.data,
            "backbone": self.backbone,
            "data.group_by": self.group_by,
            "data.bad_images": self.bad_images,
            "data.corrections": self.corrections,
            "data.unlabelled": self.unlabelled,
            "classifier.init": self.class_init,
            "text.templates": self.templates,
            "text.class_names": self.class_names,
        }
        changes = {
            **self._of_start,
            **(self.settings or {}),
            **{k: str(v) for k, v in named.items() if v is not None},
        }
        return changes if self.seed is None else {**changes, "seed": self.seed.__index__()}

    @property
    def _of_start(self) -> dict[str, Any]:
        """Settings that a run takes from the task that it starts from."""
        if self.init_from is None:
            return {}
        from lpt.training.phases.start_settings import start_settings

        return start_settings(self.init_from, backbone_given=self.backbone is not None)

    @property
    def run_path(self) -> Path | None:
        """The run folder that was asked for."""
        return None if self.out is None else Path(self.out)

    @property
    def device_name(self) -> str | None:
        """The device as text."""
        return None if self.device is None else str(self.device)

    @property
    def config(self) -> RunConfig:
        """The configuration of a new run: the recipe, with the changes.

        Raises: ConfigError for an unknown recipe or setting, or a value out of range.
        """
        config = load_config(os.fspath(self.recipe)).changed(self.changes)
        check_text(config, init_from=self.init_from is not None)
        return config

    def check(self) -> None:
        """Check what needs no torch: settings, names, log, paths, arguments of a resumed run.

        Raises: LptError naming the argument, its value and a remedy.
        """
        check_log(self.log)
        if self.device is not None:
            check_device_name(self.device_name or "")
        if self.resume:
            self.check_resume()
        else:
            config = self.config
            check_backbone_name(config.backbone)
            check_bad_images(config.data.bad_images)
            check_listed("corrections", config.data.corrections)
            check_listed("unlabelled", config.data.unlabelled)
            check_listed("class_names", config.text.class_names)
            if self.run_path is not None:
                check_writable(self.run_path)
        if self.data is not None:
            check_exists(parse_spec(os.fspath(self.data)))

    def check_resume(self) -> None:
        """Refuse arguments that a resumed run would ignore.

        Raises: ParameterError naming them.
        """
        usual = {one.name: one.default for one in fields(self)}
        given = [
            f"`{name}`"
            for name in _OWN_CONFIGURATION
            if getattr(self, name) not in (usual[name], {})
        ]
        if given:
            raise ParameterError(
                f"`resume`: {', '.join(given)} would change the run, "
                "which keeps its configuration.",
                f"Leave {'it' if len(given) == 1 else 'them'} out, or start a new run with "
                "another folder as `out`.",
            )
        if self.out is None:
            raise ParameterError("`resume`: needs `out`, the run folder, such as runs/birds.")


def _device_types() -> Any:
    """Types of a device. Nobody can give a `torch.device` before torch is imported."""
    torch = sys.modules.get("torch")
    return str if torch is None else str | torch.device
