"""The run folder: locked, never overwritten, readable or refused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lpt.config import RunConfig
from lpt.errors import RunError
from lpt.files.atomic_files import write_json
from lpt.task.run_result import Result, read_result
from lpt.training.engine.checkpoint import Checkpoint, Position
from lpt.training.run.run_environment import environment
from lpt.training.run.run_folder import RunFolder, free_run_path, read_metrics
from lpt.training.run.run_records import read_environment

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


def test_a_lock_that_is_a_link_empties_nothing(folder: RunFolder, tmp_path: Path) -> None:
    victim = tmp_path / "victim.txt"
    victim.write_text("mine")
    folder.release()
    (folder.path / ".lock").unlink()
    (folder.path / ".lock").symlink_to(victim)
    with pytest.raises(RunError, match=r"\.lock: is a link or not a file"):
        RunFolder(folder.path).open()
    new = tmp_path / "new"
    new.mkdir()
    (new / ".lock").symlink_to(victim)
    with pytest.raises(RunError, match=r"\.lock: is a link or not a file"):
        RunFolder(new).create(RunConfig(), IDENTITY)
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("name", ["checkpoints", "analysis", "evaluation", "tensorboard"])
def test_a_folder_that_leads_elsewhere_is_not_written(
    name: str, folder: RunFolder, tmp_path: Path
) -> None:
    folder.release()
    (tmp_path / "mine").mkdir()
    (folder.path / name).symlink_to(tmp_path / "mine")
    for use in (RunFolder(folder.path).open, RunFolder(folder.path).read_config):
        with pytest.raises(RunError, match=f"{name}: is a link to another folder"):
            use()
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize("gone", ["", "config.yaml", "identity.json", ".lock"])
def test_a_folder_that_is_removed_while_it_is_written_is_an_error(
    gone: str, folder: RunFolder
) -> None:
    folder.log({"stage": "phase1", "epoch": 0})
    if gone:
        (folder.path / gone).unlink()
    else:
        shutil.rmtree(folder.path)
    for write in (
        lambda: folder.log({"stage": "phase1", "epoch": 1}),
        lambda: folder.save(Checkpoint(Position(), {})),
        lambda: folder.save_best("phase1", {}),
        folder.intact,
    ):
        with pytest.raises(RunError, match=r"removed or replaced while the run was writing"):
            write()
    assert gone or not folder.path.exists()


def test_an_epoch_that_the_run_does_not_have_is_refused(folder: RunFolder) -> None:
    for position in (Position(0, 6), Position(1, 10**6), Position(3), Position(2, 1)):
        folder.save(Checkpoint(position, {}))
        with pytest.raises(RunError, match=r"last\.safetensors: damaged checkpoint \(epoch"):
            folder.checkpoint(STAGES)
    for position in (Position(0, 5), Position(2)):
        folder.save(Checkpoint(position, {}))
        assert folder.checkpoint(STAGES).position == position


def test_other_sizes_or_times_of_images_are_a_warning(folder: RunFolder) -> None:
    sizes = {"image sizes": "a", "image times": "b"}
    assert folder.check_identity({**IDENTITY, **sizes}) is None  # a run of an older version
    write_json(folder.identity_file, {**IDENTITY, **sizes})
    assert folder.check_identity({**IDENTITY, **sizes}) is None
    note = folder.check_identity({**IDENTITY, **sizes, "image times": "c"})
    assert "image times differ from those at the start" in str(note)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@given(data=st.data())
def test_any_change_of_its_json_files_is_read_or_refused(data, tmp_path_factory) -> None:
    """One field of each file replaced by anything, and whole files of anything."""
    run = RunFolder(tmp_path_factory.getbasetemp() / "mutated")
    run.path.mkdir(exist_ok=True)
    score = {"overall": 0.5, "few": None}
    originals = {
        "identity.json": IDENTITY,
        "environment.json": environment(),
        "metrics.jsonl": {"stage": "phase1", "epoch": 0, "loss": 1.5, "val": score},
        "results.json": asdict(Result({"phase1": {"test": score}}, 1, 2, 3, {"phase1": 1.0}, 4)),
    }
    for name, original in originals.items():
        key = data.draw(st.sampled_from(sorted(original)))
        changed = data.draw(st.just({**original, key: data.draw(JSON)}) | JSON)
        (run.path / name).write_text(json.dumps(changed))
    readers: tuple[Callable[[], object], ...] = (
        lambda: run.check_identity(IDENTITY),
        lambda: read_environment(run.path / "environment.json"),
        lambda: read_metrics(run.path),
        lambda: read_result(run.path),
    )
    for read in readers:
        lines = ""
        try:
            read()
        except RunError as error:
            lines = str(error)
        assert len(lines.splitlines()) <= 1


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
