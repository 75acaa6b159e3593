"""`lpt bench EXPORT`: the speed of an exported graph next to lpt on the same backbone."""

import os
import statistics
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from lpt.backbones import FrozenViT, load_backbone
from lpt.backbones.named_by_file import check_named
from lpt.bench.rounds import WARM_UP, median_ratio, spread, timed
from lpt.errors import BackboneError, ParameterError, at_least
from lpt.machine.own_generator import OwnGenerator
from lpt.model.two_pass import LongTailedPromptModel
from lpt.task import load
from lpt.task.exported.exported_task import ExportedTask
from lpt.training.run.device_setup import uses_bf16

__all__ = ["export_speed", "render_export"]

PAUSE = 0.05
"""Seconds before each timed call."""


def export_speed(
    path: str | os.PathLike[str],
    backbone: str | None = None,
    batch: int = 8,
    repeats: int = 7,
    precision: str = "auto",
) -> dict[str, Any]:
    """Compare an export with lpt on the CPU, on random images and with the same threads.

    Each round runs both, so that other load on the machine affects both; the ratio is the median
    over rounds of the ratio within a round. lpt runs on the backbone with random prompts; speed
    does not depend on their values. A pause before each call lets idle threads of the other
    library go to sleep: they spin for a while after a call, and would take cores.

    Args:
        path: file of `lpt export`.
        backbone: name of the backbone of the export; None for the one that its metadata name, if
            it can be used without fetching or opening anything that the user did not choose.
        batch: images per call.
        repeats: rounds, after one warm-up round.
        precision: of lpt's products: float32 or bf16; auto is float32.
    Returns: numbers by name, ready for JSON; `speedup` above 1 is in favour of the export, and
        None without a backbone.
    Raises: ParameterError for another file than an export, or a number below 1; ConfigError for
        bf16 on a CPU without bf16 instructions.
    """
    at_least("batch", batch, 1)
    at_least("repeats", repeats, 1)
    bf16 = precision == "bf16" and uses_bf16(precision, torch.device("cpu"))
    task = load(path, device="cpu")
    if not isinstance(task, ExportedTask):
        raise ParameterError(
            f"`path` {os.fspath(path)}: is no export. Run: lpt export; without a file, lpt bench "
            "measures lpt itself."
        )
    side = task.spec.backbone.image_size
    images = torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(0))
    vit = _backbone(task, Path(path), backbone)
    work = {"export": task.onnx.predict}
    if vit is not None:
        with OwnGenerator(0):
            model = LongTailedPromptModel(
                vit, len(task.class_names), task.spec.shape, phases=task.spec.phases
            )
        work["lpt"] = model.eval().predict
    seconds: dict[str, list[float]] = {name: [] for name in work}
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        for round_number in range(WARM_UP + repeats):
            for name, run in work.items():
                time.sleep(PAUSE)
                taken = timed(partial(run, images), "cpu")
                if round_number >= WARM_UP:
                    seconds[name].append(taken)
    speedup = None if vit is None else median_ratio(seconds["lpt"], seconds["export"])
    return {
        "export": str(path),
        "dtype": task.onnx.session.file.record.dtype,
        "speedup": speedup,
        "images_per_second": {n: batch / statistics.median(t) for n, t in seconds.items()},
        "backbone": None if vit is None else vit.spec.name,
        "precision": "bf16" if bf16 else "float32",
        "spread": {n: spread(t) for n, t in seconds.items()},
        "batch": batch,
        "repeats": repeats,
        "threads": torch.get_num_threads(),
    }


def render_export(result: Mapping[str, Any]) -> str:
    """Format the result of `export_speed`."""
    speeds = result["images_per_second"]
    lines = [
        f"{result['export']}, {result['dtype']}, batch {result['batch']}, "
        f"{result['threads']} threads: {speeds['export']:.1f} images/s"
    ]
    if result["speedup"] is None:
        lines.append("Give the backbone to compare with lpt: --backbone NAME")
    else:
        lines.append(
            f"{result['speedup']:.2f} times lpt in {result['precision']} on "
            f"{result['backbone']} "
            f"({speeds['lpt']:.1f} images/s)"
        )
    return "\n".join(lines)


def _backbone(task: ExportedTask, path: Path, given: str | None) -> FrozenViT | None:
    record = task.spec.backbone
    if given is None:
        try:
            check_named(record.name, path, made_here=False)
        except BackboneError:
            return None
    name = record.name if given is None else given
    try:
        return load_backbone(name, image_size=record.image_size)
    except BackboneError:
        if given is not None:
            raise
        return None
