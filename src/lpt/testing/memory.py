"""Peak memory of a training step, measured in a process of its own.

`python -m lpt.testing.memory VARIANT BACKBONE BATCH DEVICE` prints JSON: bytes that the step added
to what the loaded model holds, and the peak of the whole process (of the device on a GPU).
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

import torch

from lpt.errors import LptError

__all__ = ["Peak", "peak_memory"]

STATUS = Path("/proc/self/status")
RETURN_FREED = {"MALLOC_MMAP_THRESHOLD_": "65536"}
"""Makes glibc give every freed tensor back at once, so that resident memory is memory in use."""


class Peak(TypedDict):
    """Bytes: added by the step, and in all."""

    step: int
    total: int


def peak_memory(variant: str, backbone: str, batch: int, device: str) -> Peak:
    """Measure one variant of `Workload` in a child process.

    Raises: LptError with what the child said if it failed.
    """
    command = [sys.executable, "-m", "lpt.testing.memory", variant, backbone, str(batch), device]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **RETURN_FREED}
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise LptError(f"bench: the memory of {variant} could not be measured ({last}).")
    peak: Peak = json.loads(done.stdout)
    return peak


def measure(variant: str, backbone: str, batch: int, device: str) -> Peak:
    """Measure the first step in this process."""
    from lpt.testing.workload import Workload

    step = Workload(backbone, batch, device).variants()[variant]
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        total = torch.cuda.max_memory_allocated()
        return {"step": total - before, "total": total}
    before = _resident("VmRSS")
    step()
    total = _resident("VmHWM")
    return {"step": total - before, "total": total}


def _resident(field: str) -> int:
    """Memory that the process holds (VmRSS) or has held at most (VmHWM).

    Where the system does not tell (no Linux) it is the peak so far, for both.
    """
    if STATUS.is_file():
        values = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
        return 1024 * int(values[field].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    name, source, images, where = sys.argv[1:]
    print(json.dumps(measure(name, source, int(images), where)))
