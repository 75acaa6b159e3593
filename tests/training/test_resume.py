"""A run that is interrupted at any moment, any number of times, ends with the same bits."""

import itertools
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lpt import api
from lpt.backbones import FrozenViT
from lpt.config import load_config
from lpt.errors import RunError
from lpt.files.atomic_files import UNFINISHED
from lpt.task_file import TaskSpec, read_spec
from lpt.training.engine.checkpoint import Checkpoint, Position
from lpt.training.engine.sampling_plan import EpochPlan
from lpt.training.engine.stage import Stage
from lpt.training.engine.view_cache import NoRoomError, ViewCache, build_cache
from lpt.training.run import phase_cache
from lpt.training.run.run_folder import RunFolder

from ..tiny import (
    SETTINGS,
    Killed,
    backbone_of,
    config,
    metrics_of,
    opened,
    tensors_of,
    train,
    write_backbone,
)

Files = tuple[dict[str, torch.Tensor], list[dict], TaskSpec]


@pytest.fixture(scope="module")
def whole(photos: Path, backbone: FrozenViT, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The files of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train(config(photos), folder, backbone)
    return files_of(folder)


def files_of(folder: Path) -> Files:
    return tensors_of(folder), metrics_of(folder), read_spec(folder / "task.safetensors")


def assert_same(folder: Path, whole: Files) -> None:
    tensors, metrics, spec = files_of(folder)
    assert tensors.keys() == whole[0].keys()
    assert [name for name in tensors if not torch.equal(tensors[name], whole[0][name])] == []
    assert metrics == whole[1]
    assert spec == whole[2]


def dying(patch: pytest.MonkeyPatch, writes: int, *, finished: bool) -> list[str]:
    """Let the program die at its n-th write, before or after the file is in place.

    Returns: the names of the files written, filled as they are.
    """
    replace = Path.replace
    written: list[str] = []

    def counted(self: Path, target: Path) -> Path:
        written.append(target.name)
        if len(written) == writes and not finished:
            raise Killed
        moved = replace(self, target)
        if len(written) == writes:
            raise Killed
        return moved

    patch.setattr(Path, "replace", counted)
    return written


def dying_behind(patch: pytest.MonkeyPatch, name: str) -> None:
    """Let the program die as soon as a file of this name is in place."""
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        moved = replace(self, target)
        if target.name == name:
            raise Killed
        return moved

    patch.setattr(Path, "replace", watched)


@pytest.mark.slow
@pytest.mark.parametrize("finished", [True, False])
def test_dying_around_any_write_changes_nothing(
    finished: bool,
    photos: Path,
    backbone: FrozenViT,
    tmp_path: Path,
    whole: Files,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between best weights, metrics, checkpoint, selected weights, task and results."""
    folder, died_at = tmp_path / "run", set()
    for writes in itertools.cycle((5, 1, 2, 3, 4)):
        with monkeypatch.context() as patch:
            written = dying(patch, writes, finished=finished)
            try:
                train(config(photos), folder, backbone)
                break
            except Killed:
                died_at.add(written[-1])
    assert_same(folder, whole)
    assert died_at >= {"last.safetensors", "metrics.jsonl", "best-phase1.safetensors"}
    assert len(died_at) >= 5, died_at


def test_an_unfinished_file_of_a_killed_process_is_removed(
    photos: Path, backbone: FrozenViT, tmp_path: Path, whole: Files
) -> None:
    folder = tmp_path / "run"
    with opened(config(photos), folder, backbone):
        pass
    (folder / "checkpoints").mkdir()
    leftovers = [folder / name for name in (f".a.b{UNFINISHED}", f"checkpoints/.c{UNFINISHED}")]
    for path in leftovers:
        path.write_bytes(b"half")
    train(config(photos), folder, backbone)
    assert not any(path.exists() for path in leftovers)
    assert_same(folder, whole)


@pytest.mark.slow
def test_a_run_on_cached_views_dies_and_ends_the_same(
    photos: Path, backbone: FrozenViT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while views are computed; the cache is removed at the end."""
    cached = config(photos, augment__mixup=0, phase2__cached_views=2)
    train(cached, tmp_path / "whole" / "run", backbone)
    folder = tmp_path / "run"
    deaths = ("cache.json", "cache.json", "last.safetensors", "task.safetensors")
    for name in deaths:  # the cache's mark is written when it is begun, and again when it is full
        with monkeypatch.context() as patch:
            dying_behind(patch, name)
            with pytest.raises(Killed):
                train(cached, folder, backbone)
    train(cached, folder, backbone)
    assert_same(folder, files_of(tmp_path / "whole" / "run"))
    assert not (folder / "cache").exists()


@pytest.mark.parametrize("average", [0.0, 0.5])
def test_a_run_with_adapters_on_cached_views_dies_in_both_phases_and_ends_the_same(
    average: float,
    photos: Path,
    backbone: FrozenViT,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adapted = config(
        photos,
        adapters__width=2,
        adapters__train_scale=True,
        augment__mixup=0,
        phase1__epochs=2,
        phase1__optim__average=average,
        phase2__epochs=1,
        phase2__optim__average=average,
        phase2__cached_views=2,
    )
    train(adapted, tmp_path / "whole" / "run", backbone)
    folder = tmp_path / "run"
    for name in (
        "last.safetensors",
        "metrics.jsonl",
        "best-phase1-selected.safetensors",
        "cache.json",
    ):
        with monkeypatch.context() as patch:
            dying_behind(patch, name)
            with pytest.raises(Killed):
                train(adapted, folder, backbone)
    train(adapted, folder, backbone)
    assert_same(folder, files_of(tmp_path / "whole" / "run"))


@pytest.mark.slow
def test_views_that_found_no_room_are_given_up_for_good(
    photos: Path, backbone: FrozenViT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends like one without cached views, whatever room there is when it resumes."""
    cached = config(photos, augment__mixup=0, phase2__cached_views=2)
    fresh = cached.changed({"phase2.cached_views": 0})
    train(fresh, tmp_path / "whole" / "run", backbone)
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        dying_behind(patch, "best-phase1-selected.safetensors")
        with pytest.raises(Killed):
            train(cached, folder, backbone)
    with monkeypatch.context() as patch:
        fill_disk(patch)
        dying_behind(patch, "config.yaml")
        with pytest.raises(Killed):
            train(cached, folder, backbone)
    train(cached, folder, backbone)
    assert load_config(folder / "config.yaml") == fresh
    assert_same(folder, files_of(tmp_path / "whole" / "run"))


@pytest.mark.slow
def test_as_many_views_are_kept_as_there_is_room_for(
    photos: Path, backbone: FrozenViT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends like one that was configured for that many, as its folder records."""
    few = config(photos, augment__mixup=0, phase2__cached_views=2)
    train(few, tmp_path / "whole" / "run", backbone)

    def room_for_two(
        folder: Path, stage: Stage, plan: EpochPlan, *rest: Any, **options: Any
    ) -> ViewCache:
        if plan.views > 2:
            raise NoRoomError(2, "full")
        return build_cache(folder, stage, plan, *rest, **options)

    monkeypatch.setattr(phase_cache, "build_cache", room_for_two)
    train(few.changed({"phase2.cached_views": 9}), tmp_path / "run", backbone)
    assert load_config(tmp_path / "run" / "config.yaml") == few
    assert_same(tmp_path / "run", files_of(tmp_path / "whole" / "run"))


@pytest.mark.slow
def test_a_phase_started_with_cached_views_cannot_resume_without_them(
    photos: Path, backbone: FrozenViT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = config(photos, augment__mixup=0, phase2__cached_views=2)
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        dying_behind(patch, "best-phase2.safetensors")
        with pytest.raises(Killed):
            train(cached, folder, backbone)
    shutil.rmtree(folder / "cache")
    with monkeypatch.context() as patch:
        fill_disk(patch)
        with pytest.raises(RunError, match="no room for the cached views that phase2 started with"):
            train(cached, folder, backbone)
    train(cached, folder, backbone)


def fill_disk(patch: pytest.MonkeyPatch) -> None:
    """Leave room for a run but not for a cache."""
    usage = shutil.disk_usage
    patch.setattr(shutil, "disk_usage", lambda path: usage(path)._replace(free=2**27))


def test_a_finished_run_resumed_is_the_same(
    photos: Path, backbone: FrozenViT, tmp_path: Path, whole: Files
) -> None:
    train(config(photos), tmp_path / "run", backbone)
    train(config(photos), tmp_path / "run", backbone)
    assert_same(tmp_path / "run", whole)


def test_a_resumed_run_keeps_the_largest_peak_of_memory(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    short = config(photos, phase1__epochs=1, phase2__epochs=0, checkpoint_seconds=60)
    _, result = train(short, folder, backbone)
    assert result.peak_memory_bytes > 2**20
    last = RunFolder(folder).last_file
    before = Checkpoint.load(last)
    assert 2**20 < before.peak_memory <= result.peak_memory_bytes
    replace(before, peak_memory=2**60).save(last)
    assert train(short, folder, backbone)[1].peak_memory_bytes == 2**60


@pytest.mark.slow
def test_processes_killed_at_random_moments_of_both_phases(
    photos: Path, vit: Path, tmp_path: Path, whole: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real SIGKILLs, some in the middle of a write; each time the run resumes in a new process."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lpt.api"])
    folder, moments = tmp_path / "run", random.Random(0)
    last = folder / "checkpoints" / "last.safetensors"
    stages = []
    while True:
        begun = (folder / "config.yaml").is_file()
        own = {} if begun else {"settings": SETTINGS, "backbone": str(vit)}
        process = context.Process(
            target=api.train,
            args=(str(photos),),
            kwargs={"out": str(folder), "resume": begun, "device": "cpu", **own},
        )
        process.start()
        dies = dies_after(process.is_alive, process.kill, last, moments)
        process.join()
        if not dies:
            break
        stages.append(Checkpoint.load(last).position.stage)
    assert process.exitcode == 0
    assert set(stages) >= {0, 1}
    assert len(stages) >= 3
    assert_same(folder, whole)


def reached(last: Path, held: Path) -> Position:
    """Return the position of a checkpoint that may be replaced while it is read.

    It is copied, not linked: link() fails if the name is replaced between look-up and link.
    """
    shutil.copyfile(last, held)
    return Checkpoint.load(held).position


@pytest.mark.slow
def test_the_command_line_killed_in_each_phase(
    photos: Path, vit: Path, tmp_path: Path, whole: Files
) -> None:
    folder = tmp_path / "run"
    last = folder / "checkpoints" / "last.safetensors"
    held = tmp_path / "held.safetensors"
    settings = [f"--set={name}={value}" for name, value in SETTINGS.items()]
    begin = [str(photos), "--backbone", str(vit), *settings]
    for stage, arguments in ((0, begin), (1, ["--resume"])):
        with command("train", *arguments, "--out", str(folder), "--device", "cpu") as process:
            while not (last.is_file() and reached(last, held) >= Position(stage, 0, 1)):
                assert process.poll() is None, process.communicate()
                time.sleep(0.002)
            process.kill()
            process.communicate()
        assert process.returncode == -9
    process = command("train", "--resume", "--out", str(folder), "--device", "cpu")
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "shared + group prompts" in out
    assert_same(folder, whole)


@pytest.mark.slow
def test_workers_and_their_start_method_change_nothing(
    photos: Path, backbone: FrozenViT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted run resumes without workers, with forked and with spawned ones."""
    begun = tmp_path / "begun"
    few = config(
        photos, data__val_fraction=0, data__test_fraction=0, classifier__init="uniform"
    ).changed({"phase1.epochs": 1, "phase2.epochs": 1})
    with monkeypatch.context() as patch:
        dying(patch, 6, finished=True)
        with pytest.raises(Killed):
            train(few, begun, backbone)
    ends = {}
    for method, workers in (("none", 0), ("fork", 1), ("spawn", 1)):
        folder = tmp_path / method / "run"
        shutil.copytree(begun, folder)
        chosen = {"data.workers": workers, "data.start_method": method if workers else None}
        RunFolder(folder).config_file.write_text(few.changed(chosen).to_yaml())
        train(few, folder, backbone)
        ends[method] = files_of(folder)
    assert_same(tmp_path / "none" / "run", ends["fork"])
    assert_same(tmp_path / "none" / "run", ends["spawn"])


def test_changed_data_is_refused(photos: Path, backbone: FrozenViT, tmp_path: Path) -> None:
    own = tmp_path / "photos"
    shutil.copytree(photos, own)
    train(config(own, phase1__epochs=0, phase2__epochs=0), tmp_path / "run", backbone)
    (own / "ant" / "00.png").rename(own / "ant" / "other.png")
    with pytest.raises(RunError, match="run: training images changed since the run started"):
        train(config(own), tmp_path / "run", backbone)


def test_another_backbone_is_refused(photos: Path, backbone: FrozenViT, tmp_path: Path) -> None:
    train(config(photos, phase1__epochs=0, phase2__epochs=0), tmp_path / "run", backbone)
    other = backbone_of(write_backbone(tmp_path / "other.safetensors", seed=1))
    with pytest.raises(RunError, match="backbone changed since the run started"):
        train(config(photos), tmp_path / "run", other)


def dies_after(
    is_alive: Callable[[], bool], kill: Callable[[], None], file: Path, moments: random.Random
) -> bool:
    """Kill a process a moment after it has replaced a file a few times; False if it ended first."""
    changes, seen = moments.randint(1, 3), modified(file)
    while is_alive():
        if (now := modified(file)) != seen:
            seen, changes = now, changes - 1
        if changes <= 0:
            time.sleep(moments.uniform(0, 0.01))
            alive = is_alive()
            kill()
            return alive
        time.sleep(0.0005)
    return False


def modified(file: Path) -> int:
    return file.stat().st_mtime_ns if file.is_file() else 0


def command(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "lpt", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
