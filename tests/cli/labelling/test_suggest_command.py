"""lpt suggest: a list of photos, printed or written, and what it refuses."""

import csv
import io

from ..running import refused

FLAGS = ("--backbone", "vit.safetensors", "--quiet")


def test_suggestions_are_printed_or_written_and_never_over_a_file(lpt, tmp_path):
    code, out, err = lpt("suggest", "run", "photos", "--budget", "4", *FLAGS)
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    assert rows[0].keys() >= {"name", "label", "probability", "margin", "few_shot", "value"}
    file = tmp_path / "next.csv"
    arguments = ("suggest", "run", "photos", "--budget", "4", "--out", str(file), *FLAGS)
    code, out, _ = lpt(*arguments)
    assert (code, out) == (0, f"wrote  {file}: 4 of 51 photos\n")
    with file.open() as stream:
        assert list(csv.DictReader(stream)) == rows
    refused(lpt(*arguments), "next.csv")


def test_what_cannot_be_ranked_is_refused(lpt):
    refused(lpt("suggest", "nowhere", "photos"), "nowhere: no such file")
    refused(lpt("suggest", "run", "nowhere"), "nowhere: no such file or folder")
    refused(lpt("suggest", "run", "photos", "--budget", "0"), "budget")
