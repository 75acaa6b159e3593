"""Columns of lists and Parquet files under one set of rules, whatever the format.

Names of columns ignore case and outer blanks. Values become text without outer blanks; a missing
value is "". docs/data.md has the table of rules.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from lpt.errors import DataError
from lpt.progress import listed

__all__ = [
    "LIST_WORDS",
    "Column",
    "Table",
    "TableWords",
    "clean",
    "missing_entries",
    "without_zeros",
]

Names = npt.NDArray[np.str_]

_HIDDEN = "\u200b\u200c\u200d\u2060\ufeff"  # characters of no width
_WHOLE_FLOAT = re.compile(r"-?[0-9]+\.0+")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?inf")
_HEADER_NAME = re.compile(r"[\w .-]{1,60}")
_MISSING = frozenset({"nan", "none", "null", "na", "n/a", "<na>"})


def clean(text: str) -> str:
    r"""Remove outer blanks, also those of no width, and compose accents.

    >>> clean(" owl\xa0\u200b")
    'owl'
    """
    if text.isascii():
        return text.strip()
    text = unicodedata.normalize("NFC", text)
    shorter = text.strip().strip(_HIDDEN)
    while shorter != text:
        text, shorter = shorter, shorter.strip().strip(_HIDDEN)
    return text


def without_zeros(text: str) -> str:
    """Write a whole float as an integer; leave every other text as it is.

    >>> without_zeros("10.0"), without_zeros("1.5"), without_zeros("v1.0")
    ('10', '1.5', 'v1.0')
    """
    return text.partition(".")[0] if _WHOLE_FLOAT.fullmatch(text) else text


def missing_entries(values: Sequence[str]) -> list[int]:
    """Find the values that are missing: empty ones, and words such as "nan" among numbers.

    >>> missing_entries(["1", "nan", ""]), missing_entries(["owl", "None"])
    ([1, 2], [])
    """
    distinct = set(values)
    words = {word for word in distinct if word.lower() in _MISSING}
    others = distinct - words - {""}
    if not others or not all(map(_NUMBER.fullmatch, others)):
        words = set()
    if not words and "" not in distinct:
        return []
    words.add("")
    return [index for index, value in enumerate(values) if value in words]


@dataclass(frozen=True)
class TableWords:
    """How messages name the entries and columns of a table; by default, those of a list.

    Attributes:
        one, several: words for entries.
        first: number of the first entry.
        column: the word before the name of a column.
        name: of an entry, shown after its number; None for numbers only.
    """

    one: str = "entry"
    several: str = "entries"
    first: int = 1
    column: str = "column "
    name: Callable[[int], str] | None = None

    def entry(self, count: int) -> str:
        """The word for so many entries."""
        return self.one if count == 1 else self.several

    def at(self, where: str, entries: Sequence[int]) -> str:
        """Name entries of a table.

        >>> TableWords().at("a.csv", [2, 3])
        'a.csv entries 3, 4'
        >>> TableWords("row", "rows", 0, name=["007", "008"].__getitem__).at("a.tar", [1])
        'a.tar row 1 (008)'
        """
        numbers = [
            f"{entry + self.first}" + (f" ({self.name(entry)})" if self.name else "")
            for entry in entries
        ]
        return f"{where} {self.entry(len(entries))} {listed(numbers)}"


LIST_WORDS = TableWords()


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: its name as written.
        values: text of each entry as written; "" if it is missing.
        kind: its type in a Parquet file, for messages; "" in a text file.
    """

    name: str
    values: list[str]
    kind: str = ""

    @classmethod
    def of_values(cls, name: str, values: Iterable[object], where: str, kind: str = "") -> "Column":
        """Make a column of Python values, as a library returned them.

        Raises: DataError naming the column and the type of a value that is neither text nor a
            number.
        """
        return cls(name, [_text(value, name, where) for value in values], kind)

    def cleaned(self) -> list[str]:
        """Values without outer blanks."""
        return [clean(value) for value in self.values]

    def odd_blanks(self) -> tuple[str, ...]:
        """A note on outer blanks other than spaces and tabs, if any were removed."""
        odd = [value for value in self.values if _has_odd_blanks(value)]
        return tuple(
            f"note      unusual blanks around {len(odd):,} values of {clean(self.name)!r} are "
            f"ignored, such as {value!a}"
            for value in odd[:1]
        )

    def complete(self, where: str, words: TableWords = LIST_WORDS) -> Names:
        """Cleaned values of a column that must have one in every entry.

        Raises: DataError naming the column and the first entries without a value.
        """
        values = self.cleaned()
        missing = missing_entries(values)
        if missing:
            raise DataError(
                f"{words.at(where, missing)}: {words.column}{clean(self.name)!r} has no value. "
                f"Fill it in, or remove the {words.entry(len(missing))}."
            )
        return np.array(values, dtype=np.str_)

    def take(self, entries: Sequence[int]) -> "Column":
        """The column with these entries only."""
        return Column(self.name, [self.values[entry] for entry in entries], self.kind)


