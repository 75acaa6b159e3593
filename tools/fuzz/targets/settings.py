"""Settings by dotted name, as text and as values, and those of baselines and losses."""

import json
import random
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from tools.fuzz.mutations import TEXTS, any_value

from lpt.baselines import baseline_names, baseline_settings
from lpt.config import RunConfig, parse_settings
from lpt.losses import loss_names
from lpt.losses.named_losses import check_loss

__all__ = ["Settings"]


def _names(model: type[BaseModel], prefix: str = "") -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        found.append(prefix + name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += _names(field.annotation, f"{prefix}{name}.")
    return found


class Settings:
    """Any values for known and unknown names."""

    name = "settings"

    def make(self, rng: random.Random, folder: Path) -> None:
        """Write the settings as JSON."""
        known = _names(RunConfig)
        names = [rng.choice(known) for _ in range(rng.choice([1, 1, 2, 3]))]
        if rng.random() < 0.1:
            names.append(rng.choice(TEXTS) + rng.choice(["", ".", ".x"]))
        case: dict[str, Any] = {
            "kind": rng.choice(["values", "texts", "baseline", "loss"]),
            "settings": {name: any_value(rng) for name in names},
            "baseline": rng.choice(baseline_names()),
            "field": rng.choice(
                ["lr", "epochs", "batch_size", "options", "dropout", "loss_options"]
            ),
            "loss": rng.choice(loss_names()),
            "option": rng.choice(["scale", "gamma", "tau", "margin", "preset", "beta", "x"]),
        }
        (folder / "settings.json").write_text(json.dumps(case))

    def load(self, folder: Path) -> None:
        """Apply the settings."""
        case = json.loads((folder / "settings.json").read_text())
        value = next(iter(case["settings"].values()))
        if case["kind"] == "values":
            changed = RunConfig().changed(case["settings"])
            assert RunConfig.model_validate(changed.model_dump()) == changed, "not stable"
        elif case["kind"] == "texts":
            texts = [f"{name}={value}" for name, value in case["settings"].items()]
            RunConfig().changed(parse_settings(texts)).to_yaml()
        elif case["kind"] == "baseline":
            baseline_settings(case["baseline"], **{case["field"]: value})
        else:
            check_loss(case["loss"], {case["option"]: value})
