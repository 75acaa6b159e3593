"""Options that belong together, checked before anything is loaded."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lpt.cli.predictions.bulk_request import BulkRequest, check_absent
from lpt.cli.predictions.row_bytes import format_of
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


def test_a_finished_table_of_predictions_is_said_to_be_complete(tmp_path):
    out = tmp_path / "a.parquet"
    kind = format_of(out, 3, None)
    (tmp_path / "part").write_bytes(kind.head)
    kind.convert(tmp_path / "part", out)
    with pytest.raises(ConfigError, match=r"exists already and is complete: predictions of 0 im"):
        check_absent(out)


def test_another_parquet_file_is_not_said_to_be_complete(tmp_path):
    out = tmp_path / "a.parquet"
    pq.write_table(pa.table({"path": ["x"] * 2403, "label": ["y"] * 2403}), out)
    with pytest.raises(ConfigError, match=r"a\.parquet: exists already, with 2,403 rows\. Choose"):
        check_absent(out)


def test_what_cannot_be_read_as_parquet_exists_already(tmp_path):
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "link.parquet").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.parquet")
    for name in ("damaged", "folder", "link", "pipe"):
        with pytest.raises(ConfigError, match=r"parquet: exists already\. Choose"):
            check_absent(tmp_path / f"{name}.parquet")
