"""lpt demo, lpt train."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from lpt.cli.options import DATA_HELP, Device, Seed

__all__ = ["demo", "train"]


def demo(
    out: Annotated[Path | None, typer.Option(help="Run folder; by default below runs/.")] = None,
    seed: Seed = 0,
) -> None:
    """The whole story on embedded data and backbone: minutes on a laptop CPU."""
    from lpt.reporters import reporter_for
    from lpt.studies.demo import run_demo

    print(run_demo(out, seed, reporter_for()))


def train(
    data: Annotated[str | None, typer.Argument(help=DATA_HELP, show_default=False)] = None,
    backbone: Annotated[
        str | None, typer.Option(help="timm name, local file or folder; see lpt backbones.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; by default below runs/.")] = None,
    recipe: Annotated[str, typer.Option(help="default, paper, released, or a YAML file.")] = (
        "default"
    ),
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting, such as phase1.epochs=5."),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Time to fit the run into: 90s, 20m, 1.5h.")
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of the data (animal, patient, video) whose values never lie on both "
            "sides of a split.",
        ),
    ] = None,
    bad_images: Annotated[
        str | None,
        typer.Option(
            metavar="error|skip|LIST",
            help="error: read all images first, stop if any would spoil training; skip: leave "
            "those out; LIST: leave out what a quarantine list names. By default a bad image "
            "stops the run when it is met.",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of everything random.")] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the run in --out; DATA only if it has moved."),
    ] = False,
    log: Annotated[
        str | None, typer.Option(metavar="tensorboard", help="Also write RUN/tensorboard.")
    ] = None,
    device: Device = None,
) -> None:
    """Train both phases on a data set; the product is a prompt file of a few megabytes."""
    from lpt.api import finish, prepare
    from lpt.config import parse_settings
    from lpt.reporters import reporter_for
    from lpt.training.summary import summarise

    trainer = prepare(
        data,
        backbone=backbone,
        out=out,
        recipe=recipe,
        settings=parse_settings(settings or []),
        seed=seed,
        budget=budget,
        group_by=group_by,
        bad_images=bad_images,
        resume=resume,
        device=device,
        log=log,
        reporter=reporter_for(),
    )
    try:
        task, result = finish(trainer)
    except KeyboardInterrupt:
        path = trainer.folder.path
        print(f"\nlpt: stopped. Go on with: lpt train --out {path} --resume", file=sys.stderr)
        raise
    print(summarise(trainer, task, result))
