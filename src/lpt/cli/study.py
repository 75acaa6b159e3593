"""lpt study: the comparisons of the paper as tables."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from lpt.cli.options import DATA_HELP, Device, Threads, named_data
from lpt.cli.printing import say, say_note, say_stopped
from lpt.errors import ConfigError
from lpt.escape import printable
from lpt.machine.threads import use_threads
from lpt.studies.launch.study_worker import is_worker

__all__ = ["study"]

MOST_WORKERS = 1000


def study(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Name of a study, or a YAML file of rows; without it, all studies are listed.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[str | None, typer.Option(help=DATA_HELP)] = None,
    backbone: Annotated[
        list[str] | None,
        typer.Option(help="timm name, file or folder; repeatable. random:NAME is untrained."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds, one run per row each.")] = 3,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Epochs of each phase and of each baseline. Rows that set their own keep them.",
            show_default="each method's own",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of results and runs; studies may share it.",
            show_default="runs/studies/DATA",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A setting for every row; baseline.KEY for baselines.",
        ),
    ] = None,
    lrs: Annotated[
        str | None,
        typer.Option(
            help="Candidate learning rates: multiples of each method's default (x1/3,x1,x3) or "
            "absolute values (0.001,0.003). A single one needs no selection.",
            show_default="x1/3,x1,x3",
        ),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            help="Recipe of rows that name none: default, adapters, paper, released or a file."
        ),
    ] = "default",
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROW", help="Only this row (a unique prefix of its label will do); repeatable."
        ),
    ] = None,
    reference: Annotated[
        str,
        typer.Option(
            metavar="ROW", help="Row that the others are compared with.", show_default="the first"
        ),
    ] = "",
    init: Annotated[
        str | None,
        typer.Option(
            help="Initialisation of every classifier: class-means or uniform.",
            show_default="each method's own",
        ),
    ] = None,
    tta: Annotated[
        bool,
        typer.Option("--tta", help="Also score every method with test-time augmentation."),
    ] = False,
    shifted: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]DATA", help="Other test images, for the study shift; repeatable."
        ),
    ] = None,
    other: Annotated[
        str | None, typer.Option(help="Second data set, for the study multitask.")
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Train failed runs again.")] = False,
    as_list: Annotated[
        bool, typer.Option("--list", help="List the studies, or the rows of the given study.")
    ] = False,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan",
            help="Check everything, count the runs and estimate their time, without training.",
        ),
    ] = False,
    slurm: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_WORKERS,
            help="Train in this number of Slurm jobs, which share the runs (extra lpt\\[slurm]).",
            show_default="none",
        ),
    ] = None,
    slurm_set: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="A setting of these jobs: partition=gpu, gpus_per_node=1, timeout_min=600; "
            "repeatable.",
        ),
    ] = None,
    ray: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_WORKERS,
            help="Train in this number of tasks of the Ray cluster at RAY_ADDRESS, or of this "
            "machine (extra lpt\\[ray]).",
            show_default="none",
        ),
    ] = None,
    device: Device = None,
    threads: Threads = None,
) -> None:
    """Reproduce a comparison of the paper as one table; resumes after an interruption."""
    use_threads(threads)
    from lpt.api.early_names import check_backbone_name
    from lpt.config import parse_settings
    from lpt.data.sources.data_string import parse_spec
    from lpt.data.sources.read_source import check_exists
    from lpt.studies.define.definition import load_study, study_names
    from lpt.studies.define.lr_grid import parse_lrs
    from lpt.studies.define.row_labels import label_of
    from lpt.studies.define.study_file import find_study, study_title

    if name is not None and as_list:
        say("\n".join(row.label for row in find_study(name, recipe).rows))
        return
    if name is None:
        width = max(map(len, study_names()))
        for known in study_names():
            found = load_study(known)
            say(f"{known:<{width}}  {found.about} ({found.source})")
        return
    labels = [row.label for row in find_study(name, recipe).rows]
    for asked in only or ():
        label_of(asked, labels, "--only")
    if reference:
        label_of(reference, labels, "--reference")
    if data is None:
        raise ConfigError(f"study {name}: name the data with --data.")
    images, candidates = named_data(shifted or []), parse_lrs(lrs)
    for source in filter(None, (data, other, *images.values())):
        check_exists(parse_spec(source))
    for named in backbone or ():
        check_backbone_name(named)  # all of this before torch is imported
    if slurm is not None and ray is not None:
        raise ConfigError("--slurm, --ray: choose one of them.")
    if slurm_set and slurm is None:
        raise ConfigError("--slurm-set: needs --slurm, the number of jobs.")
    from lpt.data.sources.data_string import run_name
    from lpt.reporters import reporter_for
    from lpt.studies.define.overrides import Overrides
    from lpt.studies.run_study import Request, plan_study, run_study
    from lpt.studies.table.rendering import render_plan, render_study

    folder = out or Path("runs") / "studies" / run_name(data)
    overrides = Overrides(epochs, init, tta, parse_settings(settings or []), other, recipe)
    request = Request(
        name,
        data,
        folder,
        tuple(backbone or ()),
        seeds,
        candidates,
        overrides,
        tuple(only or ()),
        reference,
        images,
        retry,
        device,
    )
    if plan:
        say(render_plan(plan_study(request, reporter_for())).rstrip())
        return
    workers = slurm or ray
    if workers and not is_worker():
        plan_study(request, reporter_for())  # refuses here what every worker would refuse
        if slurm is not None:
            from lpt.studies.launch.slurm_jobs import job_settings, run_on_slurm

            settings_of_jobs = job_settings(slurm_set or [])
            say(run_on_slurm(slurm, sys.argv[1:], folder, settings_of_jobs, say_note).rstrip())
        else:
            from lpt.studies.launch.ray_workers import run_on_ray

            say(run_on_ray(workers, sys.argv[1:], say_note).rstrip())
        return
    try:
        table = run_study(request, reporter_for())
    except KeyboardInterrupt:
        say_stopped("Run the same command again to continue.")
        raise
    say(render_study(table))
    title = printable(study_title(name))
    say(f"files  {printable(str(folder))}: {title}.md, .csv, .json, .svg; runs in runs/")
    if any(row.failed for row in table.rows):
        raise SystemExit(1)
