"""Text from outside (names of classes and files, messages of libraries) made safe to print."""

import unicodedata

__all__ = ["described", "printable", "shortened"]

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
