"""The one place where commands print: everything from outside is escaped here."""

import sys
from typing import Any

from lpt.escape import json_text, printable_lines

__all__ = ["say", "say_error", "say_json"]


def say(text: str) -> None:
    """Print text to stdout at once; control characters are escaped, line breaks are kept."""
    print(printable_lines(text), flush=True)


def say_json(value: Any, *, indent: int | None = 2) -> None:
    """Print a value as JSON to stdout at once."""
    print(json_text(value, indent=indent), flush=True)


def say_error(text: str) -> None:
    """Print text to stderr, after "lpt: "."""
    print(f"lpt: {printable_lines(text)}", file=sys.stderr, flush=True)
