"""`lpt predict --prior`: under known frequencies, or under those of the images themselves."""

import csv
import io

import pytest

import lpt as package
from lpt.api.estimate_prior import estimate_image_prior

from ..running import refused

PHOTOS = "photos/ant"


def probabilities(out: str) -> list[list[float]]:
    rows = csv.DictReader(io.StringIO(out))
    return [[float(v) for k, v in row.items() if k.startswith("probability")] for row in rows]


def test_rows_hold_under_the_frequencies_of_a_file(lpt, home, tmp_path):
    shop = tmp_path / "shop.csv"
    shop.write_text("class,count\ncat,1\ndog,3\n")
    code, out, _ = lpt("predict", "run", PHOTOS, "--prior", str(shop), "--output", "csv")
    task = package.load(home / "run", device="cpu").with_prior(shop)
    wanted = task.predict(sorted((home / PHOTOS).iterdir()), top=3)
    assert code == 0
    for found, one in zip(probabilities(out), wanted, strict=True):
        assert found == pytest.approx(one.probabilities, abs=1e-5)
        assert set(one.labels[:2]) == {"cat", "dog"}


def test_estimated_frequencies_are_those_of_the_images_and_are_reported(lpt, home, tmp_path):
    code, out, err = lpt("predict", "run", PHOTOS, "--prior", "estimate", "--output", "csv")
    task = package.load(home / "run", device="cpu")
    paths = sorted((home / PHOTOS).iterdir())
    estimated = task.with_prior(estimate_image_prior(task, paths).prior)
    assert code == 0
    assert "prior     estimated frequencies: those of training ** 2.00, so ant" in err
    for found, one in zip(probabilities(out), estimated.predict(paths, top=3), strict=True):
        assert found == pytest.approx(one.probabilities, abs=1e-5)
    file = tmp_path / "p.csv"
    lpt("predict", "run", PHOTOS, "--prior", "estimate", "--out", str(file))
    assert file.read_text() == out


def test_a_file_of_predictions_is_not_continued_under_other_frequencies(lpt, tmp_path, monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    shop, out = tmp_path / "shop.csv", str(tmp_path / "p.csv")
    shop.write_text("class,count\ncat,1\n")
    with monkeypatch.context() as patch:
        patch.setattr("lpt.cli.predictions.predict_to_file.piece_of", stop)
        assert lpt("predict", "run", PHOTOS, "--out", out, "--prior", str(shop))[0] == 130
    shop.write_text("class,count\ndog,1\n")
    refused(lpt("predict", "run", PHOTOS, "--out", out, "--prior", str(shop)), "was begun with")
    refused(lpt("predict", "run", PHOTOS, "--out", out), "was begun with --prior")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--prior", "unifrom"), "--prior unifrom: no such file. Give a CSV file"),
        (("--prior", "estimate", "-"), "--prior estimate: reads the images twice"),
        (("--prior", "uniform", "--accuracy", "0.9"), "--accuracy: its thresholds"),
        (("--prior", "vit.safetensors"), "vit.safetensors: "),
    ],
)
def test_options_that_do_not_fit_are_refused(options, said, lpt):
    refused(lpt("predict", "run", PHOTOS, *options), said)


def test_a_wrong_class_is_answered_with_the_nearest(lpt, tmp_path):
    shop = tmp_path / "shop.json"
    shop.write_text('{"cats": 1}')
    refused(lpt("predict", "run", PHOTOS, "--prior", str(shop)), "'cats'. Nearest: cat.")
