"""lpt suggest: which unlabelled photos to label next."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lpt.cli.early_checks import given_paths
from lpt.cli.options import Backbone, Device, Run, Threads, Workers
from lpt.cli.printing import say
from lpt.escape import csv_text, printable
from lpt.machine.threads import use_threads
from lpt.progress import plural

__all__ = ["suggest"]

_COLUMNS = ("rank", "name", "label", "probability", "margin", "few_shot", "value")


def suggest(
    task: Run,
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER...",
            help="Unlabelled photos, or folders of them.",
            show_default=False,
            callback=given_paths,
        ),
    ],
    budget: Annotated[int, typer.Option(min=1, help="Number of photos to suggest.")] = 50,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="The file to write.", show_default="prints CSV"),
    ] = None,
    workers: Workers = 0,
    device: Device = None,
    threads: Threads = None,
    backbone: Backbone = None,
) -> None:
    """Rank unlabelled photos by what they would teach about the rare classes.

    The first are those that the task is unsure of, that are near classes with few training images,
    and that differ from each other.
    """
    from lpt.files.atomic_files import check_free, write_text

    use_threads(threads)
    check_free(out)
    from lpt.api.suggest_photos import suggest_photos
    from lpt.reporters import reporter_for
    from lpt.task import find_images, load

    reporter = reporter_for()
    paths = find_images(photos, notice=reporter.message)
    loaded = load(task, backbone=backbone, device=device)
    found = suggest_photos(loaded, paths, budget, workers=workers, reporter=reporter)
    rows = [{"rank": rank, **asdict(one)} for rank, one in enumerate(found, 1)]
    for row in rows:
        row |= {name: f"{row[name]:.4f}" for name in _COLUMNS[3:]}
    text = csv_text(rows, _COLUMNS, paths=["name"], exact=["name"] if out else [])
    if out is None:
        say(text.rstrip("\n"))
        return
    write_text(out, text)
    say(f"wrote  {printable(str(out))}: {len(rows):,} of {plural(len(paths), 'photo')}")
