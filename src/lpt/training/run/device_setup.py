"""Device, precision and loading processes, chosen once at the start of a run."""

import os

import torch
from accelerate import Accelerator

from lpt.errors import ConfigError
from lpt.machine.device_name import check_precision_name
from lpt.machine.devices import choose_device
from lpt.machine.group.process_group import ALONE, ProcessGroup

__all__ = ["cpu_has_bf16", "default_workers", "fast_bf16", "make_accelerator", "uses_bf16"]


def make_accelerator(
    precision: str = "auto", device: str | None = None, group: ProcessGroup = ALONE
) -> Accelerator:
    """Choose a device and a precision.

    Args:
        precision: as for `uses_bf16`.
        device: as for `lpt.machine.devices.choose_device`; None uses a CUDA GPU if there is one.
        group: the processes that train together; each takes a GPU of its own, as far as there are.
    Raises: ConfigError if bf16 is requested on a device without bf16 instructions, or if this
        process has trained on another device or in another precision.
    """
    chosen = choose_device(device)
    if group.size > 1:
        chosen = _device_of(group, chosen)
    mixed = "bf16" if uses_bf16(precision, chosen) else "no"
    if chosen.type == "cuda":
        torch.set_float32_matmul_precision("high")
        if chosen.index is not None:  # Accelerate takes the current GPU
            torch.cuda.set_device(chosen)
    try:
        return Accelerator(cpu=chosen.type == "cpu", mixed_precision=mixed)
    except ValueError as error:  # Accelerate allows one device and precision per process
        raise ConfigError(
            f"device={device}, precision={precision}: this process has trained with other values. "
            "Start a new process."
        ) from error


def _device_of(group: ProcessGroup, chosen: torch.device) -> torch.device:
    """Return the device of a process of a group; Accelerate is told, too."""
    if chosen.index is not None:
        raise ConfigError(
            f"device={chosen}: {group.size} processes choose their own GPUs. Give {chosen.type}."
        )
    if chosen.type == "cuda":
        chosen = torch.device("cuda", group.local_rank % torch.cuda.device_count())
        group.use_gpu(chosen)
    os.environ["ACCELERATE_TORCH_DEVICE"] = str(chosen)
    os.environ.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))  # else it sets its own
    return chosen


def uses_bf16(precision: str, device: torch.device) -> bool:
    """Decide whether matrix products run in bf16, by autocast.

    "auto" means bf16 on devices with bf16 instructions, GPU or CPU, and float32 elsewhere. On CPUs,
    steps become up to 1.8 times faster at the same accuracy (docs/benchmarks.md). Without the
    instructions, a bf16 product is hundreds of times slower than a float32 one.

    Args:
        precision: auto, float32 or bf16.
    Raises: ConfigError if bf16 is requested on a device without bf16 instructions; ParameterError
        for an unknown precision.

    >>> uses_bf16("float32", torch.device("cpu"))
    False
    """
    check_precision_name(precision)
    fast = fast_bf16(device)
    if precision == "bf16" and not fast:
        raise ConfigError(
            "precision=bf16: this device has no bf16 instructions and would be hundreds of times "
            "slower. Use precision=float32 or auto."
        )
    return precision == "bf16" or (precision == "auto" and fast)


def fast_bf16(device: torch.device) -> bool:
    """Whether a device has bf16 matrix instructions."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return cpu_has_bf16()


def default_workers(accelerator: Accelerator, wanted: int | None) -> int:
    """Return the number of loading processes: `wanted`, else 0 on a CPU and up to 8 with a GPU."""
    if wanted is not None:
        return wanted
    if accelerator.device.type == "cpu":
        return 0
    return max(1, min(8, (os.cpu_count() or 2) - 1))


def cpu_has_bf16() -> bool:
    """Whether this CPU has bf16 matrix instructions."""
    capability = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(capability()) if capability is not None else False
