"""The report as a file: complete, small, safe, with the numbers of the run."""

import json
import re
import shutil
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
    script = re.search(r'id="class-data">(.*?)</script>', html, re.DOTALL)
    assert script is not None
    assert json.loads(script[1]) == [
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
        assert row[2].startswith(f"{100 * (analysis.summary['overall'] or 0):.1f}")
        assert row[2].endswith(f"n={analysis.images:,}")  # of different images: with intervals
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
        write_report([half, synthetic])


def test_a_run_is_not_compared_with_itself(synthetic: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(synthetic)
    with pytest.raises(RunError, match="is given twice"):
        write_report([synthetic, tmp_path / "link"])


def test_a_comparison_shows_paired_differences_and_what_is_uneven(
    synthetic: Path, second: Path, tmp_path: Path
) -> None:
    one = shutil.copytree(synthetic, tmp_path / "a" / "run")
    two = shutil.copytree(second, tmp_path / "b" / "run")
    lines = ["image,class,predicted,probability,own"]
    lines += [f"/photos/{i}.jpg,cat,{'cat' if i % 2 else 'dog'},0.5,0.5" for i in range(20)]
    (one / "analysis" / "predictions.csv").write_text("\n".join(lines))
    (two / "analysis" / "predictions.csv").write_text("\n".join(lines).replace("dog", "cat"))
    page = write_report([one, two]).read_text()
    row = next(row for row in Tables(page).rows if row[:1] == ["b/run"] and "+50.0" in row[1])
    assert " to " in row[1]
    images = [
        json.loads((run / "analysis" / "analysis.json").read_text())["images"] for run in (one, two)
    ]
    assert f"a/run was analysed on {images[0]} images and b/run on {images[1]}" in page


def test_the_report_of_an_unfinished_run_has_its_epochs_and_the_way_on(
    synthetic: Path, tmp_path: Path
) -> None:
    half = tmp_path / "a half"
    half.mkdir()
    (half / "config.yaml").write_bytes((synthetic / "config.yaml").read_bytes())
    assert "No epoch is complete yet" in write_report([half]).read_text()
    lines = (synthetic / "metrics.jsonl").read_text().splitlines(keepends=True)
    (half / "metrics.jsonl").write_text("".join(lines[:4]))
    page = write_report([half]).read_text()
    assert "3 of 20 epochs of phase 1 and 1 of 20 epochs of phase 2" in page
    assert "lpt train --out &#39;" in page
    assert sum(row[:1] in (["phase1"], ["phase2"]) for row in Tables(page).rows) == 4


def test_a_run_that_held_out_nothing_has_a_report_that_says_so(
    synthetic: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(synthetic, tmp_path / "run")
    shutil.rmtree(run / "analysis")
    results = json.loads((run / "results.json").read_text())
    results["metrics"] = {"phase1": {}, "phase2": {}}
    (run / "results.json").write_text(json.dumps(results))
    page = write_report([run]).read_text()
    assert "Nothing was tested" in page
    assert f"lpt analyze {run} DATA" in page


def test_groups_without_images_have_no_cards_and_no_columns(tmp_path: Path) -> None:
    found = analysed([5, 4, 3], np.arange(60) % 3)
    run = run_folder(tmp_path / "run", found)
    results = json.loads((run / "results.json").read_text())
    few = {"overall": 0.5, "many": None, "medium": None, "few": 0.5, "macro": 0.5}
    results["metrics"] = {"phase1": {"test": few}}
    (run / "results.json").write_text(json.dumps(results))
    page = write_report([run]).read_text()
    assert "many / medium" not in page  # the head of the table of prompts
    assert 'data-metric="few"' in page
    assert 'data-metric="many"' not in page
    assert ["phase 1", "test", "50.0", "50.0", "50.0"] in Tables(page).rows


@pytest.mark.slow
def test_8142_classes_fit_in_five_megabytes(tmp_path: Path) -> None:
    stream = np.random.default_rng(0)
    counts = np.sort(stream.pareto(1.0, size=8142).astype(int) + 2)[::-1].tolist()
    found = analysed(counts, stream.integers(8142, size=9000))
    path = write_report([run_folder(tmp_path / "run", found)])
    assert path.stat().st_size < 5_000_000
