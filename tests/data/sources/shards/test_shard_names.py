"""Patterns in braces name numbered files."""

from pathlib import Path

import pytest

from lpt.data.sources.shards.shard_names import expanded
from lpt.errors import DataError
from lpt.files.remote.remote_paths import RemotePath


def names(text: str) -> list[str]:
    return [path.name for path in expanded(Path(text))]


def test_numbers_have_the_digits_of_the_first():
    assert names("a/x-{0008..0010}.tar") == ["x-0008.tar", "x-0009.tar", "x-0010.tar"]
    assert names("x-{8..10}.tar") == ["x-8.tar", "x-9.tar", "x-10.tar"]
    assert names("x-{3..3}.TAR") == ["x-3.TAR"]


def test_an_address_stays_one():
    (path,) = expanded(RemotePath("s3://bucket/x-{0..0}.tar"))
    assert str(path) == "s3://bucket/x-0.tar"
    assert isinstance(path, RemotePath)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x-{9..3}.tar", "names no files"),
        ("x-{0..999999999}.tar", "or more than 100,000"),
        ("x-{0..999}{0..999}.tar", "or more than 100,000"),
        ("x-{}.tar", "write numbers in braces as {000..009}"),
        ("x-{a}.tar", "write numbers in braces as {000..009}"),
        ("x-{1..2..3}.tar", "write numbers in braces as {000..009}"),
        ("x-{٣..٤}.tar", "write numbers in braces as {000..009}"),
        ("part{0..1}/x-{0..3}.tar", "braces in the name of a folder"),
    ],
)
def test_braces_that_cannot_be_meant_are_refused(text, said):
    with pytest.raises(DataError) as caught:
        expanded(Path(text))
    assert said in str(caught.value)
