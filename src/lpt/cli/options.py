"""Arguments and options that several commands share, and the names of parameters as options."""

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo, ParameterInfo

from lpt.cli.early_checks import given_device, given_prior, given_run
from lpt.errors import ConfigError, LptError, TemplateError
from lpt.escape import described
from lpt.machine.threads import MAX_THREADS, use_threads

__all__ = [
    "DATA_HELP",
    "MAX_SEED",
    "Backbone",
    "Data",
    "Device",
    "Match",
    "MatchBy",
    "NumberType",
    "Prior",
    "Run",
    "Seed",
    "Threads",
    "Weights",
    "Workers",
    "command_of",
    "message_of",
    "named_data",
    "usage_message",
    "with_metavars",
    "with_quiet",
    "with_threads",
]

DATA_HELP = (
    "Folder of class folders (with or without train/val/test folders), CSV/TSV/text list, Parquet "
    "file or folder, tar shards (photos-{000..009}.tar), hf:NAME, or a name that `lpt data list` "
    "prints. Options follow a colon: DIR:list=lists/lt100.csv, DIR:test=OTHER."
)
MAX_SEED = 2**32 - 1
Data = Annotated[str, typer.Argument(help=DATA_HELP, show_default=False)]
Run = Annotated[
    Path,
    typer.Argument(
        help="Run folder, task file, exported .onnx file, or hf:USER/NAME[@REVISION].",
        show_default=False,
        callback=given_run,
    ),
]
Backbone = Annotated[
    str | None,
    typer.Option(
        help="Backbone that the task was trained on. Needed where the task file names one that "
        "would be fetched, or a path.",
        show_default="the one that the task file names",
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        help="cpu, cuda, cuda:NUMBER or mps.",
        show_default="a CUDA GPU if there is one",
        callback=given_device,
    ),
]
Seed = Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Random seed.")]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1, max=MAX_THREADS, help="CPU threads to compute with.", show_default="one per core"
    ),
]
Prior = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|uniform|training|estimate",
        help="Class frequencies of the images, if they differ from those of the training images: a "
        "CSV file with the columns class and count, a JSON object, the same for all classes, those "
        "of the training images, or those estimated from these images without their labels.",
        show_default="the task's own",
        callback=given_prior,
    ),
]


MatchBy = StrEnum("MatchBy", {"EXACT": "exact", "EARLY": "early", "AUTO": "auto"})
"""How group prompts are matched, as in `lpt.task_records.MatchMode`."""

Match = Annotated[
    MatchBy | None,
    typer.Option(
        help="How group prompts are matched: by the query of each image, by an estimate that takes "
        "less time, or by the estimate where it is clear. The last two need a task trained with "
        "prompts.match=early or auto.",
        show_default="the task's own",
    ),
]
NumberType = StrEnum("NumberType", {"FLOAT32": "float32", "BF16": "bf16", "INT8": "int8"})
"""As `lpt.backbones.compact.weight_type.WeightType`."""

Weights = Annotated[
    NumberType,
    typer.Option(
        help="How the backbone's weights are kept: bf16 halves their memory, int8 quarters it."
    ),
]
Workers = Annotated[
    int, typer.Option(min=0, help="Processes that load images; 0 loads them in this process.")
]

_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress on stderr.")]
_METAVARS = {bool: "", int: "N", float: "NUMBER", Path: "PATH"}
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

    return re.sub(r"`([^`\n]+)`", r"\1", re.sub(r"`(\w+)(?:=True)?`", option, error.template))


