"""Where tensors live, and what memory they take."""

import builtins
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from lpt.errors import ParameterError
from lpt.machine import devices
from lpt.machine.devices import choose_device, peak_memory


def test_nothing_asked_takes_what_is_there() -> None:
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert choose_device().type == expected


@pytest.mark.parametrize("wanted", ["gpu", "cpux", "cuda:x", "cuda:99", "cuda:²", "", 0])
def test_a_device_that_is_not_there_is_named(wanted: Any) -> None:
    with pytest.raises(ParameterError, match=r"^device '.*': (unknown|not available)"):
        choose_device(wanted)


def test_a_device_of_torch_is_taken_as_it_is() -> None:
    assert choose_device(torch.device("cpu")) == torch.device("cpu")
    with pytest.raises(ParameterError, match="device 'meta': unknown"):
        choose_device(torch.device("meta"))


@pytest.mark.parametrize("available", [True, False])
def test_an_apple_gpu_is_taken_where_there_is_one(
    available: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: available)
    if available:
        assert choose_device("mps") == torch.device("mps")
    else:
        with pytest.raises(ParameterError, match="device 'mps': not available"):
            choose_device("mps")
    assert choose_device().type != "mps"


def test_where_the_system_does_not_report_memory_the_peak_is_0(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def without_resource(name: str, *rest: Any, **options: Any) -> Any:
        if name == "resource":
            raise ImportError(name)
        return imported(name, *rest, **options)

    imported = builtins.__import__
    real = Path.is_file
    monkeypatch.setattr(Path, "is_file", lambda path: "/proc/" not in str(path) and real(path))
    assert devices.peak_memory("cpu") > 0
    monkeypatch.setattr(builtins, "__import__", without_resource)
    assert devices.peak_memory("cpu") == 0


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
        "from lpt.machine.devices import peak_memory, reset_peak_memory\n"
        "del [bytearray(2**28)][:]\n"
        "before = peak_memory('cpu')\n"
        "reset_peak_memory('cpu')\n"
        "print(before - peak_memory('cpu'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) >= 2**27
