"""The `lpt` command: all subcommands, and the printing of errors and warnings."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated, TextIO

import typer

from lpt.allocator import reuse_memory
from lpt.cli import data, reports, study, train, use
from lpt.cli.old_options import current_arguments
from lpt.cli.options import message_of
from lpt.deprecation import RenamedWarning
from lpt.errors import LptError
from lpt.threads import wait_passively

__all__ = ["app", "main"]

app = typer.Typer(
    name="lpt",
    help="Train image classifiers on long-tailed data by tuning prompts for a frozen Vision "
    "Transformer (LPT).",
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
    shown: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    del shown


for command in (
    train.demo,
    train.train,
    use.evaluate,
    use.predict,
    reports.analyze,
    reports.report,
    reports.bench,
    study.study,
    use.backbones,
):
    app.command()(command)
app.add_typer(data.app)


def main() -> None:
    """Run the command line. Errors that a user can cause are printed, and exit with code 2."""
    reuse_memory()
    wait_passively()
    warnings.showwarning = _show_warning
    with _errors_printed():
        app(current_arguments(sys.argv[1:]))


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print the warnings of lpt as one line, and all others as Python does."""
    text = warnings.formatwarning(message, category, filename, lineno, line)
    if issubclass(category, RenamedWarning):
        text = f"lpt: warning: {message}\n"
    print(text, end="", file=file or sys.stderr)


@contextmanager
def _errors_printed() -> Iterator[None]:
    try:
        yield
    except LptError as error:
        print(f"lpt: {message_of(error)}", file=sys.stderr)
        raise SystemExit(2) from None
