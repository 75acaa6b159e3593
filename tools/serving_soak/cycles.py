"""Loading and unloading again and again leaves nothing behind."""

import gc
import sys
import threading
from pathlib import Path
from typing import Any

from tools.serving_soak.made_tasks import Tasks

from lpt.backbones import FrozenViT
from lpt.machine.free_memory import resident_memory
from lpt.serving.service import Service


def soak_cycles(place: Path, backbone: FrozenViT, cycles: int) -> dict[str, Any]:
    """Load and unload tasks again and again, with a request each time."""
    made = Tasks(place, backbone, tasks=4, versions=2)
    image = made.expected.images[0]
    with Service(folder=made.folder, backbone=backbone) as service:
        service.index()

        def cycle(i: int) -> None:
            name = made.names[i % len(made.names)]
            service.load(name)
            service.submit(name, image).result(120)
            service.unload(name)

        for i in range(max(50, cycles // 10)):
            cycle(i)
        before = state()
        for i in range(cycles):
            cycle(i)
        after = state()
    return {"cycles": cycles, "before": before, "after": after}


def state() -> dict[str, int]:
    """Memory, threads and open files of this process."""
    gc.collect()
    return {
        "bytes": resident_memory() or 0,
        "threads": threading.active_count(),
        "files": len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0,
    }
