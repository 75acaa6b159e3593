"""Arguments and options that several commands share, and the names of parameters as options."""

import re
from pathlib import Path
from typing import Annotated

import typer

from lpt.cli.early_checks import given_run
from lpt.errors import ConfigError, LptError, TemplateError
from lpt.threads import MAX_THREADS

__all__ = [
    "DATA_HELP",
    "MAX_SEED",
    "Data",
    "Device",
    "Run",
    "Seed",
    "Threads",
    "Workers",
    "check_free",
    "message_of",
    "named_data",
]

DATA_HELP = (
    "Folder of class folders (with or without train/val/test folders), CSV/TSV/text list, Parquet "
    "file or folder, hf:NAME, or a name that `lpt data list` prints. Options follow a colon: "
    "DIR:list=lists/lt100.csv, DIR:test=OTHER."
)
MAX_SEED = 2**32 - 1
Data = Annotated[str, typer.Argument(help=DATA_HELP, show_default=False)]
Run = Annotated[
    Path, typer.Argument(help="Run folder or task file.", show_default=False, callback=given_run)
]
Device = Annotated[
    str | None,
    typer.Option(help="cpu, cuda, cuda:NUMBER or mps.", show_default="a CUDA GPU if there is one"),
]
Seed = Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Random seed.")]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1, max=MAX_THREADS, help="CPU threads to compute with.", show_default="one per core"
    ),
]
Workers = Annotated[
    int, typer.Option(min=0, help="Processes that load images; 0 loads them in this process.")
]

_OPTIONS = {"data": "DATA", "settings": "--set", "path": "RUN"}
"""Parameters whose option is not `--` followed by their name."""


def message_of(error: LptError) -> str:
    """Return the message of an error, with the names of options instead of parameters.

    >>> from lpt.errors import ParameterError
    >>> message_of(ParameterError("`resume`: `settings` would change the run."))
    '--resume: --set would change the run.'
    """
    if not isinstance(error, TemplateError):
        return str(error)

    def option(match: re.Match[str]) -> str:
        return _OPTIONS.get(match[1], "--" + match[1].replace("_", "-"))

    return re.sub(r"`([^`\n]+)`", r"\1", re.sub(r"`(\w+)`", option, error.template))


def named_data(entries: list[str]) -> dict[str, str]:
    """Return data by name, from `name=PATH` or from PATH, which is named after itself.

    A `=` within the options of a path does not count.

    Raises: ConfigError if two entries have the same name.
    """
    named: dict[str, str] = {}
    for entry in entries:
        name, equals, source = entry.partition("=")
        if not equals or not name or ":" in name or "/" in name or Path(entry).exists():
            name, source = Path(entry.partition(":")[0]).absolute().stem or entry, entry
        if name in named:
            raise ConfigError(
                f"{entry}: the name '{name}' is taken by {named[name]}. "
                f"Give each data set a name, such as other-{name}={source}."
            )
        named[name] = source
    return named


def check_free(*files: Path | None) -> None:
    """Refuse to overwrite files, before any work is done. Raises: ConfigError."""
    for file in files:
        if file is not None and file.exists():
            raise ConfigError(f"{file}: exists already. Choose another name, or remove it first.")
