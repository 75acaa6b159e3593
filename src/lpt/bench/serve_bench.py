"""`lpt bench serve`: what serving many tasks costs, as ratios measured in one run."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import torch

from lpt.backbones import FrozenViT, load_backbone
from lpt.bench.random_tasks import random_spec, write_random_task
from lpt.bench.rounds import in_turn, machine_facts, median_ratio, spread
from lpt.bench.serve_http import bench_http, render_http
from lpt.bench.serve_memory import memory_per_task, open_store
from lpt.bench.serve_paging import NO_DEADLINE, bench_photo, serve_paged
from lpt.bench.workload import CLASSES, SHAPE
from lpt.errors import at_least
from lpt.machine.devices import choose_device
from lpt.serving.backbone_views import BackboneViews
from lpt.serving.engine import Engine, Query
from lpt.serving.service import Service, ServingSettings
from lpt.serving.task_tables import table_bytes
from lpt.task import Task

__all__ = ["bench_serving", "render_serving"]


def bench_serving(
    backbone: str = "random:vit_small_patch16_224",
    batch: int = 32,
    repeats: int = 5,
    device: str | None = None,
    *,
    tasks: int = 32,
    registered: int = 1000,
    resident: int = 100,
    on_part: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Compare a batch of many tasks with a batch of one, and the service with `Task.predict`.

    Each round runs all variants; a ratio is the median over rounds of the ratio within a round.
    Tasks have the paper's sizes (P = 10, M = 20, T = 2) and 100 classes.

    Args:
        backbone: as for `load_backbone`.
        batch: images of one forward pass.
        repeats: rounds, after one warm-up round.
        device: "cpu", "cuda", or None for a GPU if there is one.
        tasks: number of tasks that a mixed batch holds.
        registered: tasks that a server knows while it holds `resident` of them.
        resident: tasks that fit into its memory.
        on_part: called with a line of text before each part, which may take minutes.
    Returns: numbers by name, ready for JSON. `mixed_share` is the speed of a mixed batch relative
        to one of a single task, `engine_share` and `service_share` those of engine and service
        relative to `Task.predict`; `http` compares HTTP with the service, and is None without
        a load client; `cpu_shares` are the same ratios of processor time, which other
        load disturbs less; `bytes_per_task` are measured, `table_bytes` computed.
    Raises: ParameterError for a number below 1.
    """
    given = {"batch": batch, "repeats": repeats, "tasks": tasks, "resident": resident}
    for name, number in (*given.items(), ("registered", registered)):
        at_least(name, number, 1)
    chosen = str(choose_device(device))
    frozen = load_backbone(backbone).to(chosen)
    with tempfile.TemporaryDirectory(prefix="lpt-bench-") as place:
        folder = Path(place)
        for i in range(tasks):
            spec = random_spec(frozen, f"task-{i}", CLASSES, SHAPE)
            write_random_task(folder / f"{spec.name}.safetensors", frozen, spec, i)
        size = table_bytes(frozen.depth, frozen.width, spec)
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "engine": lambda: _engine(frozen, folder, batch, repeats, chosen),
            "service and HTTP": lambda: _service(frozen, folder, batch, repeats, chosen),
            "memory": lambda: memory_per_task(backbone, folder, resident, size),
            "more tasks than memory": lambda: serve_paged(
                frozen, folder, registered, resident, size
            ),
        }
        measured: dict[str, Any] = {}
        for number, (name, part) in enumerate(parts.items(), 1):
            if on_part is not None:
                on_part(f"measuring {number} of {len(parts)}: {name}")
            measured |= part()
        return {
            **measured,
            "table_bytes": size,
            "backbone": backbone,
            "batch": batch,
            "repeats": repeats,
            "tasks": tasks,
            **machine_facts(chosen),
        }


def render_serving(result: Mapping[str, Any]) -> str:
    """Format the result of `bench_serving` as text."""
    speeds, spreads = result["images_per_second"], result["spread"]
    rows = [f"{n:<22}{s:9.1f} images/s {100 * spreads[n]:5.0f}% spread" for n, s in speeds.items()]
    paging = result["paging"]
    return "\n".join(
        [
            f"{result['backbone']}, batch {result['batch']}, {result['tasks']} tasks, "
            f"{result['machine']}, {result['threads']} threads",
            "",
            *rows,
            "",
            f"a mixed batch runs at {result['mixed_share']:.3f} of the speed of one task's, the "
            f"engine at {result['engine_share']:.3f} of the model's,",
            f"the service at {result['service_share']:.3f} of Task.predict's "
            f"({result['service_mixed_share']:.3f} with mixed tasks), decoding included",
            render_http(result["http"]),
            "a further task takes an unknown number of bytes"
            if result["bytes_per_task"] is None
            else f"a further task takes {result['bytes_per_task'] / 1e6:.2f} MB, "
            f"{result['memory_ratio']:.2f} times its tables",
            f"{paging['registered']} tasks, {paging['resident']} of them in memory: "
            f"{paging['images_per_second']:.1f} images/s if every request is for a random task "
            f"({100 * paging['misses']:.0f}% are loaded for it), "
            f"{paging['resident_images_per_second']:.1f} if all are in memory; "
            f"{1000 * paging['load_seconds']:.1f} ms a load, "
            f"{1000 * paging['check_seconds']:.0f} ms a first check",
        ]
    )


