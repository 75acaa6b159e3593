"""results.json of a run, old and new."""

from pathlib import Path

import pytest

from lpt.errors import RunError
from lpt.task import read_result

GOLDEN = Path(__file__).parents[1] / "golden" / "v0_1" / "run"


def test_a_result_of_the_first_version_is_read():
    result = read_result(GOLDEN)
    assert result is not None
    assert result.metrics.keys() == {"phase1", "phase2"}
    assert result.seconds == sum(result.phase_seconds.values()) > 0


def test_a_folder_without_results_has_none(tmp_path):
    assert read_result(tmp_path) is None


@pytest.mark.parametrize("content", ["{", "[]", '{"metrics": {}}', '{"x": 1}'])
def test_a_damaged_file_is_named(content, tmp_path):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(RunError, match=r"results\.json: cannot be read"):
        read_result(tmp_path)
