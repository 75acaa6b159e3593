"""Metrics as table, chart and data frame, with and without the packages for them."""

import base64
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from lpt.data.class_groups import ClassGroups
from lpt.errors import LptError
from lpt.evaluation import evaluate, metric_display
from lpt.evaluation.metric_display import Drawing, accuracy_html
from lpt.records import Predictions


@pytest.fixture
def metrics():
    logits = np.eye(3, dtype=np.float32)[[0, 0, 1, 2, 0]]
    labels = np.array([0, 0, 1, 2, 2])
    found = Predictions(logits, labels, None)
    return evaluate(found, np.array([200, 50, 5]), ClassGroups(100, 20), ("<owl>", "a", "b"))


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(metric_display, "find_spec", lambda _: None)


def test_a_notebook_shows_the_accuracies_of_groups_that_there_are(metrics):
    html = metrics._repr_html_()
    assert "<td>80.0</td>" in html
    assert "<td>50.0</td>" in html
    assert "few" in html
    rows = {"x": {"overall": 0.5, "many": None}, "y": {"overall": None}}
    assert "many" not in accuracy_html(rows, ClassGroups(100, 20))
    assert "<td>-</td>" in accuracy_html(rows)
    assert "<b>" not in accuracy_html({"<b>": {"overall": 0.5}})


def test_without_matplotlib_the_chart_is_an_svg_of_its_own(metrics, nothing_installed, tmp_path):
    drawing = metrics.plot()
    assert isinstance(drawing, Drawing)
    data = drawing._repr_html_().partition("base64,")[2].partition('"')[0]
    assert base64.b64decode(data).decode() == drawing.svg
    drawing.save(tmp_path / "a.svg")
    root = ET.parse(tmp_path / "a.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "80.0" in drawing.svg


def test_with_matplotlib_it_is_axes(metrics, monkeypatch):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    monkeypatch.setenv("MPLBACKEND", "agg")
    import matplotlib.pyplot as plt

    axes = metrics.plot()
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["80.0", "100.0", "100.0", "50.0"]  # overall, many, medium, few
    plt.close("all")


def test_without_pandas_the_remedy_is_named(metrics, nothing_installed):
    with pytest.raises(LptError, match="pip install pandas"):
        metrics.to_pandas()


def test_with_pandas_there_is_a_row_per_class(metrics):
    pytest.importorskip("pandas", reason="pandas is not installed")
    frame = metrics.to_pandas()
    assert frame["name"].tolist() == ["<owl>", "a", "b"]
    assert frame["recall"].tolist() == [1.0, 1.0, 0.5]
