"""The run folder: locked, never overwritten, readable or refused."""

from pathlib import Path

import pytest
import torch

from lpt.config import RunConfig
from lpt.errors import RunError
from lpt.training.engine.checkpoint import Checkpoint, Position
from lpt.training.run.run_folder import RunFolder, environment, free_run_path, read_metrics

STAGES = {"phase1": 5, "phase2": 5}
IDENTITY = {"classes": ["ant", "bee"], "backbone": "0" * 64}


@pytest.fixture
def folder(tmp_path: Path):
    run = RunFolder(tmp_path / "run")
    run.create(RunConfig(seed=5), IDENTITY)
    yield run
    run.release()


def test_a_new_run_can_be_opened_again(folder: RunFolder) -> None:
    folder.release()
    again = RunFolder(folder.path)
    assert again.open() == RunConfig(seed=5)
    again.check_identity(IDENTITY)
    assert again.checkpoint(STAGES) is None
    again.release()


def test_two_processes_cannot_write_at_once(folder: RunFolder) -> None:
    with pytest.raises(RunError, match="another process is training in this folder"):
        RunFolder(folder.path).open()


def test_files_of_others_are_never_overwritten(folder: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="exists and is not empty"):
        RunFolder(folder.path).create(RunConfig(), IDENTITY)
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot be written \(it is a file\)"):
        RunFolder(tmp_path / "file").check_free()


def test_changed_facts_are_named(folder: RunFolder) -> None:
    with pytest.raises(RunError, match="run: backbone changed since the run started"):
        folder.check_identity({**IDENTITY, "backbone": "1" * 64})
    folder.identity_file.write_text("{")
    with pytest.raises(RunError, match=r"identity\.json: cannot be read"):
        folder.check_identity(IDENTITY)


def test_metrics_after_the_last_checkpoint_are_dropped(folder: RunFolder) -> None:
    for epoch in range(3):
        folder.log({"stage": "phase1", "epoch": epoch})
    folder.save(Checkpoint(Position(0, 2), {"head": torch.ones(1)}))
    assert folder.checkpoint(STAGES).position == Position(0, 2)
    assert [record["epoch"] for record in folder.records] == [0, 1]
    with pytest.raises(
        RunError, match=r"line 1 is damaged \(unknown stage 'phase1'\)\. Known: joint"
    ):
        folder.checkpoint({"joint": 5})


def test_a_damaged_line_of_metrics_is_named_with_the_remedy(folder: RunFolder) -> None:
    folder.log({"stage": "phase1", "epoch": 0})
    with folder.metrics_file.open("a") as file:
        file.write('{"stage": "phase1"}\n')
    with pytest.raises(RunError, match=r"line 2 is damaged .* Repair the line or move the file"):
        read_metrics(folder.path)


def test_best_weights_come_back_and_damage_is_named(folder: RunFolder) -> None:
    folder.save_best("phase1", {"head": torch.arange(3.0)})
    assert torch.equal(folder.load_best("phase1")["head"], torch.arange(3.0))
    folder.best_file("phase1").write_bytes(b"x")
    with pytest.raises(RunError, match=r"best-phase1\.safetensors: cannot be read"):
        folder.load_best("phase1")


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    usage = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(path)._replace(free=2**20))
    run = RunFolder(tmp_path / "run")
    with pytest.raises(RunError, match="only 1 MB are free on this disk, but a run needs 64 MB"):
        run.create(RunConfig(), IDENTITY)
    run.release()


def test_a_taken_name_gets_a_number(tmp_path: Path) -> None:
    assert free_run_path("birds", tmp_path) == tmp_path / "birds"
    (tmp_path / "birds").mkdir()
    (tmp_path / "birds-2").mkdir()
    assert free_run_path("birds", tmp_path) == tmp_path / "birds-3"


def test_the_environment_names_versions_and_hardware() -> None:
    assert environment().keys() >= {"command", "lpt", "torch", "timm", "python", "threads", "cuda"}
