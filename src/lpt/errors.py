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

from lpt.escape import described, printable, shortened

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


_LONGEST = 1000  # characters of a line: a name or a value may have any length
_PARAMETER = re.compile(r"`([^`\n]+)`")


class LptError(Exception):
    """Base class of all errors that a user can cause.

    The message names what is wrong, its value and a remedy in one or two lines. The command line
    prints it and exits with code 2.

    Args:
        lines: the lines of the message. They may hold text from outside, such as names of files:
            control characters are escaped (also line breaks), and long lines lose their middle.

    >>> import lpt
    >>> try:
    ...     lpt.load("no/such/file")
    ... except lpt.LptError as error:
    ...     print(error)
    no/such/file: no such file. Give a task file, or the folder of a run.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*(shortened(printable(line), _LONGEST) for line in lines))

    def __str__(self) -> str:
        return "\n".join(self.args)


class TemplateError(LptError):
    """An error whose message names parameters.

    Args:
        lines: the lines of the message, with parameter names in backquotes. The command line
            replaces them by the names of its options; everywhere else the backquotes are dropped.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.template = "\n".join(self.args)

    def __str__(self) -> str:
        return _PARAMETER.sub(r"\1", self.template)


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


def at_least(parameter: str, value: object, smallest: int, largest: int | None = None) -> None:
    """Check that an argument is a whole number of at least `smallest`, and at most `largest`.

    Raises: ParameterError naming the parameter.

    >>> at_least("top", 5, 1)
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]
        valid = (
            not isinstance(value, bool)
            and number >= smallest
            and (largest is None or number <= largest)
        )
    except TypeError:
        valid = False
    if not valid:
        wanted = "or more" if largest is None else f"to {largest:,}"
        raise ParameterError(
            f"`{parameter}` {described(value)}: give a whole number of {smallest} {wanted}."
        )
