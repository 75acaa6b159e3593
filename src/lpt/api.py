"""The package in two functions: train a task, load a task."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lpt.backbones import FrozenViT
from lpt.config import load_config
from lpt.data.sources.data_string import same_data
from lpt.errors import ConfigError, RunError
from lpt.progress import Reporter, SilentReporter
from lpt.reporters import check_log, with_log
from lpt.task import Task
from lpt.training.budget import parse_budget
from lpt.training.run.result import Result
from lpt.training.run.run_data import check_place
from lpt.training.run.run_folder import RunFolder, free_run_path
from lpt.training.run.training_context import TrainingContext
from lpt.training.summary import describe
from lpt.training.trainer import Trainer

__all__ = ["finish", "load", "prepare", "run_name", "train"]


def train(
    data: str | Path,
    *,
    backbone: str | None = None,
    out: str | Path | None = None,
    recipe: str | Path = "default",
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    budget: str | None = None,
    group_by: str | None = None,
    bad_images: str | None = None,
    resume: bool = False,
    device: str | None = None,
    log: str | None = None,
    reporter: Reporter | None = None,
) -> Task:
    """Train a task on a data set and return it ready to predict.

    Args:
        data: folder of class folders, list, Parquet, or a name
            (see `lpt.data.sources.open_data`).
        backbone: a name that `lpt backbones` lists, or a local file; None takes the recipe's.
        out: run folder; None takes a fresh one below runs/.
        recipe: default, paper, released, or a YAML file.
        settings: dotted settings over the recipe's, such as {"phase1.epochs": 5}.
        budget: time to fit the run into, such as "20m".
        group_by: column of a list or Parquet file (animal, patient, video) whose values never lie
            on both sides of a split.
        bad_images: "error" reads every image first and stops if any would spoil training, "skip"
            leaves those out, a path leaves out what that quarantine list names; None stops at a bad
            image when it is met.
        resume: go on with the run in `out`; its own configuration holds, no other may be given.
            `data` then says where the same data lies now.
        device: "cpu" keeps off a GPU.
        log: "tensorboard" also writes the metrics of every epoch for TensorBoard.
        reporter: told of progress; silent by default.
    Returns: the trained task; `out` holds configuration, metrics, checkpoints and prompt file.
    Raises: LptError naming file or setting, value and remedy.
    """
    trainer = prepare(
        str(data),
        backbone=backbone,
        out=out,
        recipe=recipe,
        settings=settings,
        seed=seed,
        budget=budget,
        group_by=group_by,
        bad_images=bad_images,
        resume=resume,
        device=device,
        log=log,
        reporter=reporter or SilentReporter(),
    )
    return finish(trainer)[0]


def finish(trainer: Trainer) -> tuple[Task, Result]:
    """Run a prepared session to its end and let go of its folder."""
    try:
        return trainer.run()
    finally:
        trainer.folder.release()


def prepare(
    data: str | None,
    *,
    backbone: str | None = None,
    out: str | Path | None = None,
    recipe: str | Path = "default",
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    budget: str | None = None,
    group_by: str | None = None,
    bad_images: str | None = None,
    resume: bool = False,
    device: str | None = None,
    log: str | None = None,
    reporter: Reporter,
) -> Trainer:
    """Open everything a run needs, say what it will do, and create or reopen its folder.

    Nothing is written before all of it is known to work. Arguments are those of `train`.
    """
    check_log(log)
    seconds = None if budget is None else parse_budget(budget)
    if resume:
        fixed = {
            "--backbone": backbone,
            "--set": settings,
            "--seed": seed,
            "--budget": budget,
            "--group-by": group_by,
            "--bad-images": bad_images,
        }
        given = [flag for flag, value in fixed.items() if value not in (None, {})]
        if str(recipe) != "default":
            given.append("--recipe")
        if given:
            raise ConfigError(
                f"--resume: {', '.join(given)} would change the run, which goes on as it began. "
                "Leave it out, or start a new run with another --out."
            )
        return _logged(_reopen(data, out, reporter, device), log)
    if data is None:
        raise ConfigError(
            "train: name the data, or go on with a run: lpt train --out RUN --resume."
        )
    changes = dict(settings or {})
    changes["data.source"] = data
    named = {
        "backbone": backbone,
        "seed": seed,
        "data.group_by": group_by,
        "data.bad_images": bad_images,
    }
    changes |= {setting: value for setting, value in named.items() if value is not None}
    config = load_config(recipe).changed(changes)
    folder = RunFolder(Path(out) if out is not None else free_run_path(run_name(data)))
    folder.check_free()
    trainer = Trainer(TrainingContext(config, reporter, device=device), folder)
    reporter.message(describe(trainer))
    trainer.fit_budget(seconds)
    folder.create(trainer.config, trainer.identity())
    reporter.message(f"run       {folder.path}")
    return _logged(trainer, log)


def load(path: str | Path, *, backbone: FrozenViT | None = None, device: str | None = None) -> Task:
    """Load a task file, or the one of a run folder.

    Args:
        backbone: shared with other tasks, loaded already; None loads the one it was trained on.
        device: such as "cuda"; None takes a GPU if there is one.
    """
    return Task.load(path, backbone, device)


def _reopen(
    data: str | None, out: str | Path | None, reporter: Reporter, device: str | None
) -> Trainer:
    if out is None:
        raise ConfigError("--resume: name the run to go on with, such as --out runs/birds.")
    folder = RunFolder(Path(out))
    config = folder.open()
    try:
        moved = data is not None and not same_data(data, config.data.source)
        if not moved:
            check_place(folder.path, config)
        now = config.changed({"data.source": data}) if moved else config
        trainer = Trainer(TrainingContext(now, reporter, device=device), folder)
        try:
            folder.check_identity(trainer.identity())
        except RunError as error:
            if not moved:
                raise
            raise ConfigError(
                f"--resume: {out} was trained on {config.data.source}, and {data} is not the same "
                "in another place. Leave the data out, or give another --out."
            ) from error
        if trainer.config != config:
            folder.keep(trainer.config)
    except BaseException:
        folder.release()
        raise
    reporter.message(describe(trainer))
    reporter.message(f"run       {folder.path} (resumed)")
    return trainer


def _logged(trainer: Trainer, log: str | None) -> Trainer:
    trainer.context.reporter = with_log(trainer.context.reporter, log, trainer.folder.path)
    return trainer


def run_name(data: str) -> str:
    """What a run or study of some data is called: the data's name, and its list's."""
    source, _, options = data.partition(":")
    name = Path(source.rstrip("/")).stem or "run"
    listed = [o.partition("=")[2] for o in options.split(",") if o.startswith("list=")]
    return f"{name}-{Path(listed[0]).stem}" if listed else name
