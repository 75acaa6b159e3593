"""Options of sources, and formats by name."""

import pytest

from lpt.data.sources.data_string import parse_spec
from lpt.data.sources.read_source import (
    check_exists,
    check_options,
    labels_are_indices,
    read_source,
)
from lpt.errors import DataError

from ..conftest import MakeFolder


@pytest.mark.parametrize(
    "spec", ["digits:split=none", "hf:a/b:depth=2", "x.csv:depth=2", "x:root=a"]
)
def test_options_of_other_sources_are_refused(spec: str) -> None:
    with pytest.raises(DataError, match="unknown option"):
        check_options(parse_spec(spec), "list", "test")


def test_labels_are_indices_on_request_only() -> None:
    assert labels_are_indices(parse_spec("x.csv:labels=index"))
    assert not labels_are_indices(parse_spec("x.csv"))


def test_a_folder_is_read_with_its_options(make_folder: MakeFolder) -> None:
    root = make_folder({"train/a": 1, "exam/a": 1})
    found = read_source(parse_spec(f"{root}:splits=exam:test"), 0, None)
    assert sorted(found.splits.tolist()) == ["test", "train"]
    with pytest.raises(DataError, match="has no column 'nest' to group by"):
        read_source(parse_spec(root), 0, "nest")


@pytest.mark.parametrize("spec", ["digits", "cifar100-lt:imbalance=50,root=nowhere", "hf:some/set"])
def test_a_known_data_set_needs_no_place(spec: str) -> None:
    check_exists(parse_spec(spec))


def test_a_folder_that_exists_is_not_looked_into(tmp_path) -> None:
    check_exists(parse_spec(str(tmp_path)))
    check_exists(parse_spec(f"{tmp_path}:list=nothing.csv"))


@pytest.mark.parametrize("options", ["", ":list=a.csv"])
def test_a_path_that_does_not_exist_is_named(tmp_path, options: str) -> None:
    with pytest.raises(DataError, match="nosuch: no such folder, list, Parquet file or tar shard"):
        check_exists(parse_spec(f"{tmp_path}/nosuch{options}"))


@pytest.mark.parametrize("name", ["a.tar.gz", "a.TGZ", "a.tar.zst", "a-{0..3}.tar.gz"])
@pytest.mark.parametrize("root", ["", "gs://bucket/"])
def test_a_compressed_tar_file_is_to_be_unpacked(name: str, root: str, tmp_path) -> None:
    source = f"{root or tmp_path}/{name}"
    with pytest.raises(DataError) as caught:
        read_source(parse_spec(source), 0, None)
    assert str(caught.value) == (
        f"{parse_spec(source).source}: a compressed tar file cannot be read. Unpack it to .tar."
    )


def test_a_folder_with_the_name_of_a_compressed_file_is_one(make_folder: MakeFolder) -> None:
    root = make_folder({"a": 1, "b": 1})
    folder = root.rename(root.parent / "photos.tar.gz")
    assert read_source(parse_spec(folder), 0, None).class_names == ("a", "b")


@pytest.mark.parametrize("name", ["x.csv", "folder/X.TSV", "x.txt", "x.jpg", "x.csv/"])
@pytest.mark.parametrize("scheme", ["gs", "abfs", "s3"])
def test_the_format_in_object_storage_comes_before_packages_and_credentials(
    scheme: str, name: str
) -> None:
    with pytest.raises(DataError, match="lists and image files in object storage cannot be read"):
        check_exists(parse_spec(f"{scheme}://bucket/{name}"))
    check_exists(parse_spec(f"{scheme}://bucket/birds:list=here.csv"))
