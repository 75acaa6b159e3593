"""Tasks and results in notebooks."""

from pathlib import Path

import pytest

from lpt import load
from lpt.evaluation import metric_display
from lpt.task import Result

GOLDEN = Path(__file__).parents[1] / "golden" / "v0_1" / "run"
METRICS = {
    "phase1": {"val": {"overall": 0.25, "few": None}},
    "phase2": {"val": {"overall": 0.75, "few": 0.5}},
}


def test_a_task_shows_its_classes_backbone_and_scores():
    html = load(GOLDEN, device="cpu")._repr_html_()
    assert "vit_tiny_patch8_64" in html
    assert "<th>phase2 on test</th>" in html
    assert html.count("<table>") == html.count("</table>") == 2


def test_a_result_shows_a_row_per_phase_and_split(monkeypatch):
    result = Result(METRICS, 1, 2, 3, {}, 4)
    html = result._repr_html_()
    assert html.count("<tr>") == 3
    assert "<th>phase1 on val</th><td>25.0</td><td>-</td>" in html
    monkeypatch.setattr(metric_display, "find_spec", lambda _: None)
    assert "phase2 on val" in result.plot().svg


def test_a_result_is_a_data_frame():
    pytest.importorskip("pandas", reason="pandas is not installed")
    frame = Result(METRICS, 1, 2, 3, {}, 4).to_pandas()
    assert frame[["phase", "split", "overall"]].values.tolist() == [
        ["phase1", "val", 0.25],
        ["phase2", "val", 0.75],
    ]