@dataclass(frozen=True)
class Table:
    """Columns of equal length.

    Attributes:
        where: the file, for messages.
        columns: the columns by their name in lower case without outer blanks.
        words: for entries and columns in messages.
    """

    where: str
    columns: dict[str, Column] = field(default_factory=dict)
    words: TableWords = LIST_WORDS

    @classmethod
    def of_columns(
        cls, where: str, columns: Iterable[Column], words: TableWords = LIST_WORDS
    ) -> "Table":
        """Index columns by name; those without a name are ignored.

        Raises: DataError if two columns have the same name.
        """
        table = cls(where, words=words)
        for column in columns:
            key = cls.key(column.name)
            if key in table.columns:
                raise DataError(
                    f"{where}: two columns are called {clean(column.name)!r} (case and outer "
                    "blanks do not count). Rename or remove one."
                )
            if key:
                table.columns[key] = column
        return table

    @staticmethod
    def key(name: str) -> str:
        """The name by which a column is found: case and outer blanks do not count."""
        return clean(name).casefold()

    def find(self, *names: str) -> Column | None:
        """The first of these columns that there is, whatever the case of its name."""
        return next((self.columns[k] for k in map(self.key, names) if k in self.columns), None)

    def need(self, name: str, purpose: str) -> Column:
        """Get a column that the user named. Raises: DataError listing the columns."""
        column = self.find(name)
        if column is None:
            raise DataError(
                f"{self.where}: no column {name!r} {purpose}. Choose from {self.listed()}."
            )
        return column

    def lacks(self, name: str) -> DataError:
        """The error that a column of every list is missing."""
        names = [clean(column.name) for column in self.columns.values()]
        # The first line of a file that is no list, such as a key, is not repeated.
        is_header = len(names) > 1 and all(map(_HEADER_NAME.fullmatch, names))
        among = f" among {self.listed()}" if is_header else ""
        return DataError(
            f"{self.where}: no column {name!r}{among}. The header needs at least path,label."
        )

    def listed(self) -> str:
        """Names of the columns as written, for messages."""
        return ", ".join(clean(column.name) for column in self.columns.values())


def _has_odd_blanks(text: str) -> bool:
    if text.isascii():
        return False
    return clean(text) != unicodedata.normalize("NFC", text.strip(" \t\r\n"))


def _text(value: object, name: str, where: str) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float | np.floating):
        if math.isnan(value):
            return ""
        whole = math.isfinite(value) and float(value).is_integer()
        return f"{int(value)}.0" if whole else str(value)
    if isinstance(value, bool | int | np.integer | np.bool_ | Decimal):
        return str(value)
    raise DataError(
        f"{where}: column {name!r} holds {type(value).__name__} values. "
        "Store text or whole numbers in it."
    )
