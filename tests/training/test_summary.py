"""Texts before and after training: data, splits, scored images, content of the task file."""

from pathlib import Path

import pytest

from lpt.backbones import FrozenViT
from lpt.data.sources.open_data import open_data
from lpt.errors import TaskFileError
from lpt.task import Task
from lpt.training.summary import describe, summarise

from ..tiny import config, opened, write_photos


def test_splits_drawn_from_the_training_images_are_reported(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    run = config(photos, data__val_fraction=0.1, data__test_fraction=0.25)
    with opened(run, tmp_path / "run", backbone) as trainer:
        assert trainer.context.data.set_aside == ("val", "test")
        assert (
            "split     drawn from the training images by class: 10 % for val and 25 % for test"
            in (describe(trainer))
        )
    whole = config(photos, data__val_fraction=0, data__test_fraction=0)
    with opened(whole, tmp_path / "whole", backbone) as trainer:
        assert "split " not in describe(trainer)


def test_named_splits_are_not_set_aside(photos: Path, tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / part).symlink_to(photos)
    assert open_data(tmp_path / "data", val_fraction=0).set_aside == ()
    assert open_data(tmp_path / "data").set_aside == ("val",)


def test_the_summary_gives_the_number_of_scored_images_and_the_model_of_the_file(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    with opened(config(photos, phase2__epochs=0), tmp_path / "run", backbone) as trainer:
        task, result = trainer.run()
        summary = summarise(trainer, task, result)
        assert f"{len(trainer.context.data.split('test'))} test images of {photos}" in summary
    assert "MB, shared prompt only)" in summary


def test_data_of_which_nothing_can_be_tested_is_described_and_summarised_as_such(
    backbone: FrozenViT, tmp_path: Path
) -> None:
    photos = write_photos(tmp_path / "ones", {"a": 1, "b": 1})
    (photos / "a" / "notes.txt").write_text("x")
    with opened(config(photos), tmp_path / "run", backbone) as trainer:
        text = describe(trainer)
        assert "left out  1 file that is not an image (a/notes.txt)" in text
        assert "nothing can be tested" in text
        summary = summarise(trainer, *trainer.run())
    assert "nothing was tested" in summary
    assert "0 val" not in summary
    assert summary.endswith("run DATA")


def test_an_unfinished_run_is_reported_as_such(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    with opened(config(photos), tmp_path / "run", backbone):
        pass
    with pytest.raises(TaskFileError, match=r"not finished\. Resume it: .* --resume"):
        Task.load(tmp_path / "run")
