"""Contact sheets of findings."""

import numpy as np
import pytest
from PIL import Image

from lpt.data.check.check_result import CheckReport, check_data
from lpt.data.check.contact_sheet import contact_sheet
from lpt.data.check.findings import Finding, Limits, Place
from lpt.data.images.decode import decode


def drawn(flawed, path, *findings):
    """The sheet of some findings as an array."""
    report = CheckReport("x", {}, findings, Limits(), 0.0)
    assert contact_sheet(report, flawed, path) == len(findings)
    with Image.open(path) as sheet:
        return np.asarray(sheet)


def named(name, label="a"):
    return Finding("tiny", (Place("train", 0, f"x/{name}", label),), "16 x 16")


def test_contact_sheet_shows_findings_and_survives_broken_images(flawed, tmp_path):
    report = check_data(flawed, workers=0)
    assert contact_sheet(report, flawed, tmp_path / "sheet.png") == 4
    sheet = decode((tmp_path / "sheet.png").read_bytes(), name="sheet")
    assert sheet.height >= 4 * (96 + 3 * 14 + 4)  # title, split and label, file name, margin
    assert len(sheet.getcolors(100_000)) > 100


@pytest.mark.parametrize("system", [True, False], ids=["system font", "Pillow's font"])
def test_umlauts_and_sharp_s_are_drawn(flawed, tmp_path, monkeypatch, system):
    if not system:  # it has no such letters: they lose their accents
        monkeypatch.setattr("lpt.data.check.contact_sheet.FONTS", ())
    for letters in ("äöüß", "ÄÖÜé"):
        sheets = [
            drawn(flawed, tmp_path / "s.png", named(f"{text}.png"))
            for text in (letters, "????", letters[::-1])
        ]
        assert not np.array_equal(sheets[0], sheets[1])
        assert not np.array_equal(sheets[0], sheets[2])


def test_decomposed_accents_are_drawn_as_composed_ones(flawed, tmp_path):
    one, two = (drawn(flawed, tmp_path / "s.png", named(n)) for n in ("ä.png", "a\u0308.png"))
    assert np.array_equal(one, two)


def test_letters_that_the_font_lacks_are_question_marks(flawed, tmp_path):
    one, two = (drawn(flawed, tmp_path / "s.png", named(n)) for n in ("猫.png", "?.png"))
    assert np.array_equal(one, two)


def test_long_titles_break_into_lines_and_end_in_an_ellipsis(flawed, tmp_path):
    def titled(detail):
        return drawn(flawed, tmp_path / "s.png", Finding("structure", (), detail))

    long = "word " * 40
    assert len(titled("word")) < len(titled(long)) < len(titled(long * 2))
    assert np.array_equal(titled(long * 20), titled(long * 30))
    assert titled("w" * 500).shape == titled("w" * 400).shape == (2 * 14 + 4, 8 * 96, 3)


def test_a_fault_without_images_takes_one_line(flawed, tmp_path):
    sheet = drawn(flawed, tmp_path / "s.png", Finding("empty-class", (), "x/empty: no image."))
    assert len(sheet) == 14 + 4
    assert (sheet < 128).any()


def test_names_keep_the_end_where_they_differ(flawed, tmp_path):
    long = "photograph of a holiday in the mountains"
    one, two = (drawn(flawed, tmp_path / "s.png", named(f"{long} {n}.png")) for n in (1, 2))
    assert not np.array_equal(one, two)
