"""Train a task from Python or for the command line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from lpt.api.bad_image_help import bad_images_explained
from lpt.api.train_request import PathLike, TrainRequest
from lpt.data.sources.data_string import run_name, same_data
from lpt.errors import ParameterError, RunError
from lpt.escape import printable
from lpt.logs import LogReporter, check_log, with_log
from lpt.machine.group.meet import join
from lpt.machine.group.place import Place
from lpt.machine.group.process_group import ProcessGroup, ended_together
from lpt.progress import Reporter, SilentReporter
from lpt.reporters import reporter_for
from lpt.task import Task
from lpt.training.budget_watch import keep_budget
from lpt.training.phases.task_start import TaskStart
from lpt.training.phases.text_start import text_of_classes
from lpt.training.processes.group_folder import GroupFolder
from lpt.training.run.data_identity import IMAGE_TIMES
from lpt.training.run.run_data import check_place
from lpt.training.run.run_folder import RunFolder, free_run_path
from lpt.training.run.run_origin import check_names
from lpt.training.run.training_context import TrainingContext
from lpt.training.summary import describe
from lpt.training.trainer import Trainer

__all__ = [
    "bad_images_explained",
    "choose_reporter",
    "finish",
    "open_trainer",
    "prepare",
    "train",
]


def train(
    data: PathLike | None = None,
    *,
    backbone: PathLike | None = None,
    out: PathLike | None = None,
    recipe: PathLike = "default",
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    budget: str | float | None = None,
    group_by: str | None = None,
    bad_images: PathLike | None = None,
    corrections: PathLike | None = None,
    unlabelled: PathLike | None = None,
    init_from: PathLike | None = None,
    class_init: str | None = None,
    templates: PathLike | None = None,
    class_names: PathLike | None = None,
    resume: bool = False,
    device: str | torch.device | None = None,
    log: str | None = None,
    verbose: bool = False,
    reporter: Reporter | None = None,
) -> Task:
    """Train a task on a data set.

    Args:
        data: folder of class folders, list, Parquet file, or the name of a data set
            (see `lpt.open_data`).
        backbone: a name that `lpt backbones` lists, or a local file; None takes the recipe's.
        out: run folder; None creates a new one below runs/.
        recipe: "default", "adapters", "paper", "released", or the path of a YAML file.
        settings: dotted settings that replace the recipe's, such as {"phase1.epochs": 5}.
        seed: random seed; None takes the recipe's (0).
        budget: time limit of the whole run: seconds, or text such as "20m". Epochs are reduced to
            fit into it.
        group_by: column of a list or Parquet file, or a name in the JSON of tar shards (animal,
            patient, video). Images with the same value are kept in the same split.
        bad_images: "error" reads all images first and stops if any would spoil training; "skip"
            leaves those images out; a path leaves out the images of that quarantine list. None
            stops when a bad image is reached.
        corrections: a list that `lpt review` writes: labels that are changed and images that are
            left out. The data itself stays as it is.
        unlabelled: a folder of photos without labels. The model of phase 1 labels those that it is
            sure of, and phase 2 trains on them, too (`pseudo_labels` in the settings).
        init_from: run folder, task file or hf:USER/NAME that both phases start from: prompts, keys
            and the directions of classes with the same names. Its sizes of prompts and its
            backbone are used, too.
        class_init: where the classifier starts: "probe", "class-means", "uniform", or "text",
            the features of class names by the text tower of a CLIP or SigLIP, mixed with class
            means (docs/text.md). "text" needs the extra `lpt[text]`.
        templates: of prompts with a class name: "general", another set of docs/text.md, or a file
            with one template per line.
        class_names: CSV file with the columns class and name; None takes classnames.csv in the
            folder of the data, or else the names of the class folders.
        resume: resume the run in `out` with its own configuration. `data` is needed only if the
            data has moved.
        device: "cpu", "cuda", "mps" or a `torch.device`; None takes a CUDA GPU if there is one.
        log: "tensorboard", "mlflow", "wandb" or "trackio" also keeps settings and metrics there;
            several are joined by commas. Each needs its package (docs/integrations.md).
        verbose: show progress: a live table in a terminal or a notebook, lines elsewhere.
        reporter: your own progress receiver; it takes precedence over `verbose`.
    Returns: the trained task, ready to predict, with `task.result`. The run folder, `task.path`,
        holds configuration, metrics, checkpoints and the task file.
    Raises: LptError naming the file or parameter, its value and a remedy; nothing is written if an
        argument is wrong.

    >>> settings = {"phase1.epochs": 0, "phase2.epochs": 0}  # class means only: a second
    >>> task = lpt.train("digits", out="runs/means", settings=settings, device="cpu")
    >>> task.result.metrics["phase1"]["test"]["overall"] > 0.2
    True
    """
    request = TrainRequest(
        data=data,
        backbone=backbone,
        out=out,
        recipe=recipe,
        settings=settings,
        seed=seed,
        budget=budget,
        group_by=group_by,
        bad_images=bad_images,
        corrections=corrections,
        unlabelled=unlabelled,
        init_from=init_from,
        class_init=class_init,
        templates=templates,
        class_names=class_names,
        resume=resume,
        device=device,
        log=log,
    )
    return finish(prepare(request, choose_reporter(verbose, reporter)))


def prepare(request: TrainRequest, reporter: Reporter) -> Trainer:
    """Open everything that a run needs, report it, and create or reopen the run folder.

    Nothing is written before all arguments are known to work. In processes that torchrun,
    Accelerate, srun or `lpt train --processes` has started, they train together.

    Raises: as `train`; SystemExit in a process if another one has raised the error.
    """
    check_log(request.log)
    if request.resume:
        request.check_resume()
    group = join(Place.of_environment())
    with ended_together(group):
        return _prepared(request, reporter if group.is_main else SilentReporter(), group)


def _prepared(request: TrainRequest, reporter: Reporter, group: ProcessGroup) -> Trainer:
    if request.resume:
        trainer = _reopen(request, reporter, group)
    else:
        trainer = _create(request, reporter, group)
    if request.log is not None and group.is_main:
        from lpt.analysis.report.finished_run import flat_settings

        settings = flat_settings(trainer.config)
        try:
            logged = with_log(reporter, request.log, trainer.folder.path, settings)
        except BaseException:
            trainer.folder.release()
            raise
        trainer.context.reporter = logged
    return trainer


def finish(trainer: Trainer) -> Task:
    """Run a prepared trainer to its end and release its folder."""
    with ended_together(trainer.context.group):
        task = _finished(trainer)
        trainer.context.group.close()
    return task


def _finished(trainer: Trainer) -> Task:
    log, failed = trainer.context.reporter, True
    try:
        with bad_images_explained(trainer.config.data.source):
            task, result = trainer.run()
        failed = False
        if isinstance(log, LogReporter):
            log.finish(result.metrics)
        if note := trainer.folder.check_identity(trainer.identity()):
            trainer.context.reporter.message(f"warning   {note}")
    finally:
        if isinstance(log, LogReporter):
            log.close(failed)
        trainer.folder.release()
    return Task(task.model, task.spec, result=result, path=trainer.folder.path)


def choose_reporter(verbose: bool, reporter: Reporter | None = None) -> Reporter:
    """Return the given reporter, else one that shows progress if `verbose`, else a silent one."""
    if reporter is not None:
        return reporter
    return reporter_for() if verbose else SilentReporter()


def _folder(path: str, group: ProcessGroup) -> RunFolder:
    return RunFolder(Path(path)) if group.size == 1 else GroupFolder(Path(path), group)


def open_trainer(
    request: TrainRequest, reporter: Reporter, group: ProcessGroup
) -> tuple[Trainer, TaskStart | None]:
    """Open data and backbone of a new run, and report them; nothing is written.

    Returns: the trainer, and the task that it starts from, if there is one.
    """
    if request.data is None:
        raise ParameterError(
            "`data`: not given. Name the data, or resume the run in `out` with `resume=True`."
        )
    config = request.config
    name = run_name(str(request.data))
    folder = _folder(group.decided(lambda: str(request.run_path or free_run_path(name))), group)
    folder.check_free()
    context = TrainingContext(config, reporter, device=request.device_name, group=group)
    trainer, start = Trainer(context, folder), None
    if config.classifier.init == "text":  # before the folder is made
        text_of_classes(context)
    reporter.message(describe(trainer))
    if request.init_from is not None:
        start = TaskStart.read(request.init_from)
        trainer.phases = start.prepare(context, trainer.model, trainer.phases)
        reporter.message(start.describe(context.data.class_names))
    return trainer, start


def _create(request: TrainRequest, reporter: Reporter, group: ProcessGroup) -> Trainer:
    trainer, start = open_trainer(request, reporter, group)
    folder = trainer.folder
    with bad_images_explained(trainer.config.data.source):
        trainer.fit_budget(request.budget_seconds, request.began)
    folder.create(trainer.config, {**trainer.identity(), **(start.identity if start else {})})
    if start is not None and group.is_main:
        start.save(folder.path)
    if trainer.watch is not None and group.is_main:
        keep_budget(folder.path, trainer.watch)
    reporter.message(f"run       {printable(str(folder.path))}")
    return trainer


def _reopen(request: TrainRequest, reporter: Reporter, group: ProcessGroup) -> Trainer:
    assert request.run_path is not None  # checked by check_resume
    data = None if request.data is None else str(request.data)
    folder = _folder(str(request.run_path), group)
    config = folder.open()
    finished: bool = group.decided(folder.task_file.is_file)
    try:
        moved = data is not None and not same_data(data, config.data.source)
        if not moved:
            check_place(folder.path, config)
        if group.is_main:  # the mark of this machine is in the folder, and its key at home
            check_names(folder.path, config, data_given=data is not None, backbone=True)
        now = config.changed({"data.source": data}) if moved else config
        context = TrainingContext(now, reporter, device=request.device_name, group=group)
        trainer = Trainer(context, folder)
        if (start := TaskStart.of_run(folder)) is not None:
            trainer.phases = start.prepare(context, trainer.model, trainer.phases)
        try:
            identity = trainer.identity()
            if moved:  # a copy has times of its own
                identity.pop(IMAGE_TIMES)
            if note := folder.check_identity(identity):
                reporter.message(f"warning   {note}")
        except RunError as error:
            if not moved:
                raise
            raise ParameterError(
                f"`data`: {folder.path} was trained on {config.data.source}, and {data} is not the "
                "same data in another place. Leave it out, or choose another folder with `out`."
            ) from error
        if trainer.config != config:
            folder.keep(trainer.config)
        trainer.resumed_at = None if finished else request.began
    except BaseException:
        folder.release()
        raise
    reporter.message(describe(trainer))
    state = "already finished: it is only scored again" if finished else "resumed"
    if not folder.last_file.exists():  # of interest to process 0 only, which prints
        state = "resumed from its start: it has no checkpoint yet"
    reporter.message(f"run       {printable(str(folder.path))} ({state})")
    return trainer
