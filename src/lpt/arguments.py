"""Checks of the arguments of public functions: each raises an error that names the parameter."""

import os
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin

from lpt.errors import ParameterError, at_least
from lpt.escape import described, shortened

__all__ = ["at_least", "fraction", "nearest_names", "number_for_bool", "path_text"]

_LONGEST_NAME = 255  # bytes of a file name in all usual file systems
_LONGEST_PATH = 8000  # bytes; a data string may hold two paths
_MOST_COMPARED = 10_000  # names; comparing a name with more of them takes seconds
_LONGEST_COMPARED, _LONGEST_SHOWN = 200, 100  # characters of a name
_PARTS = re.compile(rb"[/:=,]")


def fraction(parameter: str, value: object) -> None:
    """Check that an argument is a number of at least 0 and less than 1.

    Raises: ParameterError naming the parameter.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1
    if not number:
        raise ParameterError(
            f"`{parameter}` {described(value)}: give a number of at least 0 and less than 1."
        )


def number_for_bool(annotation: Any, value: object) -> type | None:
    """Find a truth value where a type takes numbers and no truth values; lists are searched.

    Python counts True as 1, so libraries take it for a number.

    Returns: int or float, the number that is wanted; None if there is no such truth value.

    >>> number_for_bool(int | None, True), number_for_bool(float | bool, True)
    (<class 'int'>, None)
    >>> number_for_bool(tuple[float, float], [0.5, True])
    <class 'float'>
    """
    if isinstance(value, list | tuple):
        found = (number_for_bool(annotation, one) for one in value)
        return next((kind for kind in found if kind is not None), None)
    kinds = _kinds(annotation) if isinstance(value, bool) else set()
    if bool in kinds:
        return None
    return float if float in kinds else int if int in kinds else None


def _kinds(annotation: Any) -> set[Any]:
    """The plain types in an annotation, however they are nested."""
    if get_origin(annotation) is Literal:
        return set()
    parts = get_args(annotation)
    return set().union(*map(_kinds, parts)) if parts else {annotation} & {int, float, bool}


def nearest_names(names: Sequence[str], given: str) -> str:
    """Return up to three names that are like a wrong one, as text; "" if none is.

    Args:
        names: the right ones.
        given: the wrong one. The case of letters does not count: a wrong capital is the most
            frequent mistake.

    >>> nearest_names(["wren", "robin"], "Robbin")
    'robin'
    """
    if len(names) > _MOST_COMPARED or len(given) > _LONGEST_COMPARED:
        return ""
    folded = {name.casefold(): name for name in reversed(names)}
    close = get_close_matches(given.casefold(), folded, n=3)
    return ", ".join(shortened(folded[name], _LONGEST_SHOWN) for name in close)


def path_text(parameter: str, value: object) -> str:
    """Check that an argument is a path, a name or a data string that a system can take.

    Names of files that are not UTF-8 are accepted as Python holds them.

    Raises: ParameterError naming the parameter.

    >>> path_text("data", "photos:list=train.csv")
    'photos:list=train.csv'
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str):
        raise ParameterError(f"`{parameter}`: {type(value).__name__} given. Give a path or a name.")
    try:
        encoded = os.fsencode(text)
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded:
        raise ParameterError(
            f"`{parameter}` {described(text)}: contains a character that no path can have."
        )
    if max(map(len, _PARTS.split(encoded))) > _LONGEST_NAME or len(encoded) > _LONGEST_PATH:
        raise ParameterError(
            f"`{parameter}` {described(text)}: longer than any path. Give a shorter one."
        )
    return text
