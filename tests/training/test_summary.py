"""What is said before and after training: where images come from, how many, what the file holds."""

from pathlib import Path

import pytest

from lpt.backbones import FrozenViT
from lpt.data.sources.open_data import open_data
from lpt.errors import TaskFileError
from lpt.task import Task
from lpt.training.summary import describe, summarise

from ..tiny import config, opened


def test_images_that_were_set_aside_are_told_and_those_the_data_names_are_not(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    run = config(photos, data__val_fraction=0.1, data__test_fraction=0.25)
    with opened(run, tmp_path / "run", backbone) as trainer:
        assert trainer.context.data.set_aside == ("val", "test")
        assert (
            "split     drawn from the training images by class: 10 % for val and 25 % for test"
            in (describe(trainer))
        )
    alone = config(photos, data__val_fraction=0, data__test_fraction=0)
    with opened(alone, tmp_path / "alone", backbone) as trainer:
        assert "split " not in describe(trainer)


def test_named_splits_are_not_set_aside(photos: Path, tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / part).symlink_to(photos)
    assert open_data(tmp_path / "data", val_fraction=0).set_aside == ()
    assert open_data(tmp_path / "data").set_aside == ("val",)


def test_the_end_tells_how_many_images_were_scored_and_which_model_the_file_holds(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    with opened(config(photos, phase2__epochs=0), tmp_path / "run", backbone) as trainer:
        task, result = trainer.run()
        said = summarise(trainer, task, result)
        assert f"{len(trainer.context.data.split('test'))} test images of {photos}" in said
    assert "MB, shared prompt only)" in said


def test_a_run_that_is_not_finished_is_no_missing_file(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    with opened(config(photos), tmp_path / "run", backbone):
        pass
    with pytest.raises(TaskFileError, match=r"not finished; go on with it: .* --resume"):
        Task.load(tmp_path / "run")
