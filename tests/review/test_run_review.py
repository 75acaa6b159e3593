"""Decisions are kept at once, in a list that other hands may edit; the data stays as it is."""

import pytest

from lpt.data.check.corrections import Correction, read_corrections, with_corrections
from lpt.errors import ParameterError, RunError
from lpt.review.run_review import RunReview

from ..tiny import backbone_of, config, train


def opened(run):
    return RunReview.open(run, labels=0)


def rows(run):
    found = read_corrections(run / "corrections.csv")
    return [(row.name, row.split, row.decision, row.label, row.corrected) for row in found]


def test_decisions_are_written_at_once_and_can_be_taken_back(run):
    review = opened(run)
    assert review.decide(0, "change", "bee") == 1
    assert review.decide(1, "drop") == 2
    assert review.decide(2, "confirm") == 3
    assert rows(run) == [
        ("ant/00.png", "train", "change", "ant", "bee"),
        ("bee/01.png", "train", "drop", "bee", ""),
        ("ant/04.png", "train", "confirm", "ant", ""),
    ]
    assert review.decide(1, None) == 2
    assert [row[0] for row in rows(run)] == ["ant/00.png", "ant/04.png"]


def test_a_review_continues_where_it_was_left(run):
    opened(run).decide(1, "change", "dog")
    shown = opened(run).to_json()["items"]
    assert [(item["decision"], item["corrected"]) for item in shown] == [
        (None, ""),
        ("change", "dog"),
        (None, ""),
    ]


def test_rows_that_are_added_meanwhile_stay(run):
    review = opened(run)
    review.decide(0, "drop")
    with (run / "corrections.csv").open("a") as stream:
        stream.write("dog/00.png,train,drop,dog,\n")
    review.decide(1, "confirm")
    assert [row[0] for row in rows(run)] == ["ant/00.png", "dog/00.png", "bee/01.png"]


def test_the_list_is_one_that_training_takes_and_no_image_changes(run):
    review = opened(run)
    photos = run.parent
    before = [review.data.split("train").read(i) for i in range(51)]
    review.decide(0, "change", "bee")
    corrected = with_corrections(review.data, run / "corrections.csv")
    assert (corrected.counts() - review.data.counts()).tolist() == [-1, 1, 0, 0]
    assert [review.data.split("train").read(i) for i in range(51)] == before
    assert photos.is_dir()


def test_an_unknown_class_is_refused_and_nothing_is_written(run):
    with pytest.raises(ParameterError, match="no class 'Bee'"):
        opened(run).decide(0, "change", "Bee")
    assert not (run / "corrections.csv").exists()


def test_only_a_finished_run_can_be_reviewed(tmp_path):
    with pytest.raises(RunError, match="not the folder of a finished run"):
        opened(tmp_path)


def test_examples_are_training_images_of_the_class_that_are_not_asked_about(run):
    shown = opened(run).to_json()
    asked = {item["image"] for item in shown["items"]}
    assert set(shown["examples"]) == {"0", "1", "2"}
    for images in shown["examples"].values():
        assert len(images) == 4
        assert not asked & set(images)


def test_the_summary_gives_the_command_that_trains_with_the_list(run):
    review = opened(run)
    assert review.summary() == ["nothing decided; no list was written"]
    review.decide(0, "change", "bee")
    decided, following = review.summary()
    assert "1 changed, 0 left out, 0 confirmed" in decided
    assert following.endswith(f"--corrections {run / 'corrections.csv'}")


def test_a_run_with_corrections_is_reviewed_with_the_labels_of_the_data(run, finished, tmp_path):
    (tmp_path / "old.csv").write_text(
        "name,split,decision,label,corrected\nant/00.png,train,change,ant,dog\n"
    )
    vit = backbone_of(finished.parent / "vit.safetensors")
    settings = config(finished.parent / "photos", phase1__epochs=0, phase2__epochs=0).changed(
        {
            "backbone": str(finished.parent / "vit.safetensors"),
            "data.corrections": str(tmp_path / "old.csv"),
            "data.val_fraction": 0,
            "data.test_fraction": 0,
        }
    )
    train(settings, tmp_path / "second", vit)
    (run / "analysis").rename(tmp_path / "second" / "analysis")
    review = opened(tmp_path / "second")
    first = review.to_json()["items"][0]
    assert review.data.class_names[first["label"]] == "ant"
    assert (first["decision"], first["corrected"]) == ("change", "dog")
    review.decide(1, "drop")  # one list replaces another, so it holds both rounds
    assert read_corrections(tmp_path / "second" / "corrections.csv") == [
        Correction("ant/00.png", "train", "change", "ant", "dog"),
        Correction("bee/01.png", "train", "drop", "bee"),
    ]
