"""Options that belong together, checked before anything is loaded."""

from pathlib import Path

import pytest

from lpt.cli.predictions.bulk_request import BulkRequest
from lpt.errors import ConfigError, ParameterError


def test_without_a_file_there_is_no_request():
    assert BulkRequest.of_options(None, False, None, False) is None
    for options in ((None, True, None, False), (None, False, Path("x"), False)):
        with pytest.raises(ParameterError, match="needs out"):
            BulkRequest.of_options(*options)
    with pytest.raises(ParameterError, match="needs sort_into"):
        BulkRequest.of_options(Path("a.csv"), False, None, True)


@pytest.mark.parametrize("name", ["a.txt", "a", "a.CSVX", ".csv"])
def test_other_formats_are_refused(name):
    with pytest.raises(ParameterError, match=r"\.csv, \.jsonl, \.parquet"):
        BulkRequest(Path(name)).check([])


def test_a_folder_never_receives_images_of_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    Path("link").symlink_to("photos")
    for inside in ("photos", "photos/sorted", "link/sorted", "x/../photos/a"):
        with pytest.raises(ParameterError, match="is inside"):
            BulkRequest(Path("a.csv"), sort_into=Path(inside)).check([Path("photos")])
    BulkRequest(Path("a.csv"), sort_into=Path("photos2")).check([Path("photos")])


def test_an_existing_file_is_refused(tmp_path):
    (tmp_path / "a.csv").touch()
    with pytest.raises(ConfigError, match="exists already"):
        BulkRequest(tmp_path / "a.csv").check([])
