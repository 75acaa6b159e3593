"""Text from outside never reaches a terminal with characters that it obeys."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from lpt.escape import printable, shortened


@given(st.text())
def test_printed_text_holds_no_control_no_bidi_mark_and_no_line_break(text: str) -> None:
    shown = printable(text)
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cs", "Co", "Zl", "Zp"}
    assert not set(shown) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069")
    shown.encode()  # no lone surrogates


@given(st.text())
def test_escaping_twice_changes_nothing(text: str) -> None:
    assert printable(printable(text)) == printable(text)


def test_letters_of_all_scripts_emoji_and_wide_spaces_stay() -> None:
    for text in ("Ωμέγα", "猫\u3000犬", "👩\u200d🔬", "C:\\owl", "a\xa0b"):
        assert printable(text) == text


def test_escapes_of_terminals_are_shown_as_text() -> None:
    assert printable("\x1b]0;owned\x07\x9b2J") == r"\x1b]0;owned\x07\x9b2J"


@given(st.text(), st.integers(10, 60))
def test_a_shortened_text_is_never_longer_and_keeps_both_ends(text: str, length: int) -> None:
    short = shortened(text, length)
    assert len(short) <= length
    assert short == text or (text.startswith(short[:2]) and text.endswith(short[-2:]))
