"""A run in several processes ends as the run of one does, also after it was interrupted."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lpt.backbones import FrozenViT
from lpt.config import RunConfig
from lpt.errors import LptError
from lpt.machine.group.process_group import ProcessGroup
from lpt.progress import SilentReporter
from lpt.task_file import read_spec
from lpt.training.processes.group_folder import GroupFolder
from lpt.training.run.training_context import TrainingContext
from lpt.training.trainer import Trainer

from ...thread_group import in_threads
from ...tiny import Killed, backbone_of, config, metrics_of, tensors_of, train


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group tells Accelerate its device in the environment."""
    monkeypatch.setenv("ACCELERATE_TORCH_DEVICE", "cpu")


@pytest.fixture(scope="module")
def whole(photos: Path, backbone: FrozenViT, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in one process."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train(config(photos), folder, backbone)
    return folder


@pytest.fixture(scope="module")
def of_two(photos: Path, vit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run in two processes."""
    folder = tmp_path_factory.mktemp("two") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCELERATE_TORCH_DEVICE", "cpu")
        train_in(2, config(photos), folder, vit)
    return folder


def train_in(
    size: int,
    settings: RunConfig,
    path: Path,
    vit: Path,
    before: Callable[[Trainer, ProcessGroup], None] = lambda *_: None,
) -> None:
    """Train in a number of processes, or resume."""

    def one(group: ProcessGroup) -> None:
        folder = GroupFolder(path, group)
        begun = group.decided(folder.config_file.is_file)
        try:
            context = TrainingContext(
                folder.open() if begun else settings,
                SilentReporter(),
                device="cpu",
                backbone=backbone_of(vit),
                group=group,
            )
            trainer = Trainer(context, folder)
            if begun:
                folder.check_identity(trainer.identity())
            else:
                folder.create(trainer.config, trainer.identity())
            before(trainer, group)
            trainer.run()
        finally:
            folder.release()

    in_threads(size, one)


def dying_at(save: int) -> Callable[[Trainer, ProcessGroup], None]:
    """Let process 0 die at its n-th checkpoint."""

    def prepare(trainer: Trainer, group: ProcessGroup) -> None:
        original, count = trainer.folder.save, iter(range(1000))

        def counted(checkpoint):
            if group.is_main and next(count) == save:
                raise Killed
            original(checkpoint)

        trainer.folder.save = counted

    return prepare


def assert_close(found: Path, wanted: Path) -> None:
    tensors, others = tensors_of(found), tensors_of(wanted)
    assert tensors.keys() == others.keys()
    for name, value in tensors.items():
        assert torch.allclose(value, others[name], rtol=1e-4, atol=1e-5), name
    scores = [{k: line[k] for k in ("stage", "epoch", "val")} for line in metrics_of(found)]
    assert scores == [
        {k: line[k] for k in ("stage", "epoch", "val")} for line in metrics_of(wanted)
    ]
    specs = [read_spec(folder / "task.safetensors") for folder in (found, wanted)]
    assert specs[0].metrics == specs[1].metrics
    assert specs[0].temperature == pytest.approx(specs[1].temperature, rel=1e-3)


def assert_same_bits(found: Path, wanted: Path) -> None:
    tensors, others = tensors_of(found), tensors_of(wanted)
    assert tensors.keys() == others.keys()
    assert [name for name in tensors if not torch.equal(tensors[name], others[name])] == []
    assert metrics_of(found) == metrics_of(wanted)


def test_two_processes_end_with_the_weights_and_scores_of_one(whole, of_two):
    assert_close(of_two, whole)


@pytest.mark.slow
@pytest.mark.parametrize("size", [3, 4])
def test_any_number_of_processes_ends_with_the_weights_and_scores_of_one(
    size, whole, photos, vit, tmp_path
):
    train_in(size, config(photos), tmp_path / "run", vit)
    assert_close(tmp_path / "run", whole)


def test_a_run_that_dies_ends_with_the_same_bits_in_the_same_number_of_processes(
    of_two, photos, vit, tmp_path
):
    folder = tmp_path / "run"
    for save in (2, 4):
        with pytest.raises(Killed):
            train_in(2, config(photos), folder, vit, dying_at(save))
    train_in(2, config(photos), folder, vit)
    assert_same_bits(folder, of_two)


def test_a_run_continues_in_another_number_of_processes(whole, photos, vit, backbone, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(Killed):
        train_in(2, config(photos), folder, vit, dying_at(3))
    with pytest.raises(Killed):
        train_in(3, config(photos), folder, vit, dying_at(4))
    train(config(photos), folder, backbone)
    assert_close(folder, whole)


def test_cached_views_are_computed_in_shares_and_again_for_another_number(
    photos, vit, backbone, tmp_path
):
    cached = config(photos, augment__mixup=0, phase2__cached_views=2, phase1__epochs=1)
    train(cached, tmp_path / "one" / "run", backbone)
    folder = tmp_path / "two" / "run"
    with pytest.raises(Killed):
        train_in(2, cached, folder, vit, dying_at(7))
    assert sorted(path.name for path in (folder / "cache" / "phase2").iterdir()) == [
        "part-0-of-2",
        "part-1-of-2",
    ]
    train_in(3, cached, folder, vit)
    assert_close(folder, tmp_path / "one" / "run")
    assert not (folder / "cache").exists()


def test_data_that_differs_between_processes_is_refused(photos, vit, tmp_path):
    def one(group: ProcessGroup) -> None:
        settings = config(photos).changed({"data.val_fraction": 0.1 + 0.2 * group.rank})
        with pytest.raises(LptError, match="training images: process 1 has others"):
            TrainingContext(
                settings, SilentReporter(), device="cpu", backbone=backbone_of(vit), group=group
            )

    in_threads(2, one)


def test_only_process_0_writes(photos, vit, tmp_path, monkeypatch):
    writers, replace = set(), Path.replace

    def noted(self: Path, target: Path) -> Path:
        writers.add(threading.current_thread().name)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", noted)
    train_in(2, config(photos, phase1__epochs=1, phase2__epochs=0), tmp_path / "run", vit)
    assert len(writers) == 1
