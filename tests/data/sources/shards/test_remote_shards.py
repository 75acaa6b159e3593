"""Tar shards in object storage, on a local S3 server."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from lpt.data.sources.open_data import open_data
from lpt.errors import DataError
from lpt.files.remote import byte_ranges
from lpt.training.run.data_identity import run_identity

from ....s3_server import S3Server
from ...conftest import encoded, write_shard, write_tar

MB = 10**6


@pytest.fixture
def server(s3_client: S3Server) -> S3Server:
    s3_client.put("shards-bucket")
    return s3_client


def stored(server: S3Server, folder: Path, name: str) -> str:
    """A folder of three shards with images of two classes; its address."""
    write_shard(folder / name / "train-0.tar", [0, 1] * 8)
    write_shard(folder / name / "train-1.tar", [1, 0] * 8, first=2000)
    write_shard(folder / name / "test-0.tar", [0, 1], first=3000)
    (folder / name / "classes.txt").write_text("owl\nbat\n")
    server.upload(folder / name, f"shards-bucket/{name}")
    return f"s3://shards-bucket/{name}"


def large(server: S3Server, folder: Path, name: str) -> str:
    """A shard of 12 MB with 30 images; its address."""
    noise = np.random.default_rng(0)
    members: dict[str, bytes] = {}
    for number in range(30):
        members[f"{number:03d}.jpg"] = noise.bytes(400_000)
        members[f"{number:03d}.cls"] = str(number % 4).encode()
    server.put(f"shards-bucket/{name}", write_tar(folder / "large.tar", members).read_bytes())
    return f"s3://shards-bucket/{name}"


def fetched(server: S3Server) -> list[int]:
    """Bytes of the requests for parts of objects since the last call."""
    return [request["bytes"] for request in server.requests() if request["range"]]


def test_shards_in_storage_are_the_same_data_as_on_disk(server: S3Server, tmp_path: Path) -> None:
    address = stored(server, tmp_path, "same")
    there, here = open_data(address), open_data(tmp_path / "same")
    assert there.class_names == here.class_names == ("owl", "bat")
    for name, split in here.splits.items():
        other = pickle.loads(pickle.dumps(there.split(name)))  # as spawned workers get it
        assert other.labels.tolist() == split.labels.tolist()
        assert [other.read(i) for i in range(len(split))] == [
            split.read(i) for i in range(len(split))
        ]
    ours, theirs = run_identity(here), run_identity(there)
    assert [name for name in ours if ours[name] != theirs[name]] == ["image times"]


def test_a_pattern_asks_for_its_files_only(server: S3Server, tmp_path: Path) -> None:
    address = stored(server, tmp_path, "pattern")
    server.requests()
    train = open_data(f"{address}/train-{{1..1}}.tar", test_fraction=0).split("train")
    assert train.read(0) == encoded(2000)
    assert not [request for request in server.requests() if "train-0" in request["path"]]
    with pytest.raises(DataError, match=r"pattern/train-2\.tar: no such object"):
        open_data(f"{address}/train-{{0..2}}.tar")


def test_a_shard_is_indexed_once_and_then_read_by_its_parts(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = large(server, tmp_path, "large.tar")
    monkeypatch.setenv("LPT_REMOTE_CACHE_GB", "0")
    server.requests()
    open_data(address)
    parts = fetched(server)
    assert sum(parts) < 14 * MB
    assert len(parts) < 7
    byte_ranges.forget_blocks()
    train = open_data(address, test_fraction=0, val_fraction=0).split("train")
    assert fetched(server) == []
    content = (tmp_path / "large.tar").read_bytes()
    assert train.read(17) in content
    assert 0.4 * MB <= sum(fetched(server)) < 2.2 * MB


def test_images_on_disk_are_not_fetched_again(server: S3Server, tmp_path: Path) -> None:
    address = stored(server, tmp_path, "again")
    first = open_data(address).split("train").read(3)
    byte_ranges.forget_blocks()
    server.requests()
    assert open_data(address).split("train").read(3) == first
    assert fetched(server) == []


def test_a_shard_that_is_replaced_is_an_error_and_then_new(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = stored(server, tmp_path, "changed")
    train = open_data(address).split("train")
    train.read(0)
    write_shard(tmp_path / "new.tar", [1, 0] * 8, first=4000)
    server.put("shards-bucket/changed/train-0.tar", (tmp_path / "new.tar").read_bytes())
    byte_ranges.forget_blocks()
    monkeypatch.setenv("LPT_REMOTE_CACHE_GB", "0")
    with pytest.raises(DataError, match=r"train-0\.tar: damaged: it was changed while"):
        train.read(13)
    assert open_data(address).split("train").read(0) == encoded(4000)


def test_what_is_no_tar_file_is_named(server: S3Server) -> None:
    server.put("shards-bucket/broken.tar", b"x" * 2000)
    with pytest.raises(DataError, match=r"s3://shards-bucket/broken\.tar: not a usable tar file"):
        open_data("s3://shards-bucket/broken.tar")
