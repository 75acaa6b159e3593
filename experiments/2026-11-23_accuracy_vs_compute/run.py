"""Accuracy against compute, and against the number of cached views.

    python experiments/2026-11-23_accuracy_vs_compute/run.py DATA OUT --threads 2
    python experiments/2026-11-23_accuracy_vs_compute/run.py DATA OUT --table

DATA is the folder of tiny-imagenet-b. Compute: every list, 2, 5 and 10 epochs per phase, default
recipe, all training images, last epoch. Views: V = 0 (fresh augmentation), 1, 2, 4 and 8 in
phase 2 only, from the phase 1 of the list's run with `--view-epochs`, so that nothing else differs.
OUT/cells.jsonl gets one line per finished run. Finished runs are skipped and a killed one resumes,
so repeat the command until it prints the table.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from lpt.training.reporting import PlainReporter
from lpt.training.result import Result
from lpt.training.runs import RunFolder
from lpt.training.session import Session
from lpt.training.workbench import Workbench

from lpt.api import finish, prepare
from lpt.config import RunConfig, load_config, parse_settings

MEASURES = ("overall", "many", "medium", "few")


@dataclass(frozen=True)
class Cell:
    """One run; with `views` None it trains phase 1 too and uses the recipe's number of views."""

    list: str
    seed: int
    epochs: int
    views: int | None = None

    @property
    def name(self) -> str:
        views = "" if self.views is None else f"-views{self.views}"
        return f"{self.list}-seed{self.seed}-epochs{self.epochs}{views}"


def cells(options: argparse.Namespace) -> Iterator[Cell]:
    for seed in range(options.seeds):
        for name in options.lists:
            for epochs in sorted({*options.epochs, options.view_epochs}):
                yield Cell(name, seed, epochs)
            for views in options.views:
                yield Cell(name, seed, options.view_epochs, views)


def settings_of(cell: Cell, options: argparse.Namespace) -> dict[str, Any]:
    own = {
        "data.val_fraction": 0,
        "phase1.epochs": cell.epochs,
        "phase2.epochs": cell.epochs,
        "seed": cell.seed,
        **parse_settings(options.set),
    }
    return own if cell.views is None else {**own, "phase2.cached_views": cell.views}


def both_phases(cell: Cell, source: str, options: argparse.Namespace) -> tuple[RunConfig, Result]:
    folder = options.out / "runs" / cell.name
    begun = (folder / "config.yaml").is_file()
    settings = None if begun else settings_of(cell, options)
    session = prepare(
        None if begun else source,
        out=folder,
        settings=settings,
        resume=begun,
        device=options.device,
        reporter=PlainReporter(),
    )
    return session.config, finish(session)[1]


def phase2_alone(cell: Cell, source: str, options: argparse.Namespace) -> tuple[RunConfig, Result]:
    """Train phase 2 from the final phase 1 of the run without a given number of views."""
    base = RunFolder(options.out / "runs" / Cell(cell.list, cell.seed, cell.epochs).name)
    folder = RunFolder(options.out / "runs" / cell.name)
    begun = folder.config_file.is_file()
    config = load_config().changed({"data.source": source, **settings_of(cell, options)})
    bench = Workbench(folder.open() if begun else config, PlainReporter(), device=options.device)
    session = Session(bench, folder)
    try:
        if begun:
            folder.check_identity(session.identity())
        else:
            folder.create(session.config, session.identity())
        first = base.load_best("phase1-selected")
        session.take_phase1(first["shared.prompts"], first["classifier.weight"])
        return session.config, session.run()[1]
    finally:
        folder.release()


def measure(cell: Cell, options: argparse.Namespace) -> dict[str, Any]:
    source = f"{options.data}:list=lists/{cell.list}.csv"
    began = time.monotonic()
    train = both_phases if cell.views is None else phase2_alone
    config, result = train(cell, source, options)
    return {
        **asdict(cell),
        "cached_views": config.phase2.cached_views,
        "batch": config.phase2.batch,
        "metrics": {phase: found["test"] for phase, found in result.metrics.items()},
        "phase_seconds": dict(result.phase_seconds),
        "seconds": time.monotonic() - began,
        "threads": torch.get_num_threads(),
        "set": options.set,
    }


def table(lines: list[dict[str, Any]]) -> str:
    """Format test accuracy in percent and minutes: means over seeds, range of overall."""
    rows = [
        f"{'list':<14}{'epochs':>7}{'views':>7}{'phase':>7}{'seeds':>7}{'minutes':>9}"
        + "".join(f"{name:>9}" for name in MEASURES)
        + f"{'range':>13}"
    ]
    order = sorted(
        {(x["list"], x["views"] is not None, x["epochs"], x["cached_views"]) for x in lines}
    )
    for key in order:
        same = [
            x
            for x in lines
            if (x["list"], x["views"] is not None, x["epochs"], x["cached_views"]) == key
        ]
        for phase in ("phase2",) if key[1] else ("phase1", "phase2"):
            minutes = [x["phase_seconds"].get(phase, 0.0) / 60 for x in same]
            found = {m: [100 * (x["metrics"][phase][m] or 0.0) for x in same] for m in MEASURES}
            rows.append(
                f"{key[0]:<14}{key[2]:>7}{key[3]:>7}{phase[-1]:>7}{len(same):>7}"
                f"{statistics.mean(minutes):>9.1f}"
                + "".join(f"{statistics.mean(found[m]):>9.1f}" for m in MEASURES)
                + f"{min(found['overall']):>8.1f}..{max(found['overall']):.1f}"
            )
    return "\n".join(rows)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--lists", nargs="+", default=["lt100-small"])
    parser.add_argument("--epochs", nargs="+", type=int, default=[2, 5, 10])
    parser.add_argument("--views", nargs="*", type=int, default=[0, 1, 2, 4, 8])
    parser.add_argument("--view-epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--table", action="store_true", help="print finished runs only")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "cells.jsonl"
    lines = [json.loads(x) for x in file.read_text().splitlines()] if file.is_file() else []
    known = {Cell(*(x[k] for k in ("list", "seed", "epochs", "views"))) for x in lines}
    for cell in () if options.table else cells(options):
        if cell not in known:
            lines.append(measure(cell, options))
            with file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(lines[-1]) + "\n")
    print(table(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
