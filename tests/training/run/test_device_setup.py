"""Device, precision and loading processes."""

import pytest
import torch

from lpt.errors import ConfigError
from lpt.training.run import device_setup
from lpt.training.run.device_setup import default_workers, make_accelerator, uses_bf16


def test_bf16_is_refused_on_a_device_without_its_instructions(monkeypatch):
    monkeypatch.setattr(device_setup, "cpu_has_bf16", lambda: False)
    with pytest.raises(ConfigError, match="precision=bf16: this device has no bf16 instructions"):
        make_accelerator("bf16", "cpu")


@pytest.mark.parametrize("fast", [True, False])
def test_auto_chooses_bf16_on_a_cpu_with_its_instructions(fast, monkeypatch):
    monkeypatch.setattr(device_setup, "cpu_has_bf16", lambda: fast)
    assert uses_bf16("auto", torch.device("cpu")) is fast
    assert uses_bf16("float32", torch.device("cpu")) is False


def test_a_process_keeps_its_precision(monkeypatch):
    make_accelerator("float32", "cpu")
    monkeypatch.setattr(device_setup, "cpu_has_bf16", lambda: True)
    with pytest.raises(ConfigError, match=r"has trained with other values\. Start a new process"):
        make_accelerator("bf16", "cpu")


def test_on_a_cpu_the_training_process_loads_the_images_unless_configured():
    accelerator = make_accelerator("auto", "cpu")
    assert default_workers(accelerator, None) == 0
    assert default_workers(accelerator, 3) == 3
