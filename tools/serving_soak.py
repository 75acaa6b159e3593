"""Load on a service for longer than a test may take, with every answer checked.

    python -m tools.serving_soak --requests 100000 --cycles 10000 --overload 60 [--json]

Mixed:     clients ask 100 tasks at random while tasks are replaced, evicted and loaded again.
           Every class is named after its task and version, and the probabilities must be those that
           this version gives to this image: an answer from another task or version is noticed.
Cycles:    a task is loaded and unloaded again and again; memory, threads and descriptors must end
           where they were.
Overload:  ten times as many requests as the service can compute; the queue stays within its bound,
           refusals are fast, deadlines are kept, and every request ends exactly once.
"""

import argparse
import gc
import json
import queue
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lpt.backbones import FrozenViT, load_backbone
from lpt.bench.random_tasks import random_spec, write_random_task
from lpt.machine.allocator import reuse_memory
from lpt.machine.free_memory import resident_memory
from lpt.model.two_pass import PromptShape
from lpt.serving.service import NullObserver, Service, ServingSettings
from lpt.serving.serving_records import DeadlineExceeded, QueueFull, ServingError
from lpt.serving.task_tables import table_bytes
from lpt.task import Task
from lpt.task.task_digest import task_digest

SHAPE = PromptShape(length=2, shared_blocks=None, pool_size=4, top_k=2)
CLASSES = 5
IMAGES = 4
TOLERANCE = 1e-4


@dataclass
class Expected:
    """What every version of every task gives to every image."""

    images: list[np.ndarray]
    answers: dict[str, np.ndarray] = field(default_factory=dict)
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def problem(self, name: str, image: int, answer: Any) -> str | None:
        """Say what is wrong with an answer; None if nothing is."""
        if answer.task != name or not answer.version.startswith(f"{name}@"):
            return f"asked {name}, answered by {answer.version}"
        if answer.labels != self.labels.get(answer.version):
            return f"labels of {answer.labels[:1]} from {answer.version}"
        wanted = self.answers[answer.version][image]
        error = float(np.abs(answer.probabilities.numpy() - wanted).max())
        return (
            f"{answer.version}: probabilities differ by {error:.1e}" if error > TOLERANCE else None
        )


class Tasks:
    """A folder of tasks, each of which has several versions that can take its place."""

    def __init__(self, folder: Path, backbone: FrozenViT, tasks: int, versions: int) -> None:
        self.folder, self.backbone = folder / "tasks", backbone
        self._spare = folder / "spare"
        self.folder.mkdir()
        self._spare.mkdir()
        side = backbone.spec.image_size
        noise = torch.Generator().manual_seed(0)
        images = torch.randn(IMAGES, 3, side, side, generator=noise)
        self.expected = Expected([image.numpy() for image in images])
        self.names = [f"task-{i}" for i in range(tasks)]
        self._files: dict[str, list[Path]] = {}
        for i, name in enumerate(self.names):
            self._files[name] = []
            for version in range(versions):
                path = self._spare / f"{name}-{version}.safetensors"
                spec = random_spec(backbone, f"{name}/{version}", CLASSES + i % 3, SHAPE)
                write_random_task(path, backbone, spec, seed=1000 * i + version)
                task, key = Task.load(path, backbone, "cpu"), f"{name}@{task_digest(path)[:12]}"
                with torch.inference_mode():
                    logits = task.model.predict(images).logits
                self.expected.answers[key] = (logits / spec.temperature).softmax(1).numpy()
                self.expected.labels[key] = spec.class_names
                self._files[name].append(path)
            self.replace(name, 0)
        self.bytes = table_bytes(backbone.depth, backbone.width, spec)

    def replace(self, name: str, version: int) -> None:
        """Put a version in place of the present one, as a careful operator does: by a rename."""
        source = self._files[name][version % len(self._files[name])]
        staged = self._spare / "staged"
        staged.write_bytes(source.read_bytes())
        staged.replace(self.folder / f"{name}.safetensors")


