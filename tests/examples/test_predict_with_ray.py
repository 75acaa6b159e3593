"""Predictions on Ray: each photo has one row, in the order of the list, after anything."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pyarrow.parquet as pq
import pytest

import lpt
from lpt.errors import DataError

SCRIPT = Path(__file__).parents[2] / "examples" / "predict_with_ray.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with a task that calls each photo by the first letter of its name."""
    spec = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def each(paths, top):
        assert top == 1
        for path in paths:
            bad = DataError(f"{path}: damaged.")
            yield bad if "bad" in path else SimpleNamespace(labels=(path[0],), probabilities=(0.5,))

    task = SimpleNamespace(predict_each=each)
    library = SimpleNamespace(load=lambda _: task, LptError=lpt.LptError)
    monkeypatch.setattr(module, "lpt", library)
    return module


def written(out: Path) -> list[dict[str, object]]:
    return [row for file in sorted(out.glob("part-*")) for row in pq.read_table(file).to_pylist()]


def test_every_photo_has_one_row_in_order(script, tmp_path):
    paths = [f"owl{n}.jpg" if n != 7 else "bad.jpg" for n in range(10)]
    parts = script.parts_of(paths, 4)
    predictor = script.Predictor("run", str(tmp_path))
    for part in reversed(parts):  # whatever the order in which actors get them
        counts = predictor({"part": [part["part"]], "paths": [part["paths"]]})
    assert counts == {"images": [4], "bad": [0]}
    rows = written(tmp_path)
    assert [row["path"] for row in rows] == paths
    assert rows[7] == {
        "path": "bad.jpg",
        "label": None,
        "confidence": None,
        "error": "bad.jpg: damaged.",
    }
    assert rows[8] == {"path": "owl8.jpg", "label": "o", "confidence": 0.5, "error": None}


def test_only_parts_without_a_complete_file_are_left(script, tmp_path):
    (first, second) = script.parts_of(["a.jpg", "b.jpg", "c.jpg"], 2)
    predictor = script.Predictor("run", str(tmp_path))
    file = script.part_file(tmp_path, 0)
    assert not script.is_done(file, first["paths"])
    predictor({"part": [0], "paths": [first["paths"]]})
    assert script.is_done(file, first["paths"])
    assert not script.is_done(file, second["paths"])  # of another list
    predictor({"part": [0], "paths": [first["paths"]]})  # by two actors
    assert [row["path"] for row in written(tmp_path)] == ["a.jpg", "b.jpg"]
    assert [path.name for path in tmp_path.iterdir()] == ["part-000000.parquet"]


@pytest.mark.slow
def test_it_runs_on_ray(tmp_path):
    pytest.importorskip("ray", reason="needs lpt[ray]")
    pytest.importorskip("pandas", reason="needs lpt[ray]")
    settings = {"phase1.epochs": 1, "phase2.epochs": 0}
    task = lpt.train("digits", out=tmp_path / "run", settings=settings, device="cpu")
    test = lpt.open_data("digits").split("test")
    paths = [tmp_path / f"{n:02d}.png" for n in range(20)]
    for n, path in enumerate(paths):
        path.write_bytes(test.read(n) if n != 5 else b"no image")
    (tmp_path / "list.txt").write_text("\n".join(map(str, paths)))
    command = [sys.executable, str(SCRIPT), "run", "list.txt", "out", "--part", "6"]
    environment = {**os.environ, "RAY_raylet_start_wait_time_s": "120"}
    environment.pop("RAY_ADDRESS", None)
    said = [
        subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert "20 photos predicted now" in said[0]
    assert "predicted now" not in said[1]
    assert said[1].endswith("out: 20 rows, 1 without a prediction\n")
    rows = written(tmp_path / "out")
    assert [row["path"] for row in rows] == [str(path) for path in paths]
    (found,) = task.predict([paths[7]], top=1)
    assert rows[7]["label"] == found.labels[0]
    assert rows[7]["confidence"] == pytest.approx(found.probabilities[0], abs=1e-5)
