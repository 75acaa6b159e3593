"""All commands together, and how errors are told."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated

import typer

from lpt.allocator import reuse_memory
from lpt.cli import data, measure, study, train, use
from lpt.errors import LptError

__all__ = ["app", "main"]

app = typer.Typer(
    name="lpt",
    help="Long-tailed prompt tuning: train, evaluate and use classifiers for images of which a few "
    "classes have thousands and most have ten.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        print(f"lpt {version('lpt')}")
        raise typer.Exit


@app.callback()
def _every_command(
    told: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print it and leave."),
    ] = False,
) -> None:
    del told


for command in (
    train.demo,
    train.train,
    use.evaluate,
    use.predict,
    measure.analyze,
    measure.report,
    measure.bench,
    study.study,
    use.backbones,
):
    app.command()(command)
app.add_typer(data.app)


def main() -> None:
    """Run the command line. Errors that a user can cause are printed, exit code 2."""
    reuse_memory()
    with _told():
        app()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except LptError as error:
        print(f"lpt: {error}", file=sys.stderr)
        raise SystemExit(2) from None
