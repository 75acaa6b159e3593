"""The data of a run is opened the same way every time, or refused."""

import shutil
from pathlib import Path

import pytest

from lpt.data.check.scan import check_workers
from lpt.errors import ConfigError, RunError
from lpt.training.run.data_identity import data_identity
from lpt.training.run.run_data import (
    anchored_config,
    check_place,
    configured_backbone,
    data_of_run,
    open_configured,
)
from lpt.training.run.run_folder import RunFolder

from ...tiny import COUNTS, config


def test_local_paths_become_absolute(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos.parent)
    Path("bad.csv").touch()
    relative = config(photos.name, data__bad_images="bad.csv")
    anchored = anchored_config(relative).data
    assert anchored.source == str(photos)
    assert anchored.bad_images == str(photos.parent / "bad.csv")


def test_policies_and_bundled_data_have_no_path() -> None:
    settings = config("digits", data__bad_images="skip")
    assert anchored_config(settings) == settings


def test_data_that_moved_is_reported_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no longer at .*gone\. Give the new path: lpt train PATH"):
        check_place("runs/birds", config(tmp_path / "gone"))


def test_an_unknown_policy_is_refused(photos: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"^bad_images no/such: no such file. Give error, skip or"
    ):
        open_configured(config(photos, data__bad_images="no/such"))
    with pytest.raises(ConfigError, match=r": is a folder or a device. Give error, skip or"):
        open_configured(config(photos, data__bad_images=str(photos)))


def test_a_run_gives_back_its_data_and_refuses_changed_data(photos: Path, tmp_path: Path) -> None:
    own = tmp_path / "photos"
    shutil.copytree(photos, own)
    settings = config(own)
    data = open_configured(settings)
    run = RunFolder(tmp_path / "run")
    run.create(settings, data_identity(data))
    run.release()
    found = data_of_run(run.path, tuple(COUNTS))
    assert found is not None
    assert data_identity(found) == data_identity(data)
    assert data_of_run(tmp_path / "alone.safetensors", tuple(COUNTS)) is None
    for image in (own / "ant").iterdir():
        image.rename(image.with_name(f"other-{image.name}"))
    with pytest.raises(RunError, match="training images changed"):
        data_of_run(run.path, tuple(COUNTS))


def test_a_check_uses_a_few_processes() -> None:
    assert 1 <= check_workers() <= 8


def test_the_backbone_of_a_run_keeps_its_weights_as_configured(vit: Path) -> None:
    settings = config("digits", backbone=str(vit))
    assert configured_backbone(settings).weights == "float32"
    assert configured_backbone(settings.changed({"backbone_weights": "bf16"})).weights == "bf16"
