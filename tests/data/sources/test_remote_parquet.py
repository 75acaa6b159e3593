"""Parquet files in object storage, on a local S3 server."""

import multiprocessing
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lpt.data.sources.open_data import open_data
from lpt.errors import DataError
from lpt.files.remote import byte_ranges
from lpt.training.run.data_identity import run_identity

from ...s3_server import S3Server
from ..conftest import encoded, write_parquet

MB = 10**6


@pytest.fixture
def server(s3_client: S3Server) -> S3Server:
    s3_client.put("birds-bucket")
    return s3_client


def stored(server: S3Server, folder: Path, name: str) -> str:
    """A folder of two files with images of two classes; its address."""
    write_parquet(folder / name / "train-0.parquet", [0, 1] * 8)
    write_parquet(folder / name / "train-1.parquet", [1, 0] * 8)
    write_parquet(folder / name / "test-0.parquet", [0, 1])
    server.upload(folder / name, f"birds-bucket/{name}")
    return f"s3://birds-bucket/{name}"


def large(server: S3Server, path: Path, name: str) -> str:
    """A file of 40 MB in groups of 2 MB; its address."""
    noise = np.random.default_rng(0).bytes(40 * MB)
    images = [noise[start : start + 100_000] for start in range(0, 40 * MB, 100_000)]
    table = pa.table({"image": images, "label": [n % 4 for n in range(len(images))]})
    pq.write_table(table, path, row_group_size=20, compression="none")
    server.put(f"birds-bucket/{name}", path.read_bytes())
    return f"s3://birds-bucket/{name}"


def test_a_folder_in_storage_is_the_same_data_as_on_disk(server: S3Server, tmp_path: Path) -> None:
    address = stored(server, tmp_path, "same")
    there, here = open_data(address), open_data(tmp_path / "same")
    assert there.class_names == here.class_names
    for name, split in here.splits.items():
        other = pickle.loads(pickle.dumps(there.split(name)))  # as spawned workers get it
        assert other.labels.tolist() == split.labels.tolist()
        assert [other.read(i) for i in range(len(split))] == [
            split.read(i) for i in range(len(split))
        ]
    assert there.split("test").name_of(0) == f"{address}/test-0.parquet row 0"
    ours, theirs = run_identity(here), run_identity(there)
    assert [name for name in ours if ours[name] != theirs[name]] == ["image times"]


def test_opening_reads_labels_and_an_image_its_row_group(server: S3Server, tmp_path: Path) -> None:
    address = large(server, tmp_path / "large.parquet", "large.parquet")
    server.requests()
    train = open_data(address).split("train")
    opened = server.requests()
    assert sum(request["bytes"] for request in opened) < 0.3 * MB
    assert len(opened) < 40  # 20 row groups
    byte_ranges.forget_blocks()
    for _ in range(2):
        train.read(3)
    one = server.requests()
    assert sum(request["bytes"] for request in one) < 3.2 * MB
    assert len([request for request in one if request["range"]]) == 1


def test_blocks_on_disk_are_not_fetched_again(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = stored(server, tmp_path, "again")
    first = [open_data(address).split("train").read(i) for i in range(3)]
    byte_ranges.forget_blocks()
    server.requests()
    assert [open_data(address).split("train").read(i) for i in range(3)] == first
    assert not [request for request in server.requests() if request["range"]]
    monkeypatch.setenv("LPT_REMOTE_CACHE_GB", "0")
    byte_ranges.forget_blocks()
    open_data(address).split("train").read(0)
    assert [request for request in server.requests() if request["range"]]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3://no-such-bucket/birds", "s3://no-such-bucket/birds: no such folder."),
        ("s3://birds-bucket/none", "s3://birds-bucket/none: no such folder."),
        ("s3://birds-bucket/x.parquet", "s3://birds-bucket/x.parquet: no such Parquet file."),
        ("s3://birds-bucket/../x", "an address has no '..'"),
        ("gs://bucket/birds", "pip install 'gcsfs'"),
    ],
)
def test_what_is_not_there_is_named(address: str, said: str) -> None:
    if "gs:" in address:
        try:
            import gcsfs  # noqa: F401
        except ImportError:
            pass
        else:
            pytest.skip("gcsfs is installed")
    with pytest.raises(DataError) as caught:
        open_data(address)
    assert said in str(caught.value)


def test_a_file_that_is_no_parquet_file_is_named(server: S3Server) -> None:
    server.put("birds-bucket/broken.parquet", b"PAR1" * 100)
    with pytest.raises(DataError, match=r"s3://birds-bucket/broken\.parquet: not a readable"):
        open_data("s3://birds-bucket/broken.parquet")


@pytest.mark.parametrize("cached", [True, False])
def test_an_object_that_changed_since_it_was_opened_is_an_error(
    cached: bool, server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not cached:
        monkeypatch.setenv("LPT_REMOTE_CACHE_GB", "0")
    address = stored(server, tmp_path, f"changed-{cached}")
    train = open_data(address).split("train")
    train.read(0)
    write_parquet(tmp_path / "new.parquet", [1, 0] * 8)
    server.put(f"birds-bucket/changed-{cached}/train-0.parquet", b"x" * 5000)
    with pytest.raises(DataError, match=r"train-0\.parquet: damaged: it was changed while"):
        train.read(13)


def test_an_object_that_changes_while_it_is_read_is_an_error(
    server: S3Server, tmp_path: Path
) -> None:
    address = stored(server, tmp_path, "while")
    stream = byte_ranges.RangeStream(f"{address}/train-0.parquet")
    server.put("birds-bucket/while/train-0.parquet", b"x" * stream.size)
    with pytest.raises(DataError, match="changed while it was in use"):
        stream.read(10)
    assert not list((tmp_path / "cache").glob("remote/*/*"))  # nothing of it is kept


def test_a_short_drop_is_survived(server: S3Server, tmp_path: Path) -> None:
    address = stored(server, tmp_path, "drop")
    train = open_data(address).split("train")
    server.drop(3)
    assert train.read(0) == encoded(1000)


def test_a_list_of_rows_in_storage_is_read(server: S3Server, tmp_path: Path) -> None:
    address = stored(server, tmp_path, "listed")
    rows = "file,row,label\ntrain-0.parquet,0,0\ntrain-0.parquet,1,1\n"
    (tmp_path / "few.csv").write_text(rows)
    data = open_data(f"{address}:list={tmp_path / 'few.csv'}")
    assert data.split("train").read(1) == encoded(1001)
    assert len(data.split("train")) == 2


def _read(split: object, index: int, found: object) -> None:
    found.put(split.read(index))


def test_forked_processes_read_on_their_own(server: S3Server, tmp_path: Path) -> None:
    train = open_data(stored(server, tmp_path, "forked")).split("train")
    train.read(0)
    context = multiprocessing.get_context("fork")
    found = context.SimpleQueue()
    process = context.Process(target=_read, args=(train, 1, found))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert found.get() == train.read(1)
