"""lpt review: decide about suspect labels and confusions, on a local page."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from lpt.cli.early_checks import given_run
from lpt.cli.printing import say
from lpt.progress import plural

__all__ = ["review"]


def review(
    run: Annotated[
        Path,
        typer.Argument(
            help="Folder of a run that lpt analyze has seen.",
            show_default=False,
            callback=given_run,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="LIST",
            help="The list of corrections, CSV. One that exists is continued.",
            show_default="RUN/corrections.csv",
        ),
    ] = None,
    labels: Annotated[
        int,
        typer.Option(
            min=0, help="Most images to show whose label is doubtful; suspects are always shown."
        ),
    ] = 200,
    confusions: Annotated[
        int,
        typer.Option(min=0, help="Most images to show whose class the run confuses; 0 for none."),
    ] = 100,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 0,
) -> None:
    """Look at suspect labels and confusions on a local page; confirm, change or drop them.

    Decisions go to a list that lpt train --corrections and lpt data check --corrections take. The
    data is not changed. Ctrl-C and the button "Finish" end the review.
    """
    from lpt.review.review_server import ReviewServer
    from lpt.review.run_review import RunReview

    opened = RunReview.open(run, out, labels=labels, confusions=confusions)
    if not opened.items:
        say("nothing to review: the analysis found neither suspect labels nor confusions")
        return
    with ReviewServer(opened, port) as server:
        say(f"review    {plural(len(opened.items), 'image')} at {server.url}")
        with suppress(KeyboardInterrupt):
            server.wait()
    for line in opened.summary():
        say(line)