def usage_message(error: Any) -> str:
    """Return the message of wrong usage: option, value, and what the option takes.

    An option that is the name of a setting is explained if the command takes settings.

    Args:
        error: an exception of Typer. One about a value is caused by an error of pydantic.
    """
    from pydantic import ValidationError

    from lpt.config.validation import wanted

    cause, parameter = error.__cause__, getattr(error, "param", None)
    if not isinstance(cause, ValidationError) or parameter is None:
        return _as_settings(error) or str(error.format_message())
    is_argument = parameter.param_type_name == "argument"
    name = parameter.human_readable_name if is_argument else max(parameter.opts, key=len)
    first = cause.errors()[0]
    if first["type"] == "value_error":  # of a choice, whose text begins with the value
        return f"{name}: {first['msg'].removeprefix('Value error, ').removesuffix('.')}."
    return f"{name} {described(first['input'])}: {wanted(first)}."


def _as_settings(error: Any) -> str:
    """Say how to give the settings that an unknown option is named like; "" for another error."""
    from lpt.config.settings_table import run_settings

    option, context = getattr(error, "option_name", None), getattr(error, "ctx", None)
    if option is None or context is None:
        return ""
    if not any("--set" in parameter.opts for parameter in context.command.params):
        return ""
    word = option.lstrip("-").replace("-", "_")
    named = [s.name for s in run_settings() if word in (s.name, s.name.rpartition(".")[2])]
    instead = " ".join(f"--set {name}=VALUE" for name in named)
    return f"No such option: {option}. Give settings instead: {instead}" if named else ""


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


def with_quiet(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option `--quiet`, which shows neither progress nor notes about it."""

    @contextmanager
    def around(quiet: bool) -> Iterator[None]:
        from lpt.reporters import without_progress

        with without_progress() if quiet else nullcontext():
            yield

    return _with_option(command, "quiet", _Quiet, False, around)


def with_threads(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option `--threads`."""

    @contextmanager
    def around(threads: int | None) -> Iterator[None]:
        use_threads(threads)
        yield

    return _with_option(command, "threads", Threads, None, around)


def _with_option(
    command: Callable[..., None],
    name: str,
    annotation: Any,
    default: Any,
    around: Callable[[Any], AbstractContextManager[None]],
) -> Callable[..., None]:
    """Give a command one more option, whose value opens a context around it."""

    @functools.wraps(command)
    def run(**arguments: Any) -> None:
        with around(arguments.pop(name, default)):
            command(**arguments)

    signature = inspect.signature(command)
    kind = inspect.Parameter.KEYWORD_ONLY
    option = inspect.Parameter(name, kind, default=default, annotation=annotation)
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), option]
    )
    run.__annotations__ = {**command.__annotations__, name: annotation}
    return run


def with_metavars(app: typer.Typer) -> None:
    """Show what arguments and options take in words of users: FILE, TEXT, N; nothing for flags."""
    for group in app.registered_groups:
        if group.typer_instance is not None:
            with_metavars(group.typer_instance)
    for command in app.registered_commands:
        assert command.callback is not None  # every command is a function
        for name, hint in get_type_hints(command.callback, include_extras=True).items():
            kind, *extras = get_args(hint) if get_origin(hint) is Annotated else (hint,)
            for extra in extras:
                if isinstance(extra, ParameterInfo) and extra.metavar is None:
                    is_argument = isinstance(extra, ArgumentInfo)
                    extra.metavar = name.upper() if is_argument else _metavar(kind)


def _metavar(kind: Any) -> str:
    """Metavar of an option of a type, which may be a list or None too."""
    inner = [_metavar(one) for one in get_args(kind) if one is not type(None)]
    return inner[0] if inner else _METAVARS.get(kind, "TEXT")


def command_of(app: typer.Typer) -> Any:
    """Build the command of an app, whose help names no types of Python."""
    return _without_types(typer.main.get_command(app))


def _without_types(command: Any) -> Any:
    for inner in getattr(command, "commands", {}).values():
        _without_types(inner)
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = lambda *_, **__: ""
        elif parameter.metavar is None and parameter.is_flag:
            parameter.metavar = ""
    made = command.get_help_option

    def get_help_option(*arguments: Any) -> Any:
        option = made(*arguments)
        if option is not None:
            option.metavar = ""
        return option

    command.get_help_option = get_help_option
    return command
