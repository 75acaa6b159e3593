"""Old names give one warning that names the new one."""

import pytest

from lpt.config import RunConfig
from lpt.deprecation import RenamedWarning, renamed_arguments, warn_renamed


def test_the_warning_names_both_and_the_version_that_refuses():
    with pytest.warns(RenamedWarning, match=r"^a is now b\. The old name works until lpt 0\.3\.$"):
        warn_renamed("a", "b")


def test_the_warning_points_to_the_line_of_the_caller():
    with pytest.warns(RenamedWarning) as warned:
        RunConfig().changed({"prompts.top": 1})
    assert warned[0].filename == __file__


def test_an_old_argument_is_passed_on_under_its_new_name():
    @renamed_arguments(batch="batch_size")
    def called(*, batch_size: int = 1) -> int:
        return batch_size

    with pytest.warns(RenamedWarning, match="`batch` is now `batch_size`"):
        assert called(batch=7) == 7
    with pytest.raises(TypeError, match="unexpected keyword"):
        called(batch=7, batch_size=8)
