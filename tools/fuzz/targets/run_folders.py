"""The JSON and YAML files of run folders."""

import json
import random
import shutil
from pathlib import Path

import yaml
from tools.fuzz.mutations import damaged, damaged_json, damaged_text
from tools.fuzz.samples import run_folder

from lpt.task.run_result import read_result
from lpt.training.run.run_folder import RunFolder, read_metrics

__all__ = ["RunFolders"]

FILES = ("results.json", "identity.json", "environment.json", "metrics.jsonl", "config.yaml")


class RunFolders:
    """A finished run with damage to one of its files."""

    name = "run-folders"

    def make(self, rng: random.Random, folder: Path) -> None:
        """Write a run folder."""
        run = folder / "run"
        shutil.copytree(run_folder(), run, ignore=shutil.ignore_patterns("*.safetensors"))
        file = run / rng.choice(FILES)
        text = file.read_text()
        if rng.random() < 0.2:
            file.write_bytes(damaged(rng, text.encode()))
        elif file.suffix == ".json":
            file.write_text(damaged_text(rng, json.loads(text)))
        elif file.suffix == ".jsonl":
            lines = text.splitlines()
            at = rng.randrange(len(lines))
            lines[at] = damaged_text(rng, json.loads(lines[at]))
            file.write_text("\n".join(lines))
        else:
            file.write_text(yaml.safe_dump(damaged_json(rng, yaml.safe_load(text))))

    def load(self, folder: Path) -> None:
        """Read the folder as resuming and reporting do."""
        path = folder / "run"
        read_result(path)
        read_metrics(path)
        run = RunFolder(path)
        try:
            run.open()
            run.check_identity(json.loads((run_folder() / "identity.json").read_text()))
        finally:
            run.release()
