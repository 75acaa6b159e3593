"""Class names that a task file cannot hold are refused before a training."""

import pytest

from lpt.errors import DataError
from lpt.task.class_limits import check_class_names


def test_names_that_fit_pass() -> None:
    check_class_names(["ant", "bée", "大", ""], "photos")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["c"] * 100_001, "photos: has 100,001 classes; a task has at most 100,000"),
        (["x" * 10_001], "longer than 10,000"),
        (["x" * 9_000] * 500, "more than 4,194,304 bytes"),
        (["k\udcf6nig"], r"'k\\xf6nig' is not UTF-8"),
    ],
)
def test_names_that_do_not_fit_are_refused(names: list[str], said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        check_class_names(names, "photos")
    assert len(str(caught.value).splitlines()) == 1
