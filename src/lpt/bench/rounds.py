"""Rounds of measurement: every variant once per round, so that other load affects all of them."""

import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

__all__ = ["WARM_UP", "in_turn", "machine_facts", "median_ratio", "spread", "timed"]

WARM_UP = 1
"""Rounds that are not counted."""

CPU_INFO = Path("/proc/cpuinfo")


def in_turn(
    variants: Mapping[str, Callable[[], object]], repeats: int, device: str
) -> dict[str, list[float]]:
    """Time variants in rounds, after one warm-up round.

    Returns: seconds of each round, by name of the variant.
    """
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for round_number in range(WARM_UP + repeats):
        for name, work in variants.items():
            taken = timed(work, device)
            if round_number >= WARM_UP:
                seconds[name].append(taken)
    return seconds


def timed(work: Callable[[], object], device: str) -> float:
    """Return the seconds that some work takes, until the device has finished it."""
    _wait(device)
    began = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - began


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def median_ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
    """Return the median over rounds of the ratio of two variants within a round.

    >>> median_ratio([2.0, 4.0, 9.0], [1.0, 2.0, 3.0])
    2.0
    """
    return statistics.median(one / other for one, other in zip(slow, fast, strict=True))


def spread(times: Sequence[float]) -> float:
    """Half the interquartile range, relative to the median."""
    if len(times) < 2:
        return 0.0
    low, middle, high = statistics.quantiles(times, n=4)
    return (high - low) / 2 / middle


def machine_facts(device: str) -> dict[str, Any]:
    """Describe the machine, and the versions of what computes."""
    names = ("torch", "timm", "numpy")
    return {
        "device": device,
        "machine": torch.cuda.get_device_name() if device != "cpu" else _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "versions": {"python": platform.python_version(), **{n: version(n) for n in names}},
    }


def _processor() -> str:
    described = CPU_INFO.read_text(encoding="utf-8") if CPU_INFO.is_file() else ""
    names = re.findall(r"^model name\s*:\s*(.+)$", described, flags=re.MULTILINE)
    return names[0] if names else platform.processor() or platform.machine()
