"""Class frequencies come from words, files, mappings or numbers, and are those of the task."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from lpt.errors import DataError, LptError, ParameterError
from lpt.evaluation.chosen_prior import ChosenPrior
from lpt.evaluation.priors import adjust_to_prior, effective_prior
from lpt.records import Predictions
from lpt.task.class_prior import PriorRule, adjust_predictions, estimate_task_prior, task_prior
from lpt.task_spec import TaskSpec

from ..test_task_file import spec_for
from ..tiny import backbone_of, write_backbone


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> TaskSpec:
    backbone = backbone_of(write_backbone(tmp_path_factory.mktemp("vit") / "vit.safetensors"))
    fields = {"class_names": ("ant", "bee", "007"), "class_counts": (70, 20, 10)}
    return spec_for(backbone, **fields, temperature=0.1, prior_power=0.5)


def test_words_numbers_and_mappings_name_the_frequencies(spec):
    assert task_prior(spec, "uniform").tolist() == pytest.approx([1 / 3] * 3)
    assert task_prior(spec, "training").tolist() == pytest.approx([0.7, 0.2, 0.1])
    assert task_prior(spec, [1, 1, 2]).tolist() == pytest.approx([0.25, 0.25, 0.5])
    assert task_prior(spec, {"bee": 3, "007": 1}).tolist() == pytest.approx([0, 0.75, 0.25])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("shop.csv", "class,count\nant,1\n007,3\n"),
        ("shop.csv", "\ufefflabel,share,note\n007,0.75,\n\nant,0.25,x\n"),
        ("shop.json", json.dumps({"ant": 25, "007": 75})),
    ],
)
def test_a_file_names_the_frequencies(spec, tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    assert task_prior(spec, path).tolist() == pytest.approx([0.25, 0, 0.75])
    assert task_prior(spec, str(path)).tolist() == pytest.approx([0.25, 0, 0.75])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class,count\nbees,1\n", "no class 'bees'. Nearest: bee"),
        ("class,count\nbee,many\n", "line 2: no number"),
        ("class,count\nbee,1\nbee,1\n", "line 3: class 'bee' appears twice"),
        ("class,count\nbee,-1\n", "at least 0"),
        ("class,count\nbee,nan\n", "at least 0"),
        ("class,count\nbee,1e308\nant,1e308\n", "at least 0"),
        ("name,x\nbee,1\n", "columns class and count"),
        ("", "columns class and count"),
        ('{"bee": "3"}', "'bee' needs a number"),
        ("{", "not valid JSON"),
        ("{" + '"a":{' * 10000, "not valid JSON"),
    ],
)
def test_a_file_that_names_none_says_why(spec, tmp_path, text, message):
    path = tmp_path / "prior.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        task_prior(spec, path)


@given(st.binary(max_size=200))
def test_any_bytes_give_frequencies_or_one_clear_error(spec, tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "prior"
    path.write_bytes(content)
    try:
        total = task_prior(spec, path).sum()
    except LptError as error:
        total = 1.0 if str(path) in str(error) else np.nan
    assert total == pytest.approx(1)


def test_numbers_of_another_count_are_refused(spec):
    with pytest.raises(ParameterError, match="3 classes"):
        task_prior(spec, [1, 2])


def test_cosines_move_so_that_their_softmax_is_the_adjusted_probability(spec):
    cosines = np.random.default_rng(0).uniform(-1, 1, (20, 3)).astype(np.float32)
    found = Predictions(cosines, np.zeros(20, dtype=np.int64))
    target = np.array([0.1, 0.2, 0.7])
    moved = adjust_predictions(spec, found, target).logits
    before = softmax(cosines.astype(np.float64) / 0.1, axis=1)
    wanted = adjust_to_prior(before, effective_prior((70, 20, 10), 0.5), target)
    assert softmax(moved.astype(np.float64) / 0.1, axis=1) == pytest.approx(wanted, abs=1e-5)


def test_a_class_of_frequency_zero_is_never_predicted(spec):
    found = Predictions(np.array([[1, -1, -1]], dtype=np.float32), np.zeros(1, dtype=np.int64))
    moved = adjust_predictions(spec, found, np.array([0.0, 0.5, 0.5])).logits
    assert np.isfinite(moved).all()
    assert moved.argmax() != 0


def test_the_estimate_does_not_read_labels(spec):
    cosines = np.eye(3, dtype=np.float32)[[1] * 80]
    one = Predictions(cosines, np.zeros(80, dtype=np.int64))
    other = Predictions(cosines, np.full(80, 2))
    found = estimate_task_prior(spec, one)
    assert found.prior.tolist() == estimate_task_prior(spec, other).prior.tolist()
    assert found.follows == "images"
    assert found.prior.tolist() == pytest.approx([0, 1, 0], abs=0.01)


def test_the_line_says_how_freely_frequencies_were_estimated(spec):
    rule, prior = PriorRule(spec, "estimate"), np.array([0.8, 0.2, 0.0])
    assert rule.describe(ChosenPrior(prior, 30, "images")) == (
        "estimated frequencies: ant 80.0 %, bee 20.0 %, 007 0.0 %"
    )
    assert "those of training ** -0.50, so ant 80.0 %" in rule.describe(
        ChosenPrior(prior, 30, "training", -0.5)
    )
    assert rule.describe(ChosenPrior(prior, 9, "task")) == (
        "the task's own frequencies are kept: 9 images show no others clearly"
    )
    assert rule.describe(ChosenPrior(prior, 29, "training", 2.0)).endswith(
        "007 0.0 %; 29 images for 3 classes are few, so the frequencies are uncertain"
    )


def test_files_of_the_first_format_have_no_power(spec):
    fields = spec.model_dump(exclude={"prior_power"})
    assert TaskSpec(**fields).prior_power is None


def test_paths_are_read_as_files_and_never_as_words(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("uniform").write_text("class,count\nant,1\n")
    assert task_prior(spec, Path("uniform")).tolist() == [1, 0, 0]
    assert task_prior(spec, "uniform").tolist() == pytest.approx([1 / 3] * 3)
