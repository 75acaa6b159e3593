"""lpt task: the classes of a trained task, changed without training."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lpt.cli.early_checks import given_paths, given_run
from lpt.cli.options import Backbone, Device, Workers, with_quiet, with_threads
from lpt.cli.printing import say, say_json
from lpt.escape import printable
from lpt.progress import percent, plural

__all__ = ["app"]

app = typer.Typer(
    name="task",
    help="Add, remove, rename and merge classes of a trained task; show and compare tasks.",
    no_args_is_help=True,
)
TaskFile = Annotated[
    Path,
    typer.Argument(
        metavar="TASK",
        help="Run folder or task file. It is not changed.",
        show_default=False,
        callback=given_run,
    ),
]
Out = Annotated[
    Path, typer.Option(metavar="FILE", help="The new task file, NAME.safetensors; never replaced.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("add-class")
@with_quiet
@with_threads
def add_class(
    task: TaskFile,
    name: Annotated[str, typer.Argument(help="Name of the new class.", show_default=False)],
    photos: Annotated[
        list[Path],
        typer.Argument(
            help="Photos of the class, or folders of them.",
            show_default=False,
            callback=given_paths,
        ),
    ],
    out: Out,
    others: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Data with images of the other classes, which the new one is compared with.",
            show_default="the data of the run",
        ),
    ] = None,
    most_lost: Annotated[
        float,
        typer.Option(
            min=0,
            max=0.99,
            help="Largest share of images of the other classes that the new class may take from "
            "their right class.",
        ),
    ] = 0.01,
    as_json: AsJson = False,
    workers: Workers = 0,
    device: Device = None,
    backbone: Backbone = None,
) -> None:
    """Add a class from a few photos, without training.

    Prompts and the other classes stay as they are. The cost for the other classes is measured and
    printed.
    """
    from lpt.api.edit_task import add_class as add
    from lpt.reporters import reporter_for
    from lpt.task import find_images

    placed = add(
        task,
        name,
        find_images(photos),
        out=out,
        others=others,
        most_lost=most_lost,
        backbone=backbone,
        device=device,
        workers=workers,
        reporter=reporter_for(),
    )
    if as_json:
        facts = asdict(placed)
        facts.pop("direction")
        say_json({"path": str(out), **facts})
        return
    before = placed.old_right / placed.old_images
    after = (placed.old_right - placed.lost) / placed.old_images
    say(f"added     {printable(name)}: {plural(placed.images, 'photo')}, {placed.own} recognised")
    say(
        f"others    {percent(before)} % -> {percent(after)} % of "
        f"{plural(placed.old_images, 'image')} are right; {placed.lost:,} are taken by the new one"
    )
    _say_file(out)


@app.command("remove-class")
def remove_class(
    task: TaskFile,
    names: Annotated[list[str], typer.Argument(help="Classes to remove.", show_default=False)],
    out: Out,
) -> None:
    """Remove classes. Images of theirs are then predicted as one of the others."""
    from lpt.api.edit_task import remove_classes

    remove_classes(task, names, out=out)
    _say_file(out)


@app.command("rename-class")
def rename_class(
    task: TaskFile,
    old: Annotated[str, typer.Argument(help="The class.", show_default=False)],
    new: Annotated[str, typer.Argument(help="Its new name.", show_default=False)],
    out: Out,
) -> None:
    """Give a class another name. Predictions and scores stay the same."""
    from lpt.api.edit_task import rename_class as rename

    rename(task, old, new, out=out)
    _say_file(out)


@app.command("merge-classes")
def merge_classes(
    task: TaskFile,
    names: Annotated[list[str], typer.Argument(help="Two or more classes.", show_default=False)],
    into: Annotated[str, typer.Option(help="Name of the merged class: one of them, or a new one.")],
    out: Out,
) -> None:
    """Merge classes into one, whose direction is the mean of theirs."""
    from lpt.api.edit_task import merge_classes as merge

    merge(task, names, into, out=out)
    _say_file(out)


@app.command()
def show(task: TaskFile, as_json: AsJson = False) -> None:
    """Show the classes of a task, its scores, and how it was changed since its training."""
    from lpt.api.run_info import read_info, render_info
    from lpt.task.editing.task_diff import history_lines

    info = read_info(task)
    if as_json:
        say_json(info.to_json())
        return
    say(render_info(info))
    if info.task is not None and info.task.history:
        say("\nhistory, oldest first")
        for line in history_lines(info.task.history):
            say(f"  {line}")


@app.command()
def diff(
    task: TaskFile,
    other: Annotated[
        Path,
        typer.Argument(help="Another one.", show_default=False, callback=given_run),
    ],
    as_json: AsJson = False,
) -> None:
    """Show what differs between two tasks: classes, directions, prompts, settings."""
    from lpt.task.editing.task_diff import compare_tasks
    from lpt.task.editing.task_parts import read_parts

    found = compare_tasks(read_parts(task), read_parts(other))
    if as_json:
        say_json(asdict(found))
        return
    for line in found.lines():
        say(line)


def _say_file(out: Path) -> None:
    say(f"task file {printable(str(out))}")
