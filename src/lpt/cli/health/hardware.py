"""Processors, memory and disks, as lpt will use them."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lpt.cli.health.health_report import HealthReport
from lpt.errors import LptError
from lpt.files.atomic_files import cache_folder, check_writable
from lpt.files.regular_files import size_text
from lpt.progress import plural

__all__ = ["check_cache", "check_devices", "check_memory"]

DRIVER = Path("/proc/driver/nvidia/version")
SHARED_MEMORY = Path("/dev/shm")
LITTLE_MEMORY = 2 * 10**9
LITTLE_SHARED = 256 * 2**20
FULL, ALMOST_FULL = 64 * 2**20, 2**30
"""Bytes that are free on a disk."""


def check_devices(report: HealthReport, environment: Mapping[str, str] = os.environ) -> None:
    """Report the devices that torch finds, which of them is used, and its fast precision."""
    try:
        import torch

        from lpt.machine.devices import choose_device
        from lpt.training.run.device_setup import fast_bf16
    except Exception as error:  # a library of the system may be missing
        reason = " ".join(str(error).split())
        report.problem(f"torch cannot be imported ({reason})", "Install torch again.")
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = torch.get_num_threads()
    gpus: list[dict[str, Any]] = []
    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        gpus.append({"name": card.name, "memory": card.total_memory})
    devices = [f"cpu ({plural(cores or 1, 'core')}, {plural(threads, 'thread')})"]
    devices += [
        f"cuda:{number} ({card['name']}, {size_text(card['memory'])})"
        for number, card in enumerate(gpus)
    ]
    if torch.backends.mps.is_available():
        devices.append("mps")
    value: dict[str, Any] = {"cores": cores, "threads": threads, "cuda": gpus}
    report.add("devices", ", ".join(devices), value)
    chosen = choose_device()
    precision = "bf16" if fast_bf16(chosen) else "float32"
    report.add("used", f"{chosen}, fastest in {precision}", {"device": str(chosen)})
    report.values["precision"] = precision
    if DRIVER.exists() and not gpus:
        built = torch.version.cuda
        report.problem(
            "this machine has an NVIDIA driver, but torch finds no GPU"
            + (f" (it was built for CUDA {built})" if built else " (it was built without CUDA)"),
            "Install a torch that fits the driver, or check CUDA_VISIBLE_DEVICES.",
        )
    if cores and threads > cores:
        report.problem(
            f"torch computes with {threads} threads on {plural(cores, 'core')}",
            f"Set OMP_NUM_THREADS={cores}, or give --threads {cores}.",
            is_note=True,
        )
    if environment.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        report.problem(
            "HF_HUB_OFFLINE is set: backbones and data are not downloaded",
            "Unset it to download.",
            is_note=True,
        )


def check_memory(report: HealthReport) -> None:
    """Report free memory, and shared memory that is too small for loading processes."""
    from lpt.machine.free_memory import free_memory

    free = free_memory("cpu")
    if free is not None:
        report.add("memory", f"{size_text(free)} free", free)
        if free < LITTLE_MEMORY:
            report.problem(
                f"only {size_text(free)} of memory are free; a ViT-B needs about "
                f"{size_text(LITTLE_MEMORY)}",
                "Close other programs, or choose a smaller backbone.",
                is_note=True,
            )
    if SHARED_MEMORY.is_dir():
        shared = shutil.disk_usage(SHARED_MEMORY).total
        if shared < LITTLE_SHARED:
            report.problem(
                f"shared memory has {size_text(shared)}, too little for processes that load images",
                "Start the container with --shm-size=1g, or set data.workers=0.",
                is_note=True,
            )


def check_cache(report: HealthReport) -> None:
    """Report the cache and the current folder: whether they can be written, and free space."""
    cache = cache_folder()
    for name, folder in (("cache", cache), ("here", Path.cwd())):
        place = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
        try:
            check_writable(folder)
            free = shutil.disk_usage(place).free
        except (LptError, OSError) as error:
            reason = str(error).removesuffix(" Choose another out.").rstrip(".")
            report.add(name, f"{folder}, cannot be written", {"path": str(folder), "free": None})
            remedy = "Set LPT_CACHE to a folder that can." if name == "cache" else "Choose --out."
            report.problem(reason, remedy)
            continue
        report.add(name, f"{folder}, {size_text(free)} free", {"path": str(folder), "free": free})
        if free < ALMOST_FULL:
            report.problem(
                f"only {size_text(free)} are free in {folder}",
                "Free some space, or set LPT_CACHE to another disk."
                if name == "cache"
                else "Free some space, or give --out on another disk.",
                is_note=free >= FULL,
            )
