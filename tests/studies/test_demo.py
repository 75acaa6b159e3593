"""The demo reports the numbers of its run, and the files that it names exist."""

import json
import re
from pathlib import Path

import pytest

import lpt
from lpt.baselines import baseline_settings, train_baseline
from lpt.errors import RunError
from lpt.files.atomic_files import write_text
from lpt.progress import SilentReporter
from lpt.studies import demo

SHORT = {"phase1.epochs": 1, "phase2.epochs": 1, "phase1.epoch_images": 16}


@pytest.mark.slow
def test_the_report_has_the_numbers_of_this_run(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "SETTINGS", {**demo.SETTINGS, **SHORT, "phase2.epoch_images": 16})
    quick = baseline_settings("linear-probe", epochs=1, init="uniform")
    monkeypatch.setattr(
        demo, "train_baseline", lambda name, context: train_baseline(name, context, quick)
    )
    out = tmp_path / "demo"
    report = demo.run_demo(out, 0, SilentReporter())
    results = json.loads((out / "results.json").read_text())
    for model, phase in (("shared prompt only", "phase1"), ("shared + group prompts", "phase2")):
        (row,) = re.findall(rf"^{re.escape(model)} +(.*)$", report, re.MULTILINE)
        measured = results["metrics"][phase]["test"]
        wanted = [f"{100 * measured[name]:.1f}" for name in ("overall", "many", "medium", "few")]
        assert row.split()[:4] == wanted
    assert re.search(r"^linear probe +\d", report, re.MULTILINE)
    assert f"{results['task_bytes'] / 1e6:.2f} MB" in report
    predicted = re.findall(r"^(\S+\.png)  \d", report, re.MULTILINE)
    assert len(predicted) == 3
    assert all(Path(path).is_file() for path in predicted)
    task = lpt.load(out, device="cpu")
    (first,) = task.predict(predicted[:1], top=1)
    assert str(first) in report
    assert f"lpt predict {out}" in report


def test_a_folder_in_use_is_refused_at_once(tmp_path):
    write_text(tmp_path / "notes.txt", "mine")
    with pytest.raises(RunError, match="exists and is not empty"):
        demo.run_demo(tmp_path, 0, SilentReporter())
