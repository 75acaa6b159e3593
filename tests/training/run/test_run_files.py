"""The files of a run, without torch."""

from pathlib import Path

import pytest

from lpt.errors import LptError
from lpt.training.run.run_files import RunFiles

GOLDEN = Path(__file__).parents[2] / "golden" / "v0_1" / "run"


def test_files_of_a_run_are_where_training_wrote_them():
    files = RunFiles(GOLDEN)
    for file in (files.config_file, files.identity_file, files.metrics_file, files.task_file):
        assert file.is_file()
    assert files.read_config().data.source == "digits"


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(LptError, match=r"config\.yaml"):
        RunFiles(tmp_path).read_config()
