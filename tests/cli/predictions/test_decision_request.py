"""`lpt predict --sets`, `--precision` and `--keep`: decisions from the scores in the task."""

import csv
import io
import json

import pyarrow.parquet as pq
import pytest

import lpt as package
from lpt.task.decisions.label_sets import LabelSets
from lpt.task.editing.task_parts import read_parts, save_parts
from lpt.task_records import GroupScores

from ..running import refused

PHOTOS = "photos/dog"
OWN = tuple(i / 1000 for i in range(1, 401, 10))
SCORES = {
    "medium": GroupScores(own=OWN, right=OWN, wrong=OWN[:5]),
    "few": GroupScores(own=OWN[:5], right=OWN[:5]),
}


@pytest.fixture(scope="module")
def scored(home, tmp_path_factory):
    """The run of `home`, with scores."""
    parts = read_parts(home / "run")
    spec = parts.spec.model_copy(update={"validation": SCORES})
    out = tmp_path_factory.mktemp("scored") / "task.safetensors"
    save_parts(out, type(parts)(spec, parts.tensors, parts.digest))
    return str(out)


def arguments(scored, *options):
    return ("predict", scored, PHOTOS, "--backbone", "vit.safetensors", *options)


def test_rows_have_sets_in_every_format(lpt, home, scored, tmp_path):
    task = package.load(scored, backbone=str(home / "vit.safetensors"), device="cpu")
    rule = LabelSets.of(task.spec, 0.9)
    paths = sorted((home / PHOTOS).iterdir())
    wanted = [list(rule.members(one)) for one in task.predict(paths, top=4)]
    options = ("--sets", "0.9", "--top", "1")
    _, out, err = lpt(*arguments(scored, *options, "--output", "csv"))
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [json.loads(row["set"]) for row in rows] == wanted
    assert "label_2" not in rows[0]
    assert "sets      all classes: 90.0 % from 45 validation images" in err
    _, out, _ = lpt(*arguments(scored, *options, "--json"))
    assert [json.loads(line)["set"] for line in out.splitlines()] == wanted
    _, out, _ = lpt(*arguments(scored, *options))
    assert all(line.endswith("}") for line in out.splitlines())
    file = tmp_path / "p.parquet"
    assert lpt(*arguments(scored, *options, "--out", str(file)))[0] == 0
    assert pq.read_table(file).to_pydict()["set"] == wanted


def test_sets_by_group_have_thresholds_of_their_own(lpt, scored):
    _, out, err = lpt(*arguments(scored, "--sets", "0.9", "--sets-by", "group", "--json"))
    assert "few-shot classes: 90.0 % from 5 validation images, which are too few" in err
    assert all({"bee", "cat", "dog"} & set(json.loads(line)["set"]) for line in out.splitlines())


def test_precision_and_keep_mark_what_is_unsure(lpt, scored):
    _, out, err = lpt(*arguments(scored, "--keep", "0.5", "--output", "csv"))
    assert {row["unsure"] for row in csv.DictReader(io.StringIO(out))} <= {"yes", "no"}
    assert "threshold medium-shot classes: from " in err
    _, out, err = lpt(*arguments(scored, "--precision", "0.9", "--output", "csv"))
    assert "few-shot classes: no threshold reaches it" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--sets-by", "group"), "--sets-by: needs --sets"),
        (("--precision", "0.9", "--keep", "0.9"), "--precision, --keep: give one of them"),
        (("--precision", "0.9", "--threshold", "0.5"), "--precision, --threshold: give one"),
        (("--sets", "0.9", "--prior", "uniform"), "--sets: its scores were measured without"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, said, lpt, scored):
    refused(lpt(*arguments(scored, *options)), said)


def test_a_file_is_not_continued_with_other_sets(lpt, scored, tmp_path, monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    out = ("--out", str(tmp_path / "p.csv"))
    with monkeypatch.context() as patch:
        patch.setattr("lpt.cli.predictions.predict_to_file.piece_of", stop)
        assert lpt(*arguments(scored, "--sets", "0.9", *out))[0] == 130
    refused(lpt(*arguments(scored, "--sets", "0.8", *out)), "was begun with --sets 0.9, not 0.8")
