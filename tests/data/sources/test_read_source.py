"""Options of sources, and formats by name."""

import pytest

from lpt.data.sources.data_string import parse_spec
from lpt.data.sources.read_source import check_options, labels_are_indices, read_source
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