class Watch(NullObserver):
    """The longest queue, the loads and the evictions."""

    def __init__(self) -> None:
        self.longest = self.evictions = self.most_bytes = 0
        self.batches: list[tuple[int, int]] = []
        self.counts: Counter[str] = Counter()
        self.seconds = 0.0

    def queue(self, length: int) -> None:
        self.longest = max(self.longest, length)

    def evicted(self, task: str) -> None:
        del task
        self.evictions += 1

    def tasks(self, resident: int, bytes: int) -> None:
        del resident
        self.most_bytes = max(self.most_bytes, bytes)

    def batch(self, size: int, tasks: int, seconds: float) -> None:
        del seconds
        self.batches.append((size, tasks))

    def stage(self, name: str, seconds: float) -> None:
        self.counts[name] += 1
        self.seconds += seconds


def soak_mixed(
    place: Path, backbone: FrozenViT, tasks: int, requests: int, clients: int = 4
) -> dict[str, Any]:
    """Ask at random while tasks are replaced, evicted and loaded again."""
    made, watch, wrong = Tasks(place, backbone, tasks, versions=3), Watch(), []
    settings = ServingSettings(memory_bytes=made.bytes * max(2, tasks // 3), watch_s=0.2)
    left, outcomes = iter(range(requests)), Counter[str]()
    lock, stop = threading.Lock(), threading.Event()
    changes: Counter[str] = Counter()

    def ask(service: Service, seed: int) -> None:
        chance = random.Random(seed)
        while True:
            with lock:
                some = [i for i in (next(left, None) for _ in range(16)) if i is not None]
            if not some:
                return
            asked = []
            for _ in some:
                name, image = chance.choice(made.names), chance.randrange(IMAGES)
                asked.append((name, image, service.submit(name, made.expected.images[image])))
            for name, image, future in asked:
                try:
                    problem = made.expected.problem(name, image, future.result(120))
                    kind = "ok" if problem is None else "wrong"
                except ServingError as error:
                    kind, problem = type(error).__name__, str(error)
                with lock:
                    outcomes[kind] += 1
                    if problem is not None and len(wrong) < 20:
                        wrong.append(problem)

    def change(service: Service) -> None:
        chance = random.Random(99)
        while not stop.wait(0.02):
            name = chance.choice(made.names)
            made.replace(name, chance.randrange(3))
            changes["replaced"] += 1
            if chance.random() < 0.3:
                service.load(chance.choice(made.names))
                changes["loaded"] += 1

    with Service(
        folder=made.folder, backbone=backbone, settings=settings, observer=watch
    ) as service:
        service.index()
        began = time.perf_counter()
        threads = [threading.Thread(target=ask, args=(service, i)) for i in range(clients)]
        changer = threading.Thread(target=change, args=(service,))
        for thread in (*threads, changer):
            thread.start()
        for thread in threads:
            thread.join()
        stop.set()
        changer.join()
        seconds = time.perf_counter() - began
    mixed = [tasks for size, tasks in watch.batches if size > 1]
    return {
        "requests": requests,
        "tasks": tasks,
        "outcomes": dict(outcomes),
        "wrong": wrong,
        "requests_per_second": requests / seconds,
        "batches": len(watch.batches),
        "tasks_per_batch": statistics.mean(mixed) if mixed else 1.0,
        "evictions": watch.evictions,
        "loads": watch.counts["load"],
        **changes,
        "most_bytes": watch.most_bytes,
        "budget_bytes": settings.memory_bytes,
    }


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


def soak_overload(place: Path, backbone: FrozenViT, seconds: float, times: float) -> dict[str, Any]:
    """Send `times` as many requests as can be computed."""
    made, watch = Tasks(place, backbone, tasks=8, versions=1), Watch()
    settings = ServingSettings(max_queue=64, deadline_s=5.0)
    ended: queue.SimpleQueue[tuple[int, str, float]] = queue.SimpleQueue()
    refusals: list[float] = []
    memory: list[int] = []
    with Service(
        folder=made.folder, backbone=backbone, settings=settings, observer=watch
    ) as service:
        service.index()
        image = made.expected.images[0]
        began = time.perf_counter()
        for future in [service.submit(made.names[i % 8], image) for i in range(48)]:
            future.result(120)
        capacity = 48 / (time.perf_counter() - began)
        interval, accepted, offered = 1 / (times * capacity), 0, 0
        began = time.perf_counter()
        while (now := time.perf_counter()) - began < seconds:
            due = int((now - began) / interval) - offered
            for _ in range(min(due, 1000)):
                sent = time.monotonic()
                name = made.names[0 if offered % 2 else offered % 8]  # one task sends half of all
                try:
                    future = service.submit(name, image)
                except QueueFull:
                    refusals.append(time.monotonic() - sent)
                else:
                    number, accepted = accepted, accepted + 1
                    future.add_done_callback(
                        lambda f, n=number, s=sent: ended.put((n, kind(f), time.monotonic() - s))
                    )
                offered += 1
            if len(memory) < (now - began) / 0.2:
                memory.append(resident_memory() or 0)
            time.sleep(0.002)
        drained = service.drain(settings.deadline_s + 10)
    ends = [ended.get_nowait() for _ in range(ended.qsize())]
    numbers = Counter(number for number, _, _ in ends)
    late = [s for _, outcome, s in ends if s > settings.deadline_s + 0.5]
    return {
        "seconds": seconds,
        "capacity": capacity,
        "offered": offered,
        "accepted": accepted,
        "refused": len(refusals),
        "outcomes": dict(Counter(outcome for _, outcome, _ in ends)),
        "lost": accepted - len(numbers),
        "answered_twice": sum(n > 1 for n in numbers.values()),
        "longest_queue": watch.longest,
        "max_queue": settings.max_queue,
        "slowest_refusal": max(refusals, default=0.0),
        "refusal_p99": percentile(refusals, 0.99),
        "slowest_answer": max((s for _, _, s in ends), default=0.0),
        "late": len(late),
        "deadline": settings.deadline_s,
        "drained": drained,
        "memory": [memory[len(memory) // 4], memory[-1]] if memory else [],
    }


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a share of all lies."""
    return sorted(values)[int(share * (len(values) - 1))] if values else 0.0


def kind(future: Any) -> str:
    """Return how a request has ended."""
    error = future.exception()
    return "ok" if error is None else type(error).__name__


def faults(found: dict[str, Any]) -> list[str]:
    """Say which promises were broken."""
    broken: list[str] = []
    if mixed := found.get("mixed"):
        bad = {k: n for k, n in mixed["outcomes"].items() if k != "ok"}
        if bad or sum(mixed["outcomes"].values()) != mixed["requests"]:
            broken.append(f"mixed: {mixed['outcomes']} of {mixed['requests']}: {mixed['wrong']}")
        if mixed["most_bytes"] > mixed["budget_bytes"]:
            broken.append("mixed: more bytes of tasks than the budget")
    if cycles := found.get("cycles"):
        for name in ("threads", "files"):
            if cycles["after"][name] != cycles["before"][name]:
                broken.append(f"cycles: {name} {cycles['before'][name]} -> {cycles['after'][name]}")
        if cycles["after"]["bytes"] > 1.01 * cycles["before"]["bytes"]:
            broken.append(
                f"cycles: bytes {cycles['before']['bytes']} -> {cycles['after']['bytes']}"
            )
    if overload := found.get("overload"):
        for name in ("lost", "answered_twice", "late"):
            if overload[name]:
                broken.append(f"overload: {overload[name]} {name}")
        if overload["longest_queue"] > overload["max_queue"]:
            broken.append(f"overload: the queue held {overload['longest_queue']}")
        if set(overload["outcomes"]) - {"ok", DeadlineExceeded.__name__}:
            broken.append(f"overload: {overload['outcomes']}")
        if overload["refusal_p99"] > 0.05:
            broken.append(f"overload: refusals took {overload['refusal_p99']:.3f} s")
    return broken


def soak(
    backbone: FrozenViT, *, tasks: int, requests: int, cycles: int, overload: float, times: float
) -> dict[str, Any]:
    """Run the parts whose size is not 0."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="lpt-soak-") as place:
        for part in ("mixed", "cycles", "overload"):
            (Path(place) / part).mkdir()
        if requests:
            found["mixed"] = soak_mixed(Path(place) / "mixed", backbone, tasks, requests)
        if cycles:
            found["cycles"] = soak_cycles(Path(place) / "cycles", backbone, cycles)
        if overload:
            found["overload"] = soak_overload(Path(place) / "overload", backbone, overload, times)
    found["faults"] = faults(found)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="vit_tiny_patch8_64")
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--cycles", type=int, default=10_000)
    parser.add_argument("--overload", type=float, default=60.0, help="seconds")
    parser.add_argument("--times", type=float, default=10.0, help="load, in multiples of capacity")
    given = vars(parser.parse_args())
    reuse_memory()
    backbone = load_backbone(given.pop("backbone"))
    found = soak(backbone, **given)
    print(json.dumps(found, indent=2))
    return 1 if found["faults"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
