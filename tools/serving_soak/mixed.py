"""Requests for many tasks while their files are replaced, evicted and loaded again."""

import random
import statistics
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tools.serving_soak.made_tasks import IMAGES, Tasks, Watch

from lpt.backbones import FrozenViT
from lpt.serving.service import Service, ServingSettings
from lpt.serving.serving_records import ServingError

PATIENCE_S = 3600.0  # answers are checked, not their speed, also on a machine that is busy
PROGRESS_S = 10.0


def soak_mixed(
    place: Path, backbone: FrozenViT, tasks: int, requests: int, clients: int = 4
) -> dict[str, Any]:
    """Ask at random while tasks are replaced, evicted and loaded again."""
    made, watch, wrong = Tasks(place, backbone, tasks, versions=3), Watch(), []
    settings = ServingSettings(
        memory_bytes=made.bytes * max(2, tasks // 3), watch_s=0.2, deadline_s=PATIENCE_S
    )
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
                    problem = made.expected.problem(name, image, future.result(PATIENCE_S))
                    kind = "ok" if problem is None else "wrong"
                except ServingError as error:
                    kind, problem = type(error).__name__, str(error)
                with lock:
                    outcomes[kind] += 1
                    if problem is not None and len(wrong) < 20:
                        wrong.append(problem)

    def show() -> None:
        while not stop.wait(PROGRESS_S):
            print(dict(outcomes), dict(changes), file=sys.stderr)

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
        threading.Thread(target=show, daemon=True).start()
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
