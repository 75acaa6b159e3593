"""Paths in object storage behave like local ones, and as text they are addresses."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from lpt.data.sources.data_string import parse_spec, run_name
from lpt.errors import DataError
from lpt.files.remote.remote_paths import is_remote, place


def test_a_path_that_is_joined_keeps_its_address() -> None:
    path = place("s3://bucket/birds") / "train" / "a.parquet"
    assert str(path) == "s3://bucket/birds/train/a.parquet"
    assert (path.name, path.suffix, str(path.parent)) == (
        "a.parquet",
        ".parquet",
        "s3://bucket/birds/train",
    )
    assert str(path.relative_to(place("s3://bucket/birds"))) == "train/a.parquet"
    assert path == pickle.loads(pickle.dumps(path)) == place("s3://bucket/birds/train/a.parquet")
    assert hash(path) == hash(pickle.loads(pickle.dumps(path)))
    assert path.absolute() is path


def test_a_path_that_lost_a_slash_is_the_address() -> None:
    """As a command line passes on `Path("s3://bucket/birds")`."""
    assert str(place(Path("s3://bucket/birds"))) == "s3://bucket/birds"
    assert is_remote("hf://datasets/org/set/data")
    assert not any(map(is_remote, ["hf:org/set", "photos", "C:/photos", "s3:", "http://a/b"]))


@pytest.mark.parametrize("text", ["s3://bucket/../other", "s3://bucket/x?versionId=1"])
def test_an_address_with_special_parts_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="an address has no"):
        place(text)


def test_options_follow_an_address() -> None:
    spec = parse_spec("s3://bucket/birds:split=none")
    assert (spec.source, spec.options) == ("s3://bucket/birds", {"split": "none"})
    assert parse_spec(Path("s3://bucket/birds")).source == "s3://bucket/birds"
    assert run_name("s3://bucket/birds") == "birds"


def test_nothing_is_imported_for_a_path() -> None:
    code = (
        "import sys; from lpt.data.sources.open_data import open_data; "
        "from lpt.files.remote.remote_paths import place; str(place('s3://b/c') / 'd'); "
        "assert not {'fsspec', 's3fs', 'asyncio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
