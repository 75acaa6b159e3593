"""When two names mean the same data."""

from pathlib import Path

import pytest

from lpt.data.sources.data_string import same_data


def test_a_folder_is_itself_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    assert same_data("photos/", "./photos")
    assert same_data(str(tmp_path / "photos"), "photos")


def test_options_and_other_folders_make_other_data(tmp_path: Path) -> None:
    assert not same_data(f"{tmp_path}:list=a.csv", f"{tmp_path}:list=b.csv")
    assert not same_data(tmp_path, tmp_path.parent)
    assert not same_data("digits:imbalance=10", "digits")
    assert same_data("digits", "digits")
