"""Memory that a task adds to a server, measured in a separate process.

`python -m lpt.bench.serve_memory BACKBONE FOLDER TASKS` prints bytes per task, as JSON.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lpt.backbones import load_backbone
from lpt.bench.memory import RETURN_FREED
from lpt.errors import LptError
from lpt.machine.free_memory import resident_memory
from lpt.serving.backbone_views import BackboneViews
from lpt.serving.engine import Engine
from lpt.serving.service import NullObserver, ServingSettings
from lpt.serving.store.task_files import TaskFiles
from lpt.serving.store.task_store import TaskStore

__all__ = ["linked", "memory_per_task", "open_store"]


def memory_per_task(backbone: str, folder: Path, tasks: int, size: int) -> dict[str, Any]:
    """Measure what further tasks add to the memory of a process that serves them.

    Args:
        backbone: as for `load_backbone`.
        folder: holds task files.
        tasks: number of tasks to load.
        size: bytes of the tables of each.
    Returns: `bytes_per_task`, and `memory_ratio` to `size`; both null where the system is silent.
    Raises: LptError with the last line of the child's errors if it fails.
    """
    command = [sys.executable, "-m", "lpt.bench.serve_memory", backbone, str(folder), str(tasks)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **RETURN_FREED}
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise LptError(f"bench: the memory of a task could not be measured ({last}).")
    each: float | None = json.loads(done.stdout)
    return {"bytes_per_task": each, "memory_ratio": None if each is None else each / size}


@contextmanager
def linked(folder: Path, number: int) -> Iterator[Path]:
    """Make a folder with a number of task files, which are links to those of another one."""
    files = sorted(folder.glob("*.safetensors"))
    with tempfile.TemporaryDirectory(dir=folder) as place:
        for i in range(number):
            os.link(files[i % len(files)], Path(place) / f"linked-{i}.safetensors")
        yield Path(place)


def open_store(folder: Path, engine: Engine, settings: ServingSettings) -> TaskStore:
    """Return a store of the tasks in a folder."""
    return TaskStore(TaskFiles(folder=folder), engine, settings, NullObserver())


def measure(backbone: str, folder: Path, tasks: int) -> float | None:
    """Load some tasks, then measure what as many as asked for add."""
    engine = Engine(BackboneViews(load_backbone(backbone)))
    first = 1 + tasks // 4  # what every process needs once is not memory of a task
    with linked(folder, first + tasks) as links:
        store = open_store(links, engine, ServingSettings(memory_bytes=2**40))
        names = store.scan()
        for name in names[:first]:
            store.hold(store.accept(name)).release()
        before = resident_memory()
        for name in names[first:]:
            store.hold(store.accept(name)).release()
        after = resident_memory()
    return None if before is None or after is None else (after - before) / tasks


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
