"""The flawed data set as a fixture."""

import pytest

from .flawed import FLAWED, put


@pytest.fixture
def flawed(tmp_path):
    return put(tmp_path / "data", FLAWED)
