"""Where tensors live, and what memory they take."""

import subprocess
import sys

import pytest
import torch

from lpt.devices import choose_device, peak_memory
from lpt.errors import ConfigError


def test_nothing_asked_takes_what_is_there() -> None:
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert choose_device().type == expected


@pytest.mark.parametrize("wanted", ["gpu", "cpux", "cuda:x", "cuda:99", "mps", ""])
def test_a_device_that_is_not_there_is_named(wanted: str) -> None:
    with pytest.raises(ConfigError, match="--device"):
        choose_device(wanted)


def test_the_peak_holds_what_was_freed_again() -> None:
    before = peak_memory("cpu")
    size = before + 2**26
    del (held := [bytearray(size)])[:]
    assert held == []
    assert size <= peak_memory("cpu") < 4 * size


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process forget its peak")
def test_a_peak_that_was_reset_counts_from_what_is_held_now() -> None:
    """In a process of its own: one that ran the command line keeps the memory it frees."""
    program = (
        "from lpt.devices import peak_memory, reset_peak_memory\n"
        "del [bytearray(2**28)][:]\n"
        "before = peak_memory('cpu')\n"
        "reset_peak_memory('cpu')\n"
        "print(before - peak_memory('cpu'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) >= 2**27
