"""Names of devices and precisions, checked without torch."""

from lpt.errors import ParameterError

__all__ = ["check_device_name", "check_precision_name"]

_KNOWN = ("cpu", "cuda", "mps")
_PRECISIONS = ("auto", "float32", "bf16")


def check_device_name(name: str) -> None:
    """Check that a name may be a device, whether or not this machine has it.

    Raises: ParameterError for any other name.

    >>> check_device_name("cuda:1")
    """
    kind, colon, number = name.partition(":")
    if kind not in _KNOWN or (colon and number and not (number.isascii() and number.isdigit())):
        raise ParameterError(f"`device` {name!r}: unknown. Choose cpu, cuda, cuda:NUMBER or mps.")


def check_precision_name(name: str) -> None:
    """Check the name of a precision. Raises: ParameterError for any but auto, float32 and bf16."""
    if name not in _PRECISIONS:
        known = ", ".join(_PRECISIONS)
        raise ParameterError(f"`precision` {name}: unknown. Choose one of: {known}.")
