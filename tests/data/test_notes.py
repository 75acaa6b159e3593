"""Notes reach the caller as warnings, and are safe to print."""

import pytest

from lpt.data.notes import DataWarning, note


def test_a_note_names_its_caller_and_escapes_text_from_outside() -> None:
    with pytest.warns(DataWarning, match=r"^class owl\\x1b\[31m$") as warned:
        note("class owl\x1b[31m")
    assert warned[0].filename == __file__


def test_a_long_name_is_cut() -> None:
    with pytest.warns(DataWarning) as warned:
        note("x" * 10_000)
    assert len(str(warned[0].message)) <= 1000
