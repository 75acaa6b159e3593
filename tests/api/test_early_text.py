"""Settings of text that would be ignored are refused before anything is opened."""

from pathlib import Path

import pytest

from lpt.api import TrainRequest
from lpt.api.early_text import check_text
from lpt.errors import ParameterError


@pytest.mark.parametrize("name", ["templates", "class_names"])
def test_lists_without_the_start_at_text_are_refused(name: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("a {}.")
    request = TrainRequest("digits", **{name: file})
    with pytest.raises(ParameterError, match="class_init text only"):
        _ = request.config
    assert TrainRequest("digits", class_init="text", **{name: file}).config.text


def test_a_text_tower_without_the_start_at_text_is_refused() -> None:
    request = TrainRequest("digits", settings={"text.source": "hf-hub:us/clip"})
    with pytest.raises(ParameterError, match=r"text\.source hf-hub:us/clip"):
        _ = request.config


def test_a_feature_that_text_does_not_have_is_refused() -> None:
    request = TrainRequest("digits", class_init="text", settings={"feature": "class+patches"})
    with pytest.raises(ParameterError, match="needs feature own"):
        _ = request.config


def test_templates_are_read_early() -> None:
    with pytest.raises(ParameterError, match="Did you mean birds"):
        _ = TrainRequest("digits", class_init="text", templates="bird").config


def test_a_list_of_names_must_exist(tmp_path: Path) -> None:
    request = TrainRequest("digits", class_init="text", class_names=tmp_path / "none.csv")
    with pytest.raises(ParameterError, match="columns class and name"):
        request.check()


def test_a_start_at_a_task_and_at_text_exclude_each_other() -> None:
    config = TrainRequest("digits", class_init="text").config
    check_text(config, init_from=False)
    with pytest.raises(ParameterError, match="Leave one of them out"):
        check_text(config, init_from=True)
