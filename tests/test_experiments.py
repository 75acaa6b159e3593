"""Records of experiments: an index that is complete, short READMEs, results as CSV, small files."""

import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "experiments"
INDEX = ROOT / "README.md"
RECORDS = sorted(p for p in ROOT.iterdir() if p.is_dir() and any(p.glob("*.*")))
FILES = sorted(p for p in ROOT.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
ROW = re.compile(r"^\| (\d{4}-\d\d-\d\d) \|.*\| ([0-9a-f]{7}) \| \[(.+)\] \|$", re.MULTILINE)
TARGET = re.compile(r"^\[(.+)\]: (\S+)/README\.md$", re.MULTILINE)
LINK = re.compile(r"\[[^\]]+\]\(([^)\s#]+)[^)\s]*\)")

records = pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)


def test_index_lists_every_record_once_newest_first():
    text = INDEX.read_text(encoding="utf-8")
    targets = dict(TARGET.findall(text))
    rows = ROW.findall(text)
    listed = [targets[name] for _, _, name in rows]
    assert sorted(listed) == [record.name for record in RECORDS]
    assert sorted(targets.values()) == sorted(listed)
    assert all(targets[name].startswith(f"{date}_") for date, _, name in rows)
    dates = [date for date, _, _ in rows]
    assert dates == sorted(dates, reverse=True)


@records
def test_record_has_a_short_readme(record):
    text = (record / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 80
    for part in ("Claim", "Setup", "Result", "What it does not show", "Reproduce"):
        assert f"**{part}" in text, part


@records
def test_record_has_results_as_csv_or_says_why_not(record):
    tables = list(record.glob("*.csv"))
    text = (record / "README.md").read_text(encoding="utf-8")
    assert tables or "No CSV:" in text
    for table in tables:
        assert table.name in text, table.name
        with table.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        assert rows, table.name
        assert len(set(header)) == len(header), table.name
        assert all(len(row) == len(header) for row in rows), table.name


@pytest.mark.parametrize(
    "page", [p for p in FILES if p.suffix == ".md"], ids=lambda p: p.parent.name
)
def test_lines_are_short_and_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if len(line) > 120] == []
    for target in LINK.findall(text):
        assert (page.parent / target).exists(), target


def test_all_files_are_text_and_small():
    for path in FILES:
        assert b"\0" not in path.read_bytes(), path
        path.read_text(encoding="utf-8")
    assert sum(path.stat().st_size for path in FILES) < 2_000_000
