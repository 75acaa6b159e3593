"""The files of a run folder from elsewhere choose nothing that is opened or fetched."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import lpt
from lpt.config import RunConfig
from lpt.errors import LptError, RunError
from lpt.training.run.run_data import data_of_run
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.run_origin import check_names

from ...tiny import COUNTS, config

IDENTITY = {"classes": list(COUNTS), "training images": "0" * 64, "backbone": "0" * 64}


@pytest.fixture
def received(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[RunConfig], Path]:
    """Make a run folder, then forget that it was made here."""

    def make(settings: RunConfig) -> Path:
        monkeypatch.setenv("LPT_KEY", str(tmp_path / "sender"))
        run = RunFolder(tmp_path / "run")
        run.create(settings, IDENTITY)
        run.release()
        monkeypatch.setenv("LPT_KEY", str(tmp_path / "receiver"))
        return run.path

    return make


@pytest.mark.parametrize(
    "name",
    [
        "random:vit_gigantic_patch14_224",
        "hf-hub:someone/evil",
        "/dev/zero.safetensors",
        "vit_tiny_patch16_224@/etc/hostname",
        "vit_base_patch16_224.augreg_in21k",
    ],
)
def test_resuming_does_not_follow_a_backbone(
    name: str,
    received: Callable[[RunConfig], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def used(*_: object, **__: object) -> None:
        raise AssertionError("opened, fetched or built")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("lpt.training.run.run_data.load_backbone", used)
    monkeypatch.setattr("lpt.training.run.training_context.open_configured", used)
    run = received(config("digits", backbone=name))
    with pytest.raises(RunError, match=r"not made on this machine.*names the backbone") as caught:
        lpt.train(out=run, resume=True)
    assert f"lpt trust {run}" in str(caught.value)


@pytest.mark.parametrize("data", ["PHOTOS", "PHOTOS:list=x.csv", "digits:test=/etc", "cifar10-lt"])
def test_neither_resuming_nor_evaluating_follows_its_data(
    data: str,
    received: Callable[[RunConfig], Path],
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def used(*_: object, **__: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr("lpt.training.run.run_data.open_data", used)
    run = received(config(data.replace("PHOTOS", str(photos))))
    for follow in (
        lambda: lpt.train(out=run, resume=True),
        lambda: data_of_run(run, tuple(COUNTS)),
    ):
        with pytest.raises(RunError, match="this run was not made on this machine"):
            follow()


@pytest.mark.parametrize("use", ["bad images", "corrections"])
def test_a_list_of_images_is_not_followed(
    use: str, received: Callable[[RunConfig], Path], photos: Path
) -> None:
    settings = {f"data__{use.replace(' ', '_')}": "/etc/passwd"}
    run = received(config("digits", **settings))
    for data in (None, photos):
        with pytest.raises(RunError, match=f"names the {use} /etc/passwd, which is a path"):
            lpt.train(data, out=run, resume=True)


def test_what_is_bundled_needs_no_trust(received: Callable[[RunConfig], Path]) -> None:
    settings = config("digits:imbalance=10", backbone="vit_tiny_patch8_64")
    check_names(received(settings), settings, backbone=True)


def test_data_that_the_user_gives_is_opened(
    received: Callable[[RunConfig], Path], photos: Path
) -> None:
    run = received(config(photos))
    with pytest.raises(RunError, match="training images changed"):  # compared, so it was opened
        data_of_run(run, tuple(COUNTS), given=True)


def test_a_run_made_here_needs_nothing_in_any_place(photos: Path, tmp_path: Path) -> None:
    run, settings = RunFolder(tmp_path / "run"), config(photos, backbone="random:test_vit")
    run.create(settings, IDENTITY)
    check_names(run.path, settings, backbone=True)
    moved = settings.changed({"data.source": str(tmp_path)})
    with pytest.raises(RunError, match="names the data"):  # config.yaml was edited
        check_names(run.path, moved)
    run.keep(moved)
    run.release()
    check_names(Path(shutil.copytree(run.path, tmp_path / "copy")), moved, backbone=True)


def test_trust_names_what_it_allows_and_opens_nothing(
    received: Callable[[RunConfig], Path], tmp_path: Path
) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    settings = config(pipe, backbone=str(pipe), data__bad_images=str(pipe))
    run = received(settings)
    assert lpt.trust_run(run) == {
        "backbone": str(pipe),
        "data": str(pipe),
        "bad images": str(pipe),
    }
    check_names(run, settings, backbone=True)


@pytest.mark.parametrize("place", ["no/such", "empty", "file"])
def test_only_a_run_can_be_trusted(place: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(LptError, match="Give a run folder"):
        lpt.trust_run(tmp_path / place)


def test_a_key_that_cannot_be_kept_is_named(
    received: Callable[[RunConfig], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = received(config("digits"))
    (tmp_path / "file").touch()
    monkeypatch.setenv("LPT_KEY", str(tmp_path / "file" / "key"))
    with pytest.raises(RunError, match="file/key: the key of trusted runs cannot be"):
        lpt.trust_run(run)
