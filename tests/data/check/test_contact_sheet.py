"""Contact sheets of findings."""

from lpt.data.check.check_result import check_data
from lpt.data.check.contact_sheet import contact_sheet
from lpt.data.images.decode import decode


def test_contact_sheet_shows_findings_and_survives_broken_images(flawed, tmp_path):
    report = check_data(flawed, workers=0)
    contact_sheet(report, flawed, tmp_path / "sheet.png")
    sheet = decode((tmp_path / "sheet.png").read_bytes(), name="sheet")
    assert sheet.height == 4 * (96 + 3 * 14)  # title, split and label, file name
    assert len(sheet.getcolors(100_000)) > 100
