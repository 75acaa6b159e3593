"""Text from outside (names of classes and files, messages of libraries) made safe to print.

Also made safe to paste into a shell, and to open as JSON, CSV or Markdown.
"""

import csv
import io
import json
import re
import shlex
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import Any

__all__ = [
    "csv_text",
    "described",
    "json_text",
    "markdown_text",
    "printable",
    "printable_lines",
    "shell_command",
    "shortened",
]


_MARKDOWN = re.compile(r"[`*|]|\](?=\()|\\(?=[!-/:-@\[-`{-~])")
_FORMULA = re.compile(r"[=+\-@\t\r]")  # spreadsheets compute cells that begin with these
_JOINERS = "\u200c\u200d"  # letters of several scripts and emoji are joined by these


def printable(text: str) -> str:
    r"""Escape the characters that a terminal obeys instead of showing: controls, ESC, bidi marks.

    Letters of every script stay as they are, and so do backslashes. Bytes of a file name that are
    not UTF-8, which Python holds as lone surrogates, are shown as bytes.

    >>> print(printable("owl\x1b[31m\n\u202egpj"))
    owl\x1b[31m\x0a\u202egpj
    >>> print(printable("k\udcf6nig.jpg"))
    k\xf6nig.jpg
    """
    if text.isprintable():
        return text
    return "".join(c if _is_shown(c) else _escape(c) for c in text)


def printable_lines(text: str) -> str:
    r"""Escape as `printable`, but keep the line breaks of a text of several lines.

    >>> print(printable_lines("owl\x07\nyak"))
    owl\x07
    yak
    """
    return "\n".join(map(printable, text.split("\n")))


def shell_command(*words: object) -> str:
    r"""Write a command that can be pasted into a shell, whatever its words hold.

    >>> print(shell_command("lpt", "report", "my run"))
    lpt report 'my run'
    >>> print(shell_command("lpt", "report", "a\x1b'b"))
    lpt report $'a\x1b\'b'
    """
    return " ".join(map(_shell_word, map(str, words)))


def json_text(value: Any, *, indent: int | None = None) -> str:
    r"""Write JSON that keeps letters of every script and escapes what a terminal would obey.

    >>> print(json_text({"class": "Ωμέγα\x9b\u202e"}))
    {"class": "Ωμέγα\u009b\u202e"}

    Raises: ValueError for a number that is not finite; JSON has none.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    if text.isprintable():
        return text
    return "".join(c if _is_shown(c) or c == "\n" else json.dumps(c)[1:-1] for c in text)


def csv_text(
    rows: Iterable[Mapping[str, Any]],
    columns: Iterable[str] | None = None,
    *,
    paths: Collection[str] = (),
    exact: Collection[str] = (),
) -> str:
    """Write CSV with a header line; no cell is a formula to a spreadsheet or acts on a terminal.

    Characters that a terminal obeys are escaped as by `printable`; bytes of file names that are not
    UTF-8 stay. Text that begins with =, +, - or @, and is not a number, gets an apostrophe in
    front. A relative path gets "./" instead, so that it still leads to its file.

    Args:
        rows: values by column; None becomes an empty cell.
        columns: names of the columns; None takes those of the first row.
        paths: columns that hold paths.
        exact: columns that are written as they are, because lpt reads them again; relative paths
            among them still get their "./".

    >>> print(csv_text([{"file": "-1.png", "label": "=1+1"}], paths=["file"]), end="")
    file,label
    ./-1.png,'=1+1
    """
    rows = list(rows)
    names = list(columns) if columns is not None else list(rows[0]) if rows else []
    lines = [_csv_line([_cell(_visible(name)) for name in names])] if names else []
    for row in rows:
        cells = ((name, row.get(name)) for name in names)
        lines.append(
            _csv_line(
                _cell(
                    value if name in exact else _visible(value),
                    "./" if name in paths else "" if name in exact else "'",
                )
                for name, value in cells
            )
        )
    return "".join(lines)


def markdown_text(text: str) -> str:
    r"""Escape what Markdown would take for a tag, a link, code, emphasis or the end of a cell.

    >>> print(markdown_text("<img src=x> *owl*"))
    &lt;img src=x&gt; \*owl\*
    """
    text = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\g<0>", text)


def shortened(text: str, length: int) -> str:
    """Cut the middle out of a text that is longer than `length` characters.

    >>> shortened("abcdefghijklmnopqrstuvwxyz", 15)
    'abcde ... vwxyz'
    """
    if len(text) <= length:
        return text
    kept = max(length - 5, 2)
    return f"{text[: kept - kept // 2]} ... {text[-(kept // 2) :]}"


def described(value: object, length: int = 100) -> str:
    """Write any value in at most `length` characters, as Python does.

    >>> described([1, 2]), described(10**5000)
    ('[1, 2]', 'a number of thousands of digits')
    """
    try:
        return shortened(repr(value), length)
    except (ValueError, RecursionError):  # Python writes no integers of more than 4,300 digits
        digits = isinstance(value, int)
        return "a number of thousands of digits" if digits else f"a {type(value).__name__}"


def _is_shown(character: str) -> bool:
    return (
        character.isprintable()
        or character in _JOINERS
        or unicodedata.category(character) == "Zs"  # wide and non-breaking spaces
    )


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
        code -= 0xDC00
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _shell_word(word: str) -> str:
    if printable(word) == word:
        return shlex.quote(word)
    quoted = "".join("\\" + c if c in "\\'" else c if _is_shown(c) else _ansi_c(c) for c in word)
    return f"$'{quoted}'"


def _ansi_c(character: str) -> str:
    """Escape for $'...', where \\xHH is a byte and \\uHHHH a character."""
    return f"\\u{ord(character):04x}" if 0x80 <= ord(character) <= 0xFF else _escape(character)


def _csv_line(cells: Iterable[Any]) -> str:
    """Write a line that ends in \\n; the longer ending makes the writer quote a \\r in a cell."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue()[:-2] + "\n"


def _cell(value: Any, guard: str = "'") -> Any:
    if not isinstance(value, str) or not _FORMULA.match(value) or _is_number(value):
        return value
    return guard + value


def _visible(value: Any) -> Any:
    """Escape text as `printable`, but keep bytes that are not UTF-8, which no terminal obeys."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(c if "\udc80" <= c <= "\udcff" else printable(c) for c in value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.strip() == text
