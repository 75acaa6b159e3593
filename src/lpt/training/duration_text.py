"""Durations as a user writes them."""

import math

from lpt.errors import ParameterError
from lpt.progress import human_time

__all__ = ["budget_text", "parse_budget"]

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def parse_budget(text: str) -> float:
    """Return the seconds of a duration such as "90s", "20m" or "1.5h".

    Raises: ParameterError if the text is not a positive duration.

    >>> parse_budget("1.5h"), parse_budget("90s")
    (5400.0, 90.0)
    """
    try:
        seconds = float(text[:-1]) * UNITS[text[-1:]]
    except (KeyError, ValueError):
        seconds = -1.0
    if not 0 < seconds < 1e9:
        raise ParameterError(f"`budget` {text}: write a time such as 90s, 20m or 1.5h.")
    return seconds


def budget_text(seconds: float) -> str:
    """Write a budget for people: to the second below ten minutes, and never rounded down.

    >>> budget_text(90), budget_text(120), budget_text(5400), budget_text(601)
    ('90 s', '2 min', '90 min', '11 min')
    """
    whole = math.ceil(seconds)
    if whole < 600 and whole % 60:
        return f"{whole} s"
    return human_time(math.ceil(whole / 60) * 60)
