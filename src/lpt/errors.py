"""Every error that a user can cause.

LptError                  one or two lines: file or setting, value, remedy; exit code 2
├── DataError             a folder, list or image that cannot be used
├── BackboneError         a backbone that is unknown, unsupported, damaged or missing
├── TaskFileError         a task file that is damaged, hostile or made for another backbone
├── ConfigError           a setting that is unknown or out of range
│   └── ParameterError    an argument of the wrong type or out of range
├── RunError              a run folder that cannot be written, resumed or read
├── TrainingError         training that cannot continue: non-finite loss, out of memory
└── ShapeError            tensors whose sizes do not match (also a ValueError)
"""

import operator
import re

__all__ = [
    "BackboneError",
    "ConfigError",
    "DataError",
    "LptError",
    "ParameterError",
    "RunError",
    "ShapeError",
    "TaskFileError",
    "TemplateError",
    "TrainingError",
    "at_least",
]


_PARAMETER = re.compile(r"`([^`\n]+)`")


class LptError(Exception):
    """Base class of all errors that a user can cause.

    The message names what is wrong, its value and a remedy in one or two lines. The command line
    prints it and exits with code 2.

    >>> import lpt
    >>> try:
    ...     lpt.load("no/such/file")
    ... except lpt.LptError as error:
    ...     print(error)
    no/such/file: no such file. Give a task file, or the folder of a run.
    """


class TemplateError(LptError):
    """An error whose message names parameters.

    Args:
        template: the message with parameter names in backquotes. The command line replaces them
            by the names of its options; everywhere else the backquotes are dropped.
    """

    def __init__(self, template: str) -> None:
        super().__init__(_PARAMETER.sub(r"\1", template))
        self.template = template


class DataError(LptError):
    """A folder, list or image that cannot be used."""


class BackboneError(LptError):
    """A backbone that is unknown, unsupported, damaged or missing."""


class TaskFileError(LptError):
    """A task file that is damaged, hostile or made for another backbone."""


class ConfigError(LptError):
    """A setting that is unknown or out of range."""


class ParameterError(TemplateError, ConfigError):
    """An argument of the wrong type or out of range.

    >>> print(ParameterError("`top` 0: choose 1 or more."))
    top 0: choose 1 or more.
    """


class RunError(TemplateError):
    """A run folder that cannot be written, resumed or read.

    >>> print(RunError("runs/birds: is a file. Choose another `out`."))
    runs/birds: is a file. Choose another out.
    """


class TrainingError(LptError):
    """Training that cannot continue."""


class ShapeError(LptError, ValueError):
    """Tensors whose sizes do not match."""


def at_least(parameter: str, value: object, smallest: int) -> None:
    """Check that an argument is a whole number of at least `smallest`.

    Raises: ParameterError naming the parameter.

    >>> at_least("top", 5, 1)
    """
    try:
        valid = operator.index(value) >= smallest  # type: ignore[arg-type]
    except TypeError:
        valid = False
    if not valid:
        raise ParameterError(f"`{parameter}` {value!r}: give a whole number of {smallest} or more.")
