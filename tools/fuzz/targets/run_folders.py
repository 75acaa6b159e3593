"""The JSON and YAML files of run folders."""

import json
import os
import random
import shutil
from pathlib import Path

import yaml
from tools.fuzz.mutations import damaged, damaged_json, damaged_text
from tools.fuzz.samples import run_folder

import lpt
from lpt.errors import LptError
from lpt.task.run_result import read_result
from lpt.training.run.run_data import data_of_run
from lpt.training.run.run_folder import RunFolder, read_metrics

__all__ = ["Resumes", "RunFolders"]

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
            file.write_text(
                yaml.dump(
                    damaged_json(rng, yaml.load(text, yaml.CSafeLoader)), Dumper=yaml.CSafeDumper
                )
            )

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


NAMES = (
    *(
        "random:vit_gigantic_patch14_224",
        "hf-hub:a/b",
        "/dev/zero",
        "/etc/passwd",
        "digits",
        "PIPE",
    ),
    *(
        "vit_base_patch16_224",
        "x.safetensors",
        "digits:test=/etc",
        "hf:a/b",
        "cifar10-lt",
        "",
        "\0",
    ),
    *(
        "vit_tiny_patch16_224@/etc/hostname",
        "random:random:x",
        "x" * 5000,
        "~nobody/x",
        "PIPE:list=x",
    ),
)


class Resumes:
    """A run folder from elsewhere, whose config.yaml and checkpoint want things of this machine."""

    name = "resumes"

    def make(self, rng: random.Random, folder: Path) -> None:
        """Write a run folder without marks, or with marks of another key."""
        run = folder / "run"
        shutil.copytree(run_folder(), run)
        os.mkfifo(folder / "pipe")
        tree = yaml.load((run / "config.yaml").read_text(), yaml.CSafeLoader)
        for section, key in (
            (tree, "backbone"),
            (tree["data"], "source"),
            (tree["data"], "bad_images"),
        ):
            if rng.random() < 0.5:
                section[key] = rng.choice(NAMES).replace("PIPE", str(folder / "pipe"))
        if rng.random() < 0.3:
            epochs = [[rng.choice([0, 0, 1, -1, 10**6]), rng.choice([1, True, 10**9])]]
            tree[rng.choice(["phase1", "phase2"])]["short_epochs"] = epochs * rng.choice(
                [1, 2, 2, 3, 3, 5, 9, 3000]
            )
        (run / "config.yaml").write_text(yaml.dump(tree, Dumper=yaml.CSafeDumper))
        last = run / "checkpoints" / "last.safetensors"
        action = rng.randrange(4)
        if action < 3:
            last.unlink()
        if action == 1:
            os.mkfifo(last)
        elif action == 2:
            last.symlink_to(rng.choice(["/dev/zero", "best-phase1.safetensors", "none"]))
        origin = {"marks": [f"{rng.getrandbits(256):064x}" for _ in range(rng.choice([0, 3, 100]))]}
        (run / "origin.json").write_text(damaged_text(rng, origin))

    def load(self, folder: Path) -> None:
        """Resume the run and open its data; nothing may be computed, as nothing is trusted."""
        run = folder / "run"
        refused: list[LptError] = []
        for follow in (
            lambda: lpt.train(out=run, resume=True, device="cpu"),
            lambda: data_of_run(run, ("ant", "bee")),
        ):
            try:
                follow()
            except LptError as error:
                refused.append(error)
        if refused:
            raise refused[0]
