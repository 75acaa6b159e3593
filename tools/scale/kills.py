"""Kill a random process of a run at random moments, resume, and compare the weights.

    python -m tools.scale.kills OUT.csv --kills 20 --processes 2

A run on the bundled digits is trained without a break first. Each further run of the same settings
is killed once (SIGKILL to one process), resumed, and compared tensor by tensor. Moments are drawn
over the time in which the first run trains, so both phases are hit.
"""

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from safetensors.torch import load_file

__all__ = ["Kill", "children_of", "kill_once", "main", "same_tensors", "train_whole"]

SETTINGS = {
    "phase1.epochs": 2,
    "phase2.epochs": 2,
    "phase1.epoch_images": 160,
    "phase2.epoch_images": 160,
    "checkpoint_seconds": 1,
    "augment.mixup": 0.2,
    "classifier.dropout": 0.1,
}
ENDS_WITHIN = 60.0
"""Seconds in which all processes have to end."""


@dataclass(frozen=True)
class Kill:
    """One killed run.

    Attributes:
        number: counted from 1.
        rank: the process that was killed.
        moment: seconds after the run folder appeared.
        phase, epoch: of the last line of metrics at that moment; "" and 0 before the first epoch.
        seconds: until all processes had ended.
        code: exit code.
        named: whether the message names the process.
        equal: whether all tensors of the resumed run are those of the unbroken one, bit for bit.
    """

    number: int
    rank: int
    moment: float
    phase: str
    epoch: int
    seconds: float
    code: int
    named: bool
    equal: bool


def command(run: Path, processes: int, settings: Sequence[str], *, resume: bool) -> list[str]:
    """Return the command that trains or resumes."""
    new = ["digits", *(f"--set={one}" for one in settings)]
    given = ["--out", str(run), "--device", "cpu", "--processes", str(processes), "--threads", "1"]
    return [
        *(sys.executable, "-m", "lpt", "train"),
        *(["--resume"] if resume else new),
        *given,
        "--quiet",
    ]


def train_whole(run: Path, processes: int, settings: Sequence[str]) -> float:
    """Train without a break; return the seconds from the run folder to the end."""
    started = subprocess.Popen(
        command(run, processes, settings, resume=False), stdout=subprocess.DEVNULL
    )
    _wait_for(run / "config.yaml", started)
    began = time.monotonic()
    if started.wait():
        raise RuntimeError("the unbroken run failed")
    return time.monotonic() - began


def kill_once(
    number: int, run: Path, whole: Path, processes: int, settings: Sequence[str], moment: float
) -> Kill | None:
    """Train, kill a random process at a moment, resume and compare.

    Returns: None if the run had ended before.
    """
    started = subprocess.Popen(
        command(run, processes, settings, resume=False),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_for(run / "config.yaml", started)
    time.sleep(moment)
    ranks = children_of(started.pid)
    if len(ranks) < processes or (run / "task.safetensors").exists():
        started.communicate()
        return None
    rank = random.Random(number).randrange(processes)
    phase, epoch = _progress(run)
    os.kill(ranks[rank], signal.SIGKILL)
    began = time.monotonic()
    _, errors = started.communicate(timeout=2 * ENDS_WITHIN)
    seconds = time.monotonic() - began
    subprocess.run(
        command(run, processes, settings, resume=True), stdout=subprocess.DEVNULL, check=True
    )
    return Kill(
        number,
        rank,
        round(moment, 2),
        phase,
        epoch,
        round(seconds, 2),
        started.returncode,
        f"process {rank} of 0 to {processes - 1} was killed" in errors,
        same_tensors(run, whole),
    )


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started, in that order."""
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return sorted(int(word) for word in found.stdout.split())


def same_tensors(run: Path, whole: Path) -> bool:
    """Whether the tensors of two runs are equal, bit for bit."""
    for name in ("task.safetensors", "checkpoints/last.safetensors"):
        one, other = load_file(run / name), load_file(whole / name)
        if one.keys() != other.keys():
            return False
        if not all(torch.equal(one[key], other[key]) for key in one):
            return False
    return True


def _progress(run: Path) -> tuple[str, int]:
    metrics = run / "metrics.jsonl"
    lines = metrics.read_text(encoding="utf-8").splitlines() if metrics.is_file() else []
    last = json.loads(lines[-1]) if lines else {"stage": "", "epoch": -1}
    return last["stage"], last["epoch"] + 1


def _wait_for(file: Path, started: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> None:
    while not file.is_file():
        if started.poll() is not None:
            raise RuntimeError(f"the run ended before {file.name} was written")
        time.sleep(0.02)


def main() -> None:
    """Kill as often as asked for, and write a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    settings = [f"{name}={value}" for name, value in SETTINGS.items()]
    moments = random.Random(given.seed)
    done: list[Kill] = []
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        duration = train_whole(whole, given.processes, settings)
        for attempt in range(10 * given.kills):
            if len(done) == given.kills:
                break
            run, moment = Path(folder) / f"run-{attempt}", moments.uniform(0, duration)
            number = len(done) + 1
            found = kill_once(number, run, whole, given.processes, settings, moment)
            if found is None:
                continue
            done.append(found)
            with given.out.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, [field.name for field in fields(Kill)])
                writer.writeheader()
                writer.writerows(map(asdict, done))
            print(found, flush=True)
    right = sum(kill.equal and kill.named and kill.seconds < ENDS_WITHIN for kill in done)
    print(f"{right} of {len(done)} as they should be")
    if right < given.kills:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
