"""The `lpt` command: all subcommands, the printing of errors and warnings, and the exit codes.

Codes: 0 done, 1 a finding of `lpt data check`, a problem that `lpt doctor` finds or a failed run
of a study, 2 a user error, 128 plus the number of a signal (130 for Ctrl-C, 143 for SIGTERM, 129
for SIGHUP, 141 for a closed pipe).
"""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from types import FrameType
from typing import Annotated, TextIO

import typer

from lpt.cli import backbone_commands, data, info, predict, reports, study, task, train, use
from lpt.cli.health.doctor import doctor
from lpt.cli.labelling.review_command import review
from lpt.cli.labelling.suggest_command import suggest
from lpt.cli.old_options import current_arguments
from lpt.cli.options import command_of, message_of, usage_message, with_metavars, with_quiet
from lpt.cli.printing import guarded_streams, say, say_error
from lpt.cli.serving import serve_command
from lpt.cli.sharing import share_commands
from lpt.deprecation import RenamedWarning
from lpt.errors import LptError
from lpt.escape import printable, printable_lines
from lpt.machine.allocator import reuse_memory
from lpt.machine.lazy_packages import VISION_PACKAGES, make_lazy
from lpt.machine.threads import wait_passively

__all__ = ["app", "main", "stopped_by_signals"]

_SIGNALS = ("SIGTERM", "SIGHUP")

app = typer.Typer(
    name="lpt",
    help="Train image classifiers on long-tailed data by tuning prompts for a frozen Vision "
    "Transformer (LPT).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        say(f"lpt {version('lpt')}")
        raise typer.Exit


@app.callback()
def _every_command(
    shown: Annotated[
        bool,
        typer.Option(
            "--version", metavar="", callback=_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    del shown


for command in (
    with_quiet(train.demo),
    with_quiet(train.train),
    with_quiet(use.evaluate),
    predict.predict,
    serve_command.serve,
    with_quiet(reports.analyze),
    with_quiet(reports.report),
    review,
    with_quiet(suggest),
    reports.bench,
    with_quiet(share_commands.export),
    share_commands.push,
    with_quiet(study.study),
    info.info,
    info.trust,
    info.settings,
    doctor,
):
    app.command()(command)
app.add_typer(backbone_commands.app)
app.add_typer(data.app)
app.add_typer(task.app)
with_metavars(app)


def main() -> None:
    """Run the command line. Errors that a user can cause are printed, and exit with code 2."""
    reuse_memory()
    wait_passively()
    make_lazy(VISION_PACKAGES)
    warnings.showwarning = _show_warning
    with guarded_streams(), _errors_printed(), stopped_by_signals():
        try:
            code = command_of(app)(current_arguments(sys.argv[1:]), standalone_mode=False)
            raise SystemExit(code or 0)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()


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
    print(printable_lines(text), end="", file=file or sys.stderr)


@contextmanager
def _errors_printed() -> Iterator[None]:
    try:
        yield
    except LptError as error:
        say_error(message_of(error))
        raise SystemExit(2) from None
    except Exception as error:
        # Typer has no public class for wrong usage, such as an option that does not exist.
        if not hasattr(error, "format_message"):
            raise
        context = getattr(error, "ctx", None)
        if type(error).__name__ != "NoArgsIsHelpError":  # which has printed the help
            where = "lpt" if context is None else context.command_path
            say_error(f"{printable(usage_message(error))}\nSee: {where} --help")
        raise SystemExit(2) from None


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does, with their own exit code.

    A signal that the caller ignores (nohup) stays ignored. The second signal ends the process at
    once. Worker processes that inherit the handlers end as if there were none.
    """
    received: list[int] = []
    process = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        signal.signal(number, signal.SIG_DFL)
        if os.getpid() != process:
            os.kill(os.getpid(), number)
        received.append(number)
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []  # only the main thread may handle signals
    handled = [n for n in numbers if signal.getsignal(n) == signal.SIG_DFL]
    for number in handled:
        signal.signal(number, stop)
    try:
        yield
    except BaseException as error:
        if received:
            raise SystemExit(128 + received[0]) from None
        if isinstance(error, KeyboardInterrupt):
            raise SystemExit(128 + signal.SIGINT) from None
        raise
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
