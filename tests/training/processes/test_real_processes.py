"""`lpt train --processes` with real processes over gloo."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from lpt.backbones import FrozenViT

from ...tiny import SETTINGS, config, metrics_of, tensors_of, train

VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


def command(photos: Path, vit: Path, out: Path, *more: str) -> list[str]:
    settings = [f"--set={name}={value}" for name, value in SETTINGS.items()]
    given = ["train", str(photos), "--backbone", str(vit), "--out", str(out), *settings]
    return [sys.executable, "-m", "lpt", *given, "--device", "cpu", "--processes", "2", *more]


def environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in VARIABLES}


@pytest.fixture(scope="module")
def run(photos: Path, vit: Path, tmp_path_factory: pytest.TempPathFactory):
    """A run in two processes, and what it has printed."""
    folder = tmp_path_factory.mktemp("real") / "run"
    done = subprocess.run(
        command(photos, vit, folder), capture_output=True, text=True, env=environment(), timeout=600
    )
    return folder, done


def test_two_processes_end_with_the_weights_of_one(
    run, photos: Path, backbone: FrozenViT, tmp_path: Path
):
    folder, done = run
    assert done.returncode == 0, done.stderr
    train(config(photos), tmp_path / "run", backbone)
    tensors, others = tensors_of(folder), tensors_of(tmp_path / "run")
    assert tensors.keys() == others.keys()
    for name, value in tensors.items():
        assert torch.allclose(value, others[name], rtol=1e-4, atol=1e-5), name


def test_one_process_prints(run):
    _, done = run
    assert done.stdout.count("task file") == 1
    assert done.stderr.count("epoch 1/2") == 2  # once per phase
    assert "processes 2" in done.stderr
    assert "Warning" not in done.stderr


def test_an_error_is_printed_once(run, photos: Path, vit: Path):
    folder, _ = run
    done = subprocess.run(
        command(photos, vit, folder), capture_output=True, text=True, env=environment(), timeout=600
    )
    assert done.returncode == 2
    assert done.stderr.count("exists and is not empty") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_process_that_is_killed_ends_all_and_the_run_resumes(
    photos: Path, vit: Path, tmp_path: Path
):
    settings = ("--set=phase1.epochs=30", "--set=phase2.epochs=0")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run(command(photos, vit, whole, *settings), env=environment(), check=True)
    started = subprocess.Popen(
        command(photos, vit, broken, *settings),
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = broken / "metrics.jsonl"
    while not metrics.is_file() or len(metrics.read_text().splitlines()) < 5:
        assert started.poll() is None
        time.sleep(0.05)
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(started.pid)], capture_output=True, text=True, check=True
    )
    killed = int(children.stdout.split()[1])
    began = time.monotonic()
    os.kill(killed, signal.SIGKILL)
    _, errors = started.communicate(timeout=120)
    assert time.monotonic() - began < 60
    assert started.returncode == 2
    assert "process 1 of 0 to 1 was killed (SIGKILL)" in errors
    resume = [sys.executable, "-m", "lpt", "train", "--out", str(broken), "--resume"]
    subprocess.run([*resume, "--device", "cpu", "--processes", "2"], env=environment(), check=True)
    assert metrics_of(broken) == metrics_of(whole)
    tensors, others = tensors_of(broken), tensors_of(whole)
    assert [name for name in tensors if not torch.equal(tensors[name], others[name])] == []


@pytest.mark.slow
def test_accelerate_starts_processes_that_train_together(photos: Path, vit: Path, tmp_path: Path):
    whole = command(photos, vit, tmp_path / "run", "--set=phase2.epochs=0")
    arguments = whole[whole.index("lpt") :]
    place = arguments.index("--processes")
    del arguments[place : place + 2]
    launch = (
        *(sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--multi_gpu"),
        *("--num_processes", "2", "--num_machines", "1", "--main_process_port", "0"),
        *("--mixed_precision", "no", "--dynamo_backend", "no", "-m"),
    )
    done = subprocess.run(
        [*launch, *arguments], capture_output=True, text=True, env=environment(), timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "processes 2, 2 of them on this machine" in done.stderr
    assert done.stdout.count("task file") == 1
