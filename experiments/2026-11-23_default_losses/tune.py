"""Choose losses, samplers, learning rates and crops of the default recipe on held-out images.

    python experiments/2026-11-23_default_losses/tune.py tiny-imagenet-b OUT CELLS.txt [--threads N]
    python experiments/2026-11-23_default_losses/tune.py caltech101 OUT CELLS.txt [--threads N]

A tenth of the training images of classes with ten or more (another tenth per seed) is held out and
scored. The training images of tiny-imagenet-b are those of lists/lt100-small.csv. Test images and
images that the list leaves out are never opened.
CELLS.txt has one line per run: a name, "from" and the name of the run whose phase 1 it uses (or "-"
to train its own), and settings. OUT/cells.jsonl gets one line per finished run. Finished runs are
skipped, and CELLS.txt is read again after every run, so lines can be added meanwhile. Several
processes may share OUT.
"""

import argparse
import fcntl
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import torch
from lpt.training.reporting import PlainReporter
from lpt.training.result import Result
from lpt.training.runs import RunFolder
from lpt.training.session import Session
from lpt.training.workbench import Workbench

from lpt.machine.allocator import reuse_memory
from lpt.api import finish, prepare
from lpt.config import load_config, parse_settings

LIST = "lists/lt100-small.csv"
MEASURES = ("overall", "macro", "many", "medium", "few")
ALWAYS = {
    "data.val_fraction": 0.1,
    "data.test_fraction": 0,
    "phase1.epochs": 10,
    "phase2.epochs": 10,
}


def own_phase1(folder: Path, source: str, settings: dict[str, Any]) -> Result:
    begun = (folder / "config.yaml").is_file()
    session = prepare(
        None if begun else source,
        out=folder,
        settings=None if begun else settings,
        resume=begun,
        reporter=PlainReporter(),
    )
    return finish(session)[1]


def from_phase1(folder: Path, source: str, settings: dict[str, Any], base: Path) -> Result:
    run, first = RunFolder(folder), RunFolder(base).load_best("phase1-selected")
    begun = run.config_file.is_file()
    config = load_config().changed({"data.source": source, **settings})
    session = Session(Workbench(run.open() if begun else config, PlainReporter()), run)
    try:
        if begun:
            run.check_identity(session.identity())
        else:
            run.create(session.config, session.identity())
        session.take_phase1(first["shared.prompts"], first["classifier.weight"])
        return session.run()[1]
    finally:
        run.release()


def without_test(data: Path, out: Path) -> str:
    """Link the training images only, with the list if there is one; return the data source."""
    folder = out / "data"
    folder.mkdir(parents=True, exist_ok=True)
    for part in data.glob("train*.parquet"):
        link = folder / part.name
        if not link.exists():
            link.symlink_to(part.resolve())
    return str(shutil.copy(data / LIST, folder) if (data / LIST).is_file() else folder)


def line_of(name: str, result: Result, seconds: float, settings: dict[str, Any]) -> str:
    scores = {
        phase: {
            k: round(100 * (found["val"][k] or 0), 2) for k in ("overall", "many", "medium", "few")
        }
        for phase, found in result.metrics.items()
    }
    return json.dumps({"name": name, **scores, "seconds": round(seconds), "settings": settings})


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("cells", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    reuse_memory()
    source = without_test(options.data, options.out)
    done = options.out / "cells.jsonl"
    done.touch()
    while True:
        finished = {json.loads(x)["name"] for x in done.read_text().splitlines()}
        for line in options.cells.read_text().splitlines():
            name, _, base, *settings = line.split() if line.strip() else ("", "", "")
            if not name or name.startswith("#") or name in finished:
                continue
            if base != "-" and base not in finished:
                continue
            lock = (options.out / f"{name}.lock").open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            chosen = {**ALWAYS, **parse_settings(settings)}
            began, folder = time.monotonic(), options.out / "runs" / name
            if base == "-":
                result = own_phase1(folder, source, chosen)
            else:
                result = from_phase1(folder, source, chosen, options.out / "runs" / base)
            with done.open("a") as file:
                file.write(line_of(name, result, time.monotonic() - began, settings) + "\n")
            break
        else:
            return


if __name__ == "__main__":
    main(sys.argv[1:])
