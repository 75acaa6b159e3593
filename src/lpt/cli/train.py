"""The commands `lpt demo` and `lpt train`."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lpt.cli.options import DATA_HELP, MAX_SEED, Device, Seed, Threads
from lpt.cli.printing import say, say_json, say_stopped
from lpt.errors import LptError, ParameterError
from lpt.escape import shell_command
from lpt.machine.group.launch import launch
from lpt.machine.group.place import MOST_PROCESSES, Place
from lpt.machine.threads import use_threads

if TYPE_CHECKING:
    from lpt.api import TrainRequest
    from lpt.progress import Reporter

__all__ = ["demo", "train"]


def demo(
    out: Annotated[
        Path | None, typer.Option(help="Run folder.", show_default="a new one below runs/")
    ] = None,
    seed: Seed = 0,
    threads: Threads = None,
) -> None:
    """Run an end-to-end demo on bundled data and a bundled backbone (minutes on a laptop CPU)."""
    use_threads(threads)
    from lpt.reporters import reporter_for
    from lpt.studies.demo import run_demo
    from lpt.training.run.run_folder import free_run_path

    folder = out or free_run_path("demo")
    try:
        say(run_demo(folder, seed, reporter_for()))
    except KeyboardInterrupt:
        _say_how_to_resume(folder)
        raise


def train(
    data: Annotated[str | None, typer.Argument(help=DATA_HELP, show_default=False)] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            help="timm name, local file or folder; see lpt backbones.",
            show_default="the recipe's",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder.", show_default="a new one below runs/")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="default, adapters, paper, released, or a YAML file.")
    ] = ("default"),
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A setting, such as phase1.epochs=5. Repeatable."
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="Time limit of the run, such as 90s, 20m or 1.5h. It never adds epochs.",
            show_default="none",
        ),
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of the data (animal, patient, video): images with the same value stay in "
            "one split.",
        ),
    ] = None,
    bad_images: Annotated[
        str | None,
        typer.Option(
            metavar="error|skip|LIST",
            help="error: read all images first and stop if any would spoil training; skip: leave "
            "those images out; LIST: leave out the images of a quarantine list.",
            show_default="stop when a bad image is reached",
        ),
    ] = None,
    corrections: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Change the labels, and leave out the images, that a list of lpt review names.",
            show_default="none",
        ),
    ] = None,
    unlabelled: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="Photos without labels. Phase 2 also trains on those that the model of phase 1 is "
            "sure of, by thresholds of each class.",
            show_default="none",
        ),
    ] = None,
    init_from: Annotated[
        str | None,
        typer.Option(
            metavar="TASK",
            help="Start both phases from a run, task file or hf:USER/NAME: prompts, keys, and the "
            "classes of the same names.",
            show_default="none",
        ),
    ] = None,
    class_init: Annotated[
        str | None,
        typer.Option(
            metavar="probe|text|class-means|uniform",
            help="Where the classifier starts. text: at the class names, by the text tower of a "
            "CLIP or SigLIP, mixed with class means.",
            show_default="the recipe's",
        ),
    ] = None,
    templates: Annotated[
        str | None,
        typer.Option(
            metavar="SET|FILE",
            help="Prompts around class names: general, places, species, ..., or a file with one "
            "per line.",
            show_default="the data's",
        ),
    ] = None,
    class_names: Annotated[
        str | None,
        typer.Option(
            metavar="CSV",
            help="Readable names: columns class and name.",
            show_default="classnames.csv in DATA",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=MAX_SEED, help="Random seed.", show_default="the recipe's, 0"),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Resume the run in --out. Give DATA only if it has moved."),
    ] = False,
    log: Annotated[
        str | None,
        typer.Option(
            metavar="tensorboard|mlflow|wandb|trackio",
            help="Also keep settings and metrics there; several are joined by commas.",
            show_default="none",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON instead of a table.")
    ] = False,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan",
            help="Print the parameters, memory, disk and time that the run will take, and write "
            "nothing.",
        ),
    ] = False,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_PROCESSES,
            help="Train in several processes on this machine, each on a GPU or on its share of the "
            "cores. On several machines: torchrun -m lpt train, or srun lpt train.",
            show_default="1",
        ),
    ] = None,
    device: Device = None,
    threads: Threads = None,
) -> None:
    """Train a task on a data set. The result is a task file of a few megabytes."""
    use_threads(threads)
    place = Place.of_environment()
    from lpt.api import TrainRequest
    from lpt.config import parse_settings

    request = TrainRequest(
        data=data,
        backbone=backbone,
        out=out,
        recipe=recipe,
        settings=parse_settings(settings or []),
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
    try:
        request.check()  # before torch is imported
    except LptError:
        if place is not None and place.rank:
            raise SystemExit(2) from None  # process 0 prints it
        raise
    if processes is not None and (place is None or place.launcher is None):
        if place is not None:
            raise ParameterError(
                f"`processes` {processes}: {place.size} processes were started by other means. "
                "Leave it out."
            )
        if processes > 1:
            raise SystemExit(launch(processes, sys.argv[1:]))
    from lpt.reporters import reporter_for

    if plan:
        _print_plan(request, reporter_for(), as_json=as_json, silent=bool(place and place.rank))
        return
    from lpt.api import finish, prepare
    from lpt.training.summary import summarise

    trainer = prepare(request, reporter_for())
    try:
        task = finish(trainer)
    except KeyboardInterrupt:
        if trainer.context.group.is_main:
            _say_how_to_resume(trainer.folder.path)
        raise
    if place is not None and place.rank:
        return
    assert task.result is not None  # `finish` sets it
    if as_json:
        places = {"run": str(trainer.folder.path), "task_file": str(trainer.folder.task_file)}
        say_json({**places, **asdict(task.result)})
    else:
        say(summarise(trainer, task, task.result))


def _print_plan(
    request: "TrainRequest", reporter: "Reporter", *, as_json: bool, silent: bool
) -> None:
    from lpt.api import plan_training
    from lpt.training.plan.plan_text import render_run_plan

    found = plan_training(request, reporter)
    if silent:
        return
    if as_json:
        say_json(asdict(found))
    else:
        say(render_run_plan(found))


def _say_how_to_resume(run: Path) -> None:
    if (run / "config.yaml").is_file():  # else nothing was trained yet
        again = shell_command("lpt", "train", "--out", run, "--resume")
        say_stopped(f"Resume with: {again}")
