"""YAML recipes."""

import random
from pathlib import Path
from typing import Any

import yaml
from tools.fuzz.mutations import damaged, damaged_json

from lpt.config import RunConfig, load_config

__all__ = ["Recipes"]

LINES = (
    *("a: &a [x, x, x]", "b: &b [*a, *a, *a]", "<<: *a", "recipe: paper", "recipe: mine.yaml"),
    *(
        "phase1: { epochs: 1 }",
        "phase1:",
        "? [1]",
        "!!set {a}",
        "--- ",
        "...",
        "- a",
        "seed: 1:2:3",
    ),
    *("[" * 5000, "{a: " * 3000, "- " * 9000, "seed: " + "9" * 5000, "seed: true", "token: secret"),
    *("phase1: {short_epochs: [[0, 1], [0, 2]]}", "image_size: true", "phase1: {eta: false}"),
    *("phase2: {loss: {name: agcl, options: {scale: true, gamma: .nan}}}",),
    *("seed: 0x" + "f" * 5000, "seed: 2020-01-01", "phase1: &p { epochs: *p }", "[" * 200, "\t"),
    *("seed: " + "9:" * 3000 + "1.5", "data: {source: !!binary aGk=}", "%YAML 9.9", "seed: .inf"),
)


class Recipes:
    """Configurations with other values, and damage to their text."""

    name = "recipes"

    def make(self, rng: random.Random, folder: Path) -> None:
        """Write mine.yaml."""
        tree: Any = RunConfig().model_dump(mode="json")
        if rng.random() < 0.8:
            tree = damaged_json(rng, tree)
        text = yaml.dump(tree, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
        lines = text.splitlines()
        for _ in range(rng.choice([0, 0, 1, 3])):
            lines.insert(rng.randrange(len(lines) + 1), rng.choice(LINES))
        data = "\n".join(lines).encode("utf-8", "surrogatepass")
        (folder / "mine.yaml").write_bytes(damaged(rng, data) if rng.random() < 0.3 else data)

    def load(self, folder: Path) -> None:
        """Load the recipe, and write it out again."""
        config = load_config(folder / "mine.yaml")
        copy = folder / "copy.yaml"
        copy.write_text(config.to_yaml(), encoding="utf-8")
        assert load_config(copy) == config, "the copy differs"
