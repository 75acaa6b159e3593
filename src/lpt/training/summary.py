"""The texts that a user reads at the start and at the end of a run."""

import numpy as np

from lpt.backbones import warn_if_leaky
from lpt.backbones.catalog import EMBEDDED
from lpt.escape import printable, shell_command
from lpt.evaluation import COLUMNS, render_table
from lpt.progress import human_time, plural
from lpt.task import Task
from lpt.task.run_result import Result
from lpt.training.phases.build_stages import PHASES
from lpt.training.phases.text_start import ZERO_SHOT
from lpt.training.trainer import Trainer

__all__ = ["LABELS", "describe", "result_rows", "summarise"]

LABELS = {ZERO_SHOT: "zero-shot, by class names"} | {phase.name: phase.title for phase in PHASES}
"""Names of the models in tables, by phase."""

Row = dict[str, str | float | int | None]


def describe(trainer: Trainer) -> str:
    """Describe data, backbone and trainable parameters, one line each, with notes if needed."""
    context, spec = trainer.context, trainer.context.backbone.spec
    frozen = sum(p.numel() for p in context.backbone.parameters())
    trainable = trainer.prompt_parameters + trainer.other_parameters
    others = {name: len(split) for name, split in context.data.splits.items() if name != "train"}
    sizes = "".join(f", {count:,} {name}" for name, count in others.items())
    precision = "bf16" if context.accelerator.mixed_precision == "bf16" else "float32"
    kept = context.backbone.weights
    weights = "" if kept == "float32" else f", weights in {kept}"
    lines = [
        f"data      {printable(context.data.name)}: "
        f"{plural(context.data.num_classes, 'class', 'classes')}, "
        f"{plural(len(context.train_split), 'training image')} "
        f"({int(context.counts.max()):,} to {int(context.counts.min()):,} per class){sizes}",
        f"backbone  {printable(spec.name)}: {frozen:,} frozen parameters, {spec.image_size} px, "
        f"on {context.accelerator.device} in {precision}{weights}",
        f"trainable {trainer.prompt_parameters:,} prompt parameters and "
        f"{trainer.other_parameters:,} others "
        f"({100 * trainable / frozen:.1f} % of the backbone; task file {4e-6 * trainable:.1f} MB)",
    ]
    if context.data.set_aside:
        shares = " and ".join(
            f"{100 * getattr(trainer.config.data, f'{name}_fraction'):.0f} % for {name}"
            for name in context.data.set_aside
        )
        settings = ", ".join(f"data.{name}_fraction" for name in context.data.set_aside)
        lines.append(f"split     drawn from the training images by class: {shares} ({settings})")
    lines += context.data.notes
    missing = _untested(trainer)
    if missing:
        lines.append(
            f"note      without a test image: {plural(missing, 'class', 'classes')}, trained but "
            "left out of macro accuracy; predicting them counts as an error"
        )
    group = context.group
    if group.size > 1:
        lines.append(
            f"processes {group.size}, {group.local_size} of them on this machine; each computes "
            "its share of every batch"
        )
    warning = warn_if_leaky(trainer.config.backbone)
    if warning:
        lines.append(f"note      {warning}")
    if trainer.config.backbone == EMBEDDED.name:
        lines.append(f"note      this backbone is {EMBEDDED.note} (lpt backbones lists others)")
    return "\n".join(lines)


def result_rows(result: Result, data: str) -> list[Row]:
    """Return table rows, one per phase.

    Args:
        data: the split that was scored, "val" or "test".
    """
    return [
        {"model": LABELS[phase], **scores[data]}
        for phase, scores in result.metrics.items()
        if data in scores
    ]


def summarise(trainer: Trainer, task: Task, result: Result) -> str:
    """Summarise a finished run: table of the phases, cost, files and next commands."""
    data = "test" if any("test" in scores for scores in result.metrics.values()) else "val"
    columns = [c for c in COLUMNS if c.key not in ("params", "seconds")]
    path, context = trainer.folder.path, trainer.context
    scored = context.validation if data == "val" else context.data.splits.get("test")
    rows = result_rows(result, data)
    table = [
        f"{plural(len(scored) if scored else 0, f'{data} image')} of "
        f"{printable(context.data.name)}",
        render_table(rows, columns, groups=task.groups),
    ]
    lines = [
        "",
        *(table if rows else ["nothing was tested: there are neither test nor validation images"]),
        "",
        f"trained    {result.prompt_parameters:,} prompt parameters and "
        f"{result.other_parameters:,} others in {human_time(result.seconds)}",
        f"task file  {printable(str(trainer.folder.task_file))} ({result.task_bytes / 1e6:.2f} MB, "
        f"{LABELS[list(result.metrics)[-1]]})",
        "",
        "next",
        f"  {shell_command('lpt', 'predict', path)} IMAGE...",
        f"  {shell_command('lpt', 'evaluate', path)}" + ("" if rows else " DATA"),
    ]
    return "\n".join(lines)


def _untested(trainer: Trainer) -> int:
    """Return the number of classes without a test image; 0 if there is no test split."""
    test = trainer.context.data.splits.get("test")
    return 0 if test is None else trainer.context.data.num_classes - len(np.unique(test.labels))