def _engine(
    frozen: FrozenViT, folder: Path, batch: int, repeats: int, device: str
) -> dict[str, Any]:
    """Time batches of tensors: the model of one task, the engine with one task and with many."""
    engine = Engine(BackboneViews(frozen))
    store = open_store(folder, engine, ServingSettings())
    names = store.scan()
    leases = [store.hold(store.accept(name)) for name in names]
    side = frozen.spec.image_size
    images = torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(0))
    task = Task.load(folder / f"{names[0]}.safetensors", frozen, device)
    one = [Query(leases[0].tables, image) for image in images]
    mixed = [Query(leases[i % len(leases)].tables, image) for i, image in enumerate(images)]

    def model() -> object:
        with torch.inference_mode():
            return task.model.predict(images.to(device)).logits.cpu()

    variants: dict[str, Callable[[], object]] = {
        "model, one task": model,
        "engine, one task": lambda: engine.run(one),
        "engine, mixed": lambda: engine.run(mixed),
    }
    cpu: dict[str, list[float]] = {}
    seconds = in_turn(_counted(variants, cpu), repeats, device)
    store.close()
    used = {name: times[1:] for name, times in cpu.items()}
    return {
        "cpu_shares": {
            "mixed": median_ratio(used["engine, one task"], used["engine, mixed"]),
            "engine": median_ratio(used["model, one task"], used["engine, one task"]),
        },
        "mixed_share": median_ratio(seconds["engine, one task"], seconds["engine, mixed"]),
        "engine_share": median_ratio(seconds["model, one task"], seconds["engine, one task"]),
        "images_per_second": {n: batch / median(times) for n, times in seconds.items()},
        "spread": {n: spread(times) for n, times in seconds.items()},
    }


def _service(
    frozen: FrozenViT, folder: Path, batch: int, repeats: int, device: str
) -> dict[str, Any]:
    """Time encoded images through `Task.predict` and through a service."""
    files = sorted(folder.glob("*.safetensors"))
    task = Task.load(files[0], frozen, device)
    photos = [bench_photo(seed) for seed in range(3 * batch)]
    settings = ServingSettings(max_batch=batch, max_queue=8 * batch, deadline_s=NO_DEADLINE)
    with Service(files, backbone=frozen, device=device, settings=settings) as service:
        service.index()
        names = [card.name for card in service.cards()]

        def serve(some: Sequence[str]) -> None:
            asked = [service.submit(some[i % len(some)], p) for i, p in enumerate(photos)]
            for future in asked:
                future.result()

        variants: dict[str, Callable[[], object]] = {
            "Task.predict": lambda: task.predict(photos, batch_size=batch),
            "service, one task": lambda: serve([files[0].stem]),
            "service, mixed": lambda: serve(names),
        }
        cpu: dict[str, list[float]] = {}
        seconds = in_turn(_counted(variants, cpu), repeats, device)
        over_http = bench_http(service, photos[0], clients=2 * batch, repeats=repeats)
    alone, used = seconds["Task.predict"], {name: times[1:] for name, times in cpu.items()}
    return {
        "service_cpu_shares": {
            name: median_ratio(used["Task.predict"], used[f"service, {name}"])
            for name in ("one task", "mixed")
        },
        "service_share": median_ratio(alone, seconds["service, one task"]),
        "service_mixed_share": median_ratio(alone, seconds["service, mixed"]),
        "service_images_per_second": {n: len(photos) / median(t) for n, t in seconds.items()},
        "http": over_http,
    }


def _counted(
    variants: Mapping[str, Callable[[], object]], cpu: dict[str, list[float]]
) -> dict[str, Callable[[], object]]:
    """Note the processor time of each call too: other load changes it less than the time."""

    def counted(name: str, work: Callable[[], object]) -> Callable[[], object]:
        def run() -> None:
            began = process_time()
            work()
            cpu.setdefault(name, []).append(process_time() - began)

        return run

    return {name: counted(name, work) for name, work in variants.items()}
