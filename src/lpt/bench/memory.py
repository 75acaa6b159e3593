"""Peak memory of a training step, measured in a separate process.

`python -m lpt.bench.memory VARIANT BACKBONE BATCH DEVICE PRECISION` prints JSON: the bytes that the
step needs beyond the loaded model, and the peak of the whole process (of the device, on a GPU).
"""

import json
import os
import subprocess
import sys
from typing import TypedDict

from lpt.errors import LptError
from lpt.machine.devices import peak_memory, reset_peak_memory

__all__ = ["Peak", "step_memory"]

RETURN_FREED = {"MALLOC_MMAP_THRESHOLD_": "65536"}
"""Make glibc return freed tensors at once, so that resident memory is memory in use."""


class Peak(TypedDict):
    """Bytes that the step adds, and bytes in total."""

    step: int
    total: int


def step_memory(
    variant: str, backbone: str, batch: int, device: str, precision: str = "float32"
) -> Peak:
    """Measure one variant of `Workload` in a child process.

    Raises: LptError with the last line of the child's errors if it fails.
    """
    settings = [variant, backbone, str(batch), device, precision]
    command = [sys.executable, "-m", "lpt.bench.memory", *settings]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **RETURN_FREED}
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise LptError(f"bench: the memory of {variant} could not be measured ({last}).")
    peak: Peak = json.loads(done.stdout)
    return peak


def measure(variant: str, backbone: str, batch: int, device: str, precision: str) -> Peak:
    """Measure the first step in this process."""
    from lpt.bench.workload import Workload

    step = Workload(backbone, batch, device, bf16=precision == "bf16").variants()[variant]
    reset_peak_memory(device)
    before = peak_memory(device)
    step()
    total = peak_memory(device)
    return {"step": total - before, "total": total}


if __name__ == "__main__":
    name, source, images, where, products = sys.argv[1:]
    print(json.dumps(measure(name, source, int(images), where, products)))
