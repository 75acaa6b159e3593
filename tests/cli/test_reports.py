"""Commands lpt analyze, lpt report and lpt bench: arguments are passed on, results are named."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from lpt.bench.regression import HIGHER
from lpt.cli import app


def recorder(calls: list[dict[str, Any]], result: Any) -> Callable[..., Any]:
    def record(*args: Any, **options: Any) -> Any:
        options.pop("reporter", None)
        calls.append({"args": args, **options})
        return result

    return record


@pytest.fixture(autouse=True)
def _runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run folders, since a path that does not exist is refused before anything is imported."""
    monkeypatch.chdir(tmp_path)
    for name in ("run", "one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "task.safetensors").touch()
    (tmp_path / "photos").mkdir()
    (tmp_path / "x").mkdir()


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_analyze_passes_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []
    found = SimpleNamespace(training_suspects=0)
    monkeypatch.setattr("lpt.analysis.run_analysis", recorder(calls, (found, Path("run/analysis"))))
    monkeypatch.setattr("lpt.analysis.report.main_findings.main_findings", lambda _: ["accuracy"])
    printed = invoke("analyze", "run", "photos", "--bank", "8", "--workers", "2", "--source", "x")
    assert calls[0] == {
        "args": (Path("run"), "photos"),
        "source": "x",
        "out": None,
        "bank": 8,
        "device": None,
        "workers": 2,
        "backbone": None,
    }
    assert "run/analysis/analysis.json" in printed
    assert "lpt report run" in printed


def test_report_takes_several_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr("lpt.analysis.report.write_report", recorder(calls, Path("both.html")))
    assert invoke("report", "one", "two", "--out", "both.html") == "report    both.html\n"
    assert calls[0]["args"] == ([Path("one"), Path("two")], Path("both.html"))


def test_bench_prints_json(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr("lpt.bench.ratios.bench", recorder(calls, {"inference_speedup": 1.5}))
    printed = invoke("bench", "--json", "--batch", "2")
    assert json.loads(printed) == {"inference_speedup": 1.5}
    assert calls[0]["args"] == ("random:vit_small_patch16_224", 2, 7, None, "auto")


def test_bench_check_measures_as_its_file_says_and_fails_where_a_ratio_is_worse(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ratios = dict.fromkeys(HIGHER, 2.0)
    facts = {"backbone": "vit", "batch": 4, "precision": "float32", "machine": "a CPU"}
    file = tmp_path / "baseline.json"
    file.write_text(json.dumps({**ratios, "structure_only": ratios, **facts}))
    calls: list[dict[str, Any]] = []
    slower = {**ratios, "phase2_speedup": 1.0, "structure_only": ratios, **facts}
    monkeypatch.setattr("lpt.bench.ratios.bench", recorder(calls, slower))
    ended = CliRunner().invoke(app, ["bench", "--check", str(file)])
    assert (ended.exit_code, ended.output.count("worse")) == (1, 1)
    assert calls[0]["args"] == ("vit", 4, 7, None, "float32")
    tolerant = CliRunner().invoke(app, ["bench", "--check", str(file), "--tolerance", "0.6"])
    assert tolerant.exit_code == 0


def test_help_shows_defaults() -> None:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", invoke("analyze", "--help"))
    help_text = re.sub(r"[\s│]+", " ", plain)
    for default in ("4000 on a CPU, 100000 on a GPU", "RUN/analysis", "test images of the run"):
        assert f"[default: ({default})]" in help_text
