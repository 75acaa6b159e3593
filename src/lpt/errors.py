"""Every error a user can cause.

LptError                  one or two lines: file or setting, value, remedy; exit code 2
├── DataError             a folder, list or image that cannot be used
├── BackboneError         a backbone that is unknown, unsupported, damaged or not there
├── TaskFileError         a prompt file that is damaged, hostile or made for another backbone
├── ConfigError           a setting that is unknown or out of range
├── RunError              a run folder that cannot be written, resumed or read
├── TrainingError         training that cannot go on: non-finite loss, out of memory
└── ShapeError            tensors whose sizes do not fit (also a ValueError)
"""


class LptError(Exception):
    """Base of all errors that name their remedy; the command line prints them and exits with 2."""


class DataError(LptError):
    """A folder, list or image that cannot be used."""


class BackboneError(LptError):
    """A backbone that is unknown, unsupported, damaged or not there."""


class TaskFileError(LptError):
    """A prompt file that is damaged, hostile or made for another backbone."""


class ConfigError(LptError):
    """A setting that is unknown or out of range."""


class RunError(LptError):
    """A run folder that cannot be written, resumed or read."""


class TrainingError(LptError):
    """Training that cannot go on."""


class ShapeError(LptError, ValueError):
    """Tensors whose sizes do not fit each other."""
