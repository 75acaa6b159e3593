"""What a person reads at the beginning and at the end of a run."""

import numpy as np

from lpt.backbones import warn_if_leaky
from lpt.backbones.catalog import EMBEDDED
from lpt.evaluation import COLUMNS, render_table
from lpt.progress import human_time
from lpt.task import Task
from lpt.task.run_result import Result
from lpt.training.trainer import Trainer

__all__ = ["LABELS", "describe", "result_rows", "summarise"]

LABELS = {"phase1": "shared prompt only", "phase2": "shared + group prompts"}

Row = dict[str, str | float | int | None]


def describe(trainer: Trainer) -> str:
    """Data, backbone and what will learn, a line each; and what a person should know."""
    context, spec = trainer.context, trainer.context.backbone.spec
    frozen = sum(p.numel() for p in context.backbone.parameters())
    trainable = trainer.prompt_parameters + trainer.other_parameters
    held = {name: len(split) for name, split in context.data.splits.items() if name != "train"}
    sizes = ", ".join(f"{count:,} {name}" for name, count in held.items())
    precision = "bf16" if context.accelerator.mixed_precision == "bf16" else "float32"
    lines = [
        f"data      {context.data.name}: {context.data.num_classes} classes, "
        f"{len(context.train_split):,} training images "
        f"({int(context.counts.max()):,} to {int(context.counts.min()):,} a class), {sizes}",
        f"backbone  {spec.name}: {frozen:,} frozen parameters, {spec.image_size} px, "
        f"on {context.accelerator.device} in {precision}",
        f"learns    {trainer.prompt_parameters:,} prompt parameters and "
        f"{trainer.other_parameters:,} in keys and classifier "
        f"({100 * trainable / frozen:.1f} % of the backbone; task file {4e-6 * trainable:.1f} MB)",
    ]
    if context.data.set_aside:
        drawn = " and ".join(
            f"{100 * getattr(trainer.config.data, f'{name}_fraction'):.0f} % for {name}"
            for name in context.data.set_aside
        )
        settings = ", ".join(f"data.{name}_fraction" for name in context.data.set_aside)
        lines.append(f"split     drawn from the training images by class: {drawn} ({settings})")
    missing = _untested(trainer)
    if missing:
        lines.append(
            f"note      {missing} classes have no test image: they are trained, left out of "
            "macro accuracy, and count as errors where they are predicted"
        )
    warning = warn_if_leaky(trainer.config.backbone)
    if warning:
        lines.append(f"note      {warning}")
    if trainer.config.backbone == EMBEDDED.name:
        lines.append(f"note      this backbone is {EMBEDDED.note} (lpt backbones lists some)")
    return "\n".join(lines)


def result_rows(result: Result, data: str) -> list[Row]:
    """Rows of a table: a phase each, scored on "val" or "test"."""
    return [
        {"model": LABELS[phase], **scores[data]}
        for phase, scores in result.metrics.items()
        if data in scores
    ]


def summarise(trainer: Trainer, task: Task, result: Result) -> str:
    """Table of the phases, cost, files and the next commands."""
    data = "test" if any("test" in scores for scores in result.metrics.values()) else "val"
    columns = [c for c in COLUMNS if c.key not in ("params", "seconds")]
    path, context = trainer.folder.path, trainer.context
    scored = context.validation if data == "val" else context.data.splits.get("test")
    lines = [
        "",
        f"{len(scored) if scored else 0:,} {data} images of {context.data.name}",
        render_table(result_rows(result, data), columns, groups=task.groups),
        "",
        f"trained      {result.prompt_parameters:,} prompt parameters and "
        f"{result.other_parameters:,} in keys and classifier, in {human_time(result.seconds)}",
        f"prompt file  {trainer.folder.task_file} ({result.task_bytes / 1e6:.2f} MB, "
        f"{LABELS[list(result.metrics)[-1]]})",
        "",
        "next",
        f"  lpt predict {path} IMAGE...",
        f"  lpt evaluate {path}",
    ]
    return "\n".join(lines)


def _untested(trainer: Trainer) -> int:
    """Classes without a test image; 0 if there is no test split at all."""
    test = trainer.context.data.splits.get("test")
    return 0 if test is None else trainer.context.data.num_classes - len(np.unique(test.labels))
