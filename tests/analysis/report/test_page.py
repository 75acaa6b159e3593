"""The report as a file: complete, small, safe, with the numbers of the run."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from lpt.analysis.analysis_results import Analysis
from lpt.analysis.report import write_report
from lpt.errors import RunError

from ..samples import NAMES, analysed, run_folder


class Tables(HTMLParser):
    """Rows of all tables, as text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        self._cell = self._cell or tag in ("td", "th")
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._cell = self._cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def html(synthetic: Path) -> str:
    return write_report([synthetic]).read_text()


def test_results_and_epochs_are_those_of_the_files(synthetic: Path, html: str) -> None:
    rows = Tables(html).rows
    names = ("overall", "many", "medium", "few", "macro")
    results = json.loads((synthetic / "results.json").read_text())["metrics"]
    for phase, scores in (("phase 1", results["phase1"]), ("phase 2", results["phase2"])):
        assert [phase, "test", *(f"{100 * scores['test'][n]:.1f}" for n in names)] in rows
    for line in (synthetic / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        shares = [f"{100 * record['val'][n]:.1f}" for n in names[:4]]
        first = [record["stage"], str(record["epoch"] + 1), f"{record['loss']:.3f}"]
        assert [*first, *shares, "40", "5"] in rows


def test_memory_in_training_is_among_the_costs(html: str) -> None:
    assert ["peak memory, training", "1.23 GB"] in Tables(html).rows


def test_the_table_of_classes_is_the_analysis(found: Analysis, html: str) -> None:
    embedded = re.search(r'id="class-data">(.*?)</script>', html, re.DOTALL)
    assert embedded is not None
    assert json.loads(embedded[1]) == [
        [c.name, c.group, c.train_images, c.test_images]
        + [None if x is None else round(x, 4) for x in (c.recall, c.precision, c.f1)]
        for c in found.classes
    ]


def test_names_never_become_markup(html: str) -> None:
    assert html.count("<script") == html.count("</script>") == 2
    assert "throw 1</script>" not in html
    assert "&lt;b&gt;ant&lt;/b&gt;" in html
    assert NAMES[0] not in html


def test_every_figure_has_a_text_alternative(html: str) -> None:
    pictures = re.findall(r"<svg viewBox=.*?</svg>", html, re.DOTALL)
    assert len(pictures) == 10
    for picture in pictures:
        svg = ET.fromstring(picture)
        assert svg.attrib["role"] == "img"
        ids = svg.attrib["aria-labelledby"].split()
        texts = [element.text for element in svg if element.attrib.get("id") in ids]
        assert len(texts) == 2
        assert all(texts)
    assert all("alt=" in image for image in re.findall(r"<img[^>]*>", html))


def test_it_names_the_pair_the_short_classes_and_the_labels_to_check(
    found: Analysis, html: str
) -> None:
    assert found.worst_pair is not None
    assert "Most confused pair" in html
    assert "Labels to check" in html
    assert 'src="data:image/jpeg;base64,' in html
    assert not re.search(r"(src|href)=\"(?!data:|#)", html)


def test_several_runs_are_compared(
    found: Analysis, found_again: Analysis, synthetic: Path, second: Path, tmp_path: Path
) -> None:
    page = write_report([synthetic, second], tmp_path / "both.html").read_text()
    rows = Tables(page).rows
    for name, analysis in (("one", found), ("two", found_again)):
        row = next(row for row in rows if row[:1] == [name])
        assert row[2] == f"{100 * (analysis.summary['overall'] or 0):.1f}"
    assert ["seed", "0", "3"] in rows
    assert "Classes that differ most" in page


def test_a_run_without_an_analysis_is_analysed_first(trained: Path) -> None:
    path = write_report([trained], device="cpu")
    assert path == trained / "report.html"
    assert (trained / "analysis" / "analysis.json").is_file()
    results = json.loads((trained / "results.json").read_text())["metrics"]["phase2"]["test"]
    assert f'data-metric="overall">{100 * results["overall"]:.1f}<' in path.read_text()


def test_unfinished_runs_are_refused(tmp_path: Path, synthetic: Path) -> None:
    with pytest.raises(RunError, match="no run given"):
        write_report([])
    with pytest.raises(RunError, match="not a run folder"):
        write_report([tmp_path / "nothing"])
    half = tmp_path / "half"
    half.mkdir()
    (half / "config.yaml").write_bytes((synthetic / "config.yaml").read_bytes())
    with pytest.raises(RunError, match=r"lpt train --out .*half --resume"):
        write_report([half])


@pytest.mark.slow
def test_8142_classes_fit_in_five_megabytes(tmp_path: Path) -> None:
    stream = np.random.default_rng(0)
    counts = np.sort(stream.pareto(1.0, size=8142).astype(int) + 2)[::-1].tolist()
    found = analysed(counts, stream.integers(8142, size=9000))
    path = write_report([run_folder(tmp_path / "run", found)])
    assert path.stat().st_size < 5_000_000
