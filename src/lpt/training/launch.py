"""Device, precision and processes, decided once at the start of a run."""

import os

import torch
from accelerate import Accelerator

from lpt.devices import choose_device
from lpt.errors import ConfigError

__all__ = ["default_workers", "make_accelerator"]


def make_accelerator(precision: str = "auto", device: str | None = None) -> Accelerator:
    """Choose a device and the precision it is fast in.

    "auto" is bf16 autocast on a GPU that has it and float32 elsewhere: on CPUs without bf16
    instructions a bf16 product is hundreds of times slower than a float32 one.

    Args:
        precision: auto, float32 or bf16.
        device: "cpu" keeps off a GPU; None takes what is there.
    Raises: ConfigError if bf16 is asked for where it would crawl, or if this process has trained
        on another device or in another precision.
    """
    use_gpu = choose_device(device).type == "cuda"
    if use_gpu:
        fast_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        torch.set_float32_matmul_precision("high")
    else:
        fast_bf16 = _cpu_has_fast_bf16()
    if precision == "bf16" and not fast_bf16:
        raise ConfigError(
            "precision=bf16: this device has no bf16 instructions and would be hundreds of times "
            "slower. Use precision=float32 or auto."
        )
    mixed = (
        "bf16" if precision == "bf16" or (precision == "auto" and use_gpu and fast_bf16) else "no"
    )
    try:
        return Accelerator(cpu=not use_gpu, mixed_precision=mixed)
    except ValueError as error:  # Accelerate keeps one device and precision a process
        raise ConfigError(
            f"device={device}, precision={precision}: this process has trained with others before. "
            "Start a new process for it."
        ) from error


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
