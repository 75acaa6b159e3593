"""Where tensors live."""

import pytest
import torch

from lpt.devices import choose_device
from lpt.errors import ConfigError


def test_nothing_asked_takes_what_is_there() -> None:
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert choose_device().type == expected


@pytest.mark.parametrize("wanted", ["gpu", "cpux", "cuda:x", "cuda:99", "mps", ""])
def test_a_device_that_is_not_there_is_named(wanted: str) -> None:
    with pytest.raises(ConfigError, match="--device"):
        choose_device(wanted)
