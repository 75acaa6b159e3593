"""Whether data exists is known before anything is opened."""

import pytest

from lpt.data.sources.existing import check_data_exists
from lpt.errors import DataError


@pytest.mark.parametrize("spec", ["digits", "cifar100-lt:imbalance=50,root=nowhere", "hf:some/set"])
def test_a_known_data_set_needs_no_place(spec):
    check_data_exists(spec)


def test_a_folder_that_exists_is_not_looked_into(tmp_path):
    check_data_exists(str(tmp_path))
    check_data_exists(f"{tmp_path}:list=nothing.csv")


@pytest.mark.parametrize("options", ["", ":list=a.csv"])
def test_a_path_that_does_not_exist_is_named(tmp_path, options):
    with pytest.raises(DataError, match="nosuch: no such folder, list or Parquet file"):
        check_data_exists(f"{tmp_path}/nosuch{options}")


def test_an_option_without_a_value_is_refused(tmp_path):
    with pytest.raises(DataError, match="has no value"):
        check_data_exists(f"{tmp_path}:list=")
