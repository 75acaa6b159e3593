"""Further JSON files that commands read again: logs, caches, budgets, lists of classes."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.fuzz.mutations import damaged, damaged_text

from lpt.analysis.analysis_results import read_analysis
from lpt.cli.predictions.partial_file import PartialFile
from lpt.files.made_here import is_marked
from lpt.logs.log_sink import RunFacts
from lpt.progress import SilentReporter
from lpt.training.engine.view_files import ViewFiles, ViewLayout
from lpt.training.run.run_records import read_environment

__all__ = ["RunFiles"]

LAYOUT = {"tokens": ViewLayout((2,), "float32")}
ARGUMENTS = {"top": 3, "threshold": None}
SOUND: dict[str, Any] = {
    "logs.json": {"mlflow": "5", "wandb": "x"},
    "origin.json": {"marks": ["0" * 64]},
    "cache.json": {"fingerprint": {"seed": 1}, "rows": 3},
    "out.csv.partial.json": {
        "arguments": ARGUMENTS,
        "images": 2,
        "bad": 0,
        "bytes": 5,
        "paths": "0" * 64,
    },
    "environment.json": {"command": ["lpt"], "versions": {"lpt": "1"}},
    "analysis.json": {"version": 1, "classes": []},
}
READERS: dict[str, Callable[[Path], object]] = {
    "logs.json": lambda folder: RunFacts(folder, {}).recorded_id("other"),
    "origin.json": lambda folder: is_marked(folder, "data", "x"),
    "cache.json": lambda folder: ViewFiles(folder, LAYOUT).open({"seed": 1}, SilentReporter()),
    "out.csv.partial.json": lambda folder: PartialFile(folder / "out.csv", ARGUMENTS).__exit__(),
    "environment.json": lambda folder: read_environment(folder / "environment.json"),
    "analysis.json": read_analysis,
}


class RunFiles:
    """One such file with damage, or something that is not a file in its place."""

    name = "run-files"

    def make(self, rng: random.Random, folder: Path) -> None:
        """Write the file, and those that belong to it."""
        name = rng.choice(list(SOUND))
        (folder / "tokens.bin").write_bytes(bytes(rng.choice([0, 7, 24, 100])))
        (folder / "out.csv.partial").write_bytes(bytes(rng.choice([0, 5, 100])))
        path = folder / name
        action = rng.random()
        if action < 0.05:
            os.mkfifo(path)
        elif action < 0.1:
            path.symlink_to(rng.choice(["/dev/zero", "none", "/etc/passwd", "."]))
        elif action < 0.15:
            path.mkdir()
        elif action < 0.3:
            path.write_bytes(damaged(rng, json.dumps(SOUND[name]).encode()))
        else:
            path.write_text(damaged_text(rng, SOUND[name]))

    def load(self, folder: Path) -> None:
        """Read the file as commands do."""
        for name, read in READERS.items():
            if os.path.lexists(folder / name):
                read(folder)
