"""The arguments of a run are checked before anything is opened."""

from pathlib import Path

import pytest
import torch

from lpt.api import TrainRequest
from lpt.errors import ConfigError, ParameterError, RunError


@pytest.mark.parametrize(
    ("budget", "seconds"), [(None, None), ("20m", 1200.0), (60, 60.0), (1.5, 1.5)]
)
def test_a_budget_is_text_or_seconds(budget, seconds):
    assert TrainRequest("photos", budget=budget).budget_seconds == seconds


def test_parameters_take_precedence_over_settings():
    request = TrainRequest(
        Path("photos"), settings={"seed": 1, "phase1.epochs": 2}, seed=3, bad_images="skip"
    )
    assert request.changes == {
        "seed": 3,
        "phase1.epochs": 2,
        "data.source": "photos",
        "data.bad_images": "skip",
    }


def test_a_device_of_torch_is_a_device():
    assert TrainRequest(device=torch.device("cuda", 1)).device_name == "cuda:1"
    assert TrainRequest().device_name is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"data": 3},
        {"backbone": b"x"},
        {"out": 1},
        {"recipe": {}},
        {"settings": ["phase1.epochs=5"]},
        {"seed": 1.5},
        {"seed": True},
        {"budget": [1]},
        {"budget": 0},
        {"budget": float("inf")},
        {"group_by": 1},
        {"bad_images": True},
        {"device": 0},
    ],
)
def test_a_wrong_argument_is_named_in_one_line(wrong):
    with pytest.raises(ParameterError) as caught:
        TrainRequest(**wrong)
    assert str(caught.value).startswith(*wrong)
    assert len(str(caught.value).splitlines()) == 1


def test_an_out_that_cannot_be_written_is_named_before_data_that_is_missing(tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(RunError, match="cannot be written"):
            TrainRequest("no/such/data", out=out).check()


def test_a_resumed_run_keeps_its_configuration():
    TrainRequest("photos", out="run", resume=True, device="cpu", settings={}).check_resume()
    with pytest.raises(ConfigError, match=r"^resume: recipe, settings, seed would change the run"):
        TrainRequest(
            out="run", resume=True, recipe="paper", settings={"seed": 1}, seed=0
        ).check_resume()
    with pytest.raises(ConfigError, match=r"^resume: needs out"):
        TrainRequest(resume=True).check_resume()
