"""Readable names of classes, whose folders often have codes or underscores: classnames.csv."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lpt.arguments import nearest_names
from lpt.errors import DataError
from lpt.escape import shortened
from lpt.files.regular_files import read_regular

__all__ = ["CLASS_NAMES_FILE", "ReadableNames", "from_folder_name", "read_class_names"]

CLASS_NAMES_FILE = "classnames.csv"
"""In the folder of the data: columns `class` and `name`."""

_COLUMNS = ("class", "name")
_MOST_BYTES = 2**26
_LONGEST = 500
_NUMBERED = re.compile(r"^\d+[._ -]+(?=\D)")
_CODE = re.compile(r"^[a-z]?\d+$", re.IGNORECASE)


class ReadableNames(NamedTuple):
    """Names for prompts.

    Attributes:
        names: (C,) in the order of the classes.
        missing: classes that the file leaves out; their names come from the folders.
        codes: classes whose names are codes, such as n01440764, and that the file leaves out.
    """

    names: tuple[str, ...]
    missing: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


def from_folder_name(name: str) -> str:
    """Make a readable name of a folder's: without its number, with blanks for underscores.

    >>> from_folder_name("001.Black_footed_Albatross"), from_folder_name("snow-leopard")
    ('Black footed Albatross', 'snow-leopard')
    """
    return " ".join(_NUMBERED.sub("", name).replace("_", " ").split()) or name


def read_class_names(classes: Sequence[str], path: Path | None) -> ReadableNames:
    """Read the readable names of classes.

    Args:
        classes: (C,) names of the data.
        path: a CSV file with the columns `class` and `name`; None takes names from the folders.
    Raises: DataError naming a line without a name, a class that is given twice, or one that the
        data does not have, with the nearest names.
    """
    given = {} if path is None else _read(path, classes)
    names = tuple(given.get(one) or from_folder_name(one) for one in classes)
    missing = tuple(one for one in classes if one not in given)
    codes = tuple(one for one in missing if _CODE.fullmatch(one) and not one.isdecimal())
    return ReadableNames(names, missing if path is not None else (), codes)


def _read(path: Path, classes: Sequence[str]) -> dict[str, str]:
    known, found = set(classes), dict[str, str]()
    try:
        text = read_regular(path, _MOST_BYTES).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
        reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
        if missing := [name for name in _COLUMNS if name not in reader.fieldnames]:
            raise DataError(
                f"{path}: has no column {missing[0]!r}. Its first line must be: class,name"
            )
        for row in reader:
            one, name = row["class"].strip(), " ".join(row["name"].split())
            place = f"{path}: line {reader.line_num}: class {shortened(one, 100)!r}"
            if one not in known:
                near = nearest_names(classes, one)
                hint = f"Nearest: {near}." if near else "Correct it, or remove the line."
                raise DataError(f"{place}: the data has no such class. {hint}")
            if one in found:
                raise DataError(f"{place}: is given twice. Remove one of the lines.")
            if not name or len(name) > _LONGEST:
                raise DataError(f"{place}: give it a name of 1 to {_LONGEST} characters.")
            found[one] = name
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is not a CSV file in UTF-8 ({error}). Save it as one.") from error
    return found
