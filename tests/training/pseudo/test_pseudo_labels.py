"""Unlabelled photos in a run: labelled once, trained on in phase 2, also after an interruption."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import lpt
from lpt.errors import ConfigError, DataError, LptError, ParameterError, RunError
from lpt.task_file import read_spec
from lpt.training.pseudo.pseudo_labels import FILE, train_on
from lpt.training.run.run_folder import RunFolder

from ...tiny import (
    COUNTS,
    Killed,
    config,
    metrics_of,
    opened,
    tensors_of,
    train,
    write_photos,
)


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory):
    """Photos like those of the classes, in one folder, and one that cannot be read."""
    root = tmp_path_factory.mktemp("more")
    write_photos(root / "new", {"w": 5, "x": 6, "y": 7, "z": 8})
    (root / "new" / "w" / "bad.png").write_bytes(b"no image")
    return root / "new"


def settings(photos, unlabelled, **more):
    return config(
        photos, data__unlabelled=str(unlabelled), pseudo_labels__min_probability=0, **more
    )


@pytest.fixture(scope="module")
def run(photos, unlabelled, backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    train(settings(photos, unlabelled), folder, backbone)
    return folder


def rows(run):
    with (run / FILE).open() as stream:
        return list(csv.DictReader(stream))


def test_photos_get_labels_of_the_classes_and_the_unreadable_one_none(run):
    found = rows(run)
    assert 0 < len(found) <= 26
    assert {row["label"] for row in found} <= set(COUNTS)
    assert "w/bad.png" not in {row["name"] for row in found}
    assert len({row["name"] for row in found}) == len(found)


def test_phase_1_is_the_same_and_phase_2_is_not(run, photos, backbone, tmp_path):
    train(config(photos), tmp_path / "plain", backbone)
    mine, plain = tensors_of(run), tensors_of(tmp_path / "plain")
    names = {name for name in plain if (mine[name] != plain[name]).any()}
    assert not [name for name in names if name.startswith("best-phase1")]
    assert [name for name in names if name.startswith("best-phase2")]
    spec, other = (read_spec(one / "task.safetensors") for one in (run, tmp_path / "plain"))
    assert spec.class_counts == other.class_counts  # those of the data, which shot groups follow
    steps = [line["epochs"] for line in metrics_of(run)]
    assert steps == [line["epochs"] for line in metrics_of(tmp_path / "plain")]


@pytest.mark.parametrize("save", [6, 8, 9, 11])
def test_a_run_killed_at_any_moment_ends_with_the_same_bits(
    save, run, photos, unlabelled, backbone, tmp_path, monkeypatch
):
    left, whole = save, RunFolder.save

    def kill(folder, checkpoint):
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed
        whole(folder, checkpoint)

    monkeypatch.setattr(RunFolder, "save", kill)
    with pytest.raises(Killed):
        train(settings(photos, unlabelled), tmp_path / "run", backbone)
    monkeypatch.undo()
    train(settings(photos, unlabelled), tmp_path / "run", backbone)
    again, first = tensors_of(tmp_path / "run"), tensors_of(run)
    assert again.keys() == first.keys()
    assert all((again[name] == first[name]).all() for name in first)
    assert (tmp_path / "run" / FILE).read_bytes() == (run / FILE).read_bytes()


def test_a_run_resumes_only_with_the_same_photos_and_labels(photos, unlabelled, backbone, tmp_path):
    own = tmp_path / "own"
    shutil.copytree(unlabelled, own)
    with opened(settings(photos, own), tmp_path / "run", backbone) as trainer:
        trainer.run()
    (own / "x" / "more.png").write_bytes((own / "x" / "00.png").read_bytes())
    with (
        pytest.raises(RunError, match="unlabelled images changed since the run started"),
        opened(settings(photos, own), tmp_path / "run", backbone),
    ):
        pass
    (own / "x" / "more.png").unlink()
    (tmp_path / "run" / FILE).unlink()
    with (
        pytest.raises(LptError, match=FILE),
        opened(settings(photos, own), tmp_path / "run", backbone) as trainer,
    ):
        trainer.run()


def test_images_of_the_data_are_never_labelled(photos, backbone, tmp_path):
    with (
        pytest.raises(DataError, match="has no photo that is not in"),
        opened(settings(photos, photos), tmp_path / "run", backbone),
    ):
        pass


def test_an_epoch_of_phase_2_keeps_its_length(photos, unlabelled, backbone, tmp_path):
    chosen = settings(photos, unlabelled).changed({"phase2.epoch_images": None})
    with opened(chosen, tmp_path / "run", backbone) as trainer:
        images = len(trainer.context.train_split)
        assert trainer.config.phase2.epoch_images == images
        train_on(trainer.context, trainer.pseudo.photos, np.zeros(27, dtype=np.int64))
        phase = trainer.phases[1]
        plan = phase.plan(trainer.stage(phase), trainer.config, trainer.context.train_split.labels)
        assert len(trainer.context.train_split) > images
        assert plan.steps * chosen.phase2.batch_size <= images + chosen.phase2.batch_size


def test_the_time_for_the_photos_is_in_the_estimate(photos, unlabelled, backbone, tmp_path):
    with (
        opened(settings(photos, unlabelled), tmp_path / "run", backbone) as trainer,
        opened(config(photos), tmp_path / "plain", backbone) as plain,
    ):
        first, second = (
            mine.start_passes(trainer.config) - other.start_passes(plain.config)
            for mine, other in zip(trainer.phases, plain.phases, strict=True)
        )
        assert (first, second) == (0, 1)  # 27 photos, and more images for class means


def test_what_cannot_be_used_is_refused(photos, unlabelled, backbone, tmp_path):
    with pytest.raises(ConfigError, match="needs phase 2"):
        settings(photos, unlabelled, phase2__epochs=0)
    with pytest.raises(ParameterError, match=r"no such folder\. Give a folder of photos"):
        lpt.train(photos, unlabelled=tmp_path / "gone", out=tmp_path / "run")
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ParameterError, match=r"no such folder\. Give a folder of photos"),
        opened(settings(photos, tmp_path / "file"), tmp_path / "run", backbone),
    ):
        pass
    assert not (tmp_path / "run").exists()


def test_a_run_records_its_photos(run, unlabelled):
    assert len(json.loads((run / "identity.json").read_text())["unlabelled images"]) == 64
    assert Path(RunFolder(run).read_config().data.unlabelled) == unlabelled
