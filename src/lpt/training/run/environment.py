"""Device, precision and processes, decided once at the start of a run."""

import os

import torch
from accelerate import Accelerator

from lpt.devices import choose_device
from lpt.errors import ConfigError

__all__ = ["default_workers", "fast_bf16", "make_accelerator", "uses_bf16"]


def make_accelerator(precision: str = "auto", device: str | None = None) -> Accelerator:
    """Choose a device and the precision it is fast in.

    Args:
        precision: as for `uses_bf16`.
        device: "cpu" keeps off a GPU; None takes what is there.
    Raises: ConfigError if bf16 is asked for where it would crawl, or if this process has trained
        on another device or in another precision.
    """
    chosen = choose_device(device)
    mixed = "bf16" if uses_bf16(precision, chosen) else "no"
    if chosen.type == "cuda":
        torch.set_float32_matmul_precision("high")
    try:
        return Accelerator(cpu=chosen.type == "cpu", mixed_precision=mixed)
    except ValueError as error:  # Accelerate keeps one device and precision a process
        raise ConfigError(
            f"device={device}, precision={precision}: this process has trained with others before. "
            "Start a new process for it."
        ) from error


def uses_bf16(precision: str, device: torch.device) -> bool:
    """Whether products run in bf16, by autocast.

    "auto" is bf16 where the device has instructions for it, GPU or CPU, and float32 elsewhere:
    steps gain up to 1.8 on CPUs and accuracy stays (docs/benchmarks.md); without the instructions
    a bf16 product is hundreds of times slower than a float32 one.

    Args:
        precision: auto, float32 or bf16.
    Raises: ConfigError if bf16 is asked for where it would crawl.
    """
    fast = fast_bf16(device)
    if precision == "bf16" and not fast:
        raise ConfigError(
            "precision=bf16: this device has no bf16 instructions and would be hundreds of times "
            "slower. Use precision=float32 or auto."
        )
    return precision == "bf16" or (precision == "auto" and fast)


def fast_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bf16 numbers by instructions of its own."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return _cpu_has_fast_bf16()


def default_workers(accelerator: Accelerator, wanted: int | None) -> int:
    """Loading processes: as asked; else none beside a CPU that computes, up to 8 beside a GPU."""
    if wanted is not None:
        return wanted
    if accelerator.device.type == "cpu":
        return 0
    return max(1, min(8, (os.cpu_count() or 2) - 1))


def _cpu_has_fast_bf16() -> bool:
    capability = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(capability()) if capability is not None else False
