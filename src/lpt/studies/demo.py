"""End-to-end demo on bundled data: both phases, a linear probe, three predictions."""

import io
from pathlib import Path

import numpy as np

from lpt.baselines import train_baseline
from lpt.config import load_config
from lpt.data.images.decode import decode
from lpt.data.manifest import Split
from lpt.escape import printable, shell_command
from lpt.evaluation import COLUMNS, render_table
from lpt.files.atomic_files import write_bytes
from lpt.progress import Reporter, human_time, plural
from lpt.task import Task
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.training_context import TrainingContext
from lpt.training.summary import describe, result_rows
from lpt.training.trainer import Trainer

__all__ = ["run_demo"]

SETTINGS = {
    "data.source": "digits",
    "augment.flip": 0.0,  # a mirrored digit is a different sign
    "augment.crop_scale": [0.7, 1.0],
    "phase1.epochs": 8,
    "phase2.epochs": 8,
    "phase2.cached_views": 4,  # each view is used four times, so caching pays off
}
"""Changes to the default recipe; training takes a few minutes on two cores."""


def run_demo(out: Path, seed: int, reporter: Reporter) -> str:
    """Train on long-tailed handwritten digits; return the report, with the numbers of this run.

    Args:
        out: run folder.
    Raises: RunError if the folder is not empty.
    """
    folder = RunFolder(out)
    config = load_config("default").changed({**SETTINGS, "seed": seed})
    folder.check_free()
    context = TrainingContext(config, reporter)
    trainer = Trainer(context, folder)
    reporter.message(describe(trainer))
    trainer.fit_budget(None)
    folder.create(trainer.config, trainer.identity())
    try:
        probe = train_baseline("linear-probe", context)
        test = context.data.split("test")
        scores = context.score(context.predict(probe.predict, test, "linear probe on test"))
        task, result = trainer.run()
    finally:
        folder.release()
    first = trainer.stage(trainer.phases[0]).param_groups().values()
    shared = sum(parameter.numel() for group in first for parameter in group)
    parameters = {"phase1": shared, "phase2": result.parameters}
    rows = [
        {
            "model": "linear probe",
            **scores.summary(),
            "params": probe.parameters,
            "seconds": probe.seconds,
        }
    ]
    for row, phase in zip(result_rows(result, "test"), result.metrics, strict=True):
        rows.append({**row, "params": parameters[phase], "seconds": result.phase_seconds[phase]})
    examples = _save_examples(folder.path / "examples", test, task)
    predictions = task.predict(examples, top=3)
    lines = ["", f"{plural(len(test), 'test image')} of {context.data.name}"]
    lines += [render_table(rows, COLUMNS, groups=task.groups), ""]
    lines += [
        f"run folder   {printable(str(folder.path))}  ({human_time(result.seconds)} of training)"
    ]
    task_file = printable(str(folder.task_file))
    lines += [f"task file    {task_file}  ({result.task_bytes / 1e6:.2f} MB)", ""]
    lines += [str(prediction) for prediction in predictions]
    lines += [
        "",
        "next",
        f"  {shell_command('lpt', 'predict', folder.path, examples[0])}",
        f"  {shell_command('lpt', 'evaluate', folder.path)}",
        "  lpt data inspect YOUR_FOLDER       a folder of class folders",
        "  lpt train YOUR_FOLDER --budget 20m",
    ]
    return "\n".join(lines)


def _save_examples(folder: Path, test: Split, task: Task) -> list[Path]:
    """Write a test image of each of the three rarest classes in the test set as PNG."""
    counts = np.asarray(task.spec.class_counts)
    tested = np.unique(test.labels)
    rarest = tested[np.argsort(counts[tested], kind="stable")][:3]
    paths = []
    for label in rarest:
        index = int(np.flatnonzero(test.labels == label)[0])
        buffer = io.BytesIO()
        decode(test.read(index), name=test.name_of(index)).save(buffer, "PNG")
        path = folder / f"{task.spec.class_names[label]}.png"
        write_bytes(path, buffer.getvalue())
        paths.append(path)
    return paths
