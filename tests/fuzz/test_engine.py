"""The fuzz tool reports what neither loads nor ends in an `LptError`, with its files."""

import random
import time
from pathlib import Path

import pytest
from tools.fuzz import engine
from tools.fuzz.engine import reproduce, run_target
from tools.fuzz.mutations import damaged, damaged_json, safetensors_header
from tools.fuzz.samples import backbone_file

from lpt.errors import DataError
from lpt.machine.devices import peak_memory, reset_peak_memory


class Outcomes:
    """Each case has another outcome."""

    name = "outcomes"

    def make(self, rng: random.Random, folder: Path) -> None:
        (folder / "number").write_text(str(rng.choice([0, 0, 1, 1, 2, 3, 4, 5])))

    def load(self, folder: Path) -> None:
        number = int((folder / "number").read_text())
        if number == 1:
            raise DataError("x: refused. Correct it.")
        if number == 2:
            raise KeyError("unexpected")
        if number == 3:
            until = time.process_time() + 0.3
            while time.process_time() < until:
                pass
        if number == 4:
            time.sleep(30)
        if number == 5:
            bytearray(200 * 2**20)[::4096] = b"x" * (200 * 256)


def can_watch_memory() -> bool:
    """Whether the system lets a process count its peak memory anew."""
    block = bytearray(b"x") * (100 * 2**20)
    before = peak_memory("cpu")
    del block
    reset_peak_memory("cpu")
    return peak_memory("cpu") < before


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SLOW_SECONDS", 0.2)
    monkeypatch.setattr(engine, "ENDLESS_SECONDS", 4)


def test_every_other_outcome_is_a_finding_with_its_files(tmp_path):
    report = run_target(Outcomes(), 12, seed=10, out=tmp_path)
    kinds = {finding.kind for finding in report.findings}
    assert kinds - {"memory"} == {"error", "slow", "endless"}
    assert "memory" in kinds or not can_watch_memory()
    assert report.loaded + report.refused + len(report.findings) == 12
    error = next(f for f in report.findings if f.kind == "error")
    assert "KeyError: 'unexpected'" in error.text
    assert (error.folder / "number").read_text() == "2"
    assert (
        f"--target outcomes --seed 10 --only {error.index}"
        in (error.folder / "FINDING.txt").read_text()
    )
    with pytest.raises(KeyError):
        reproduce(Outcomes(), 10, error.index, tmp_path / "again")


def test_cases_are_a_function_of_target_seed_and_number(tmp_path):
    for folder in ("one", "two"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Outcomes, "load", lambda *_: None)
            for index in range(8):
                reproduce(Outcomes(), 5, index, tmp_path / folder / str(index))
    texts = [sorted(p.read_text() for p in (tmp_path / f).rglob("number")) for f in ("one", "two")]
    assert texts[0] == texts[1]
    assert len(set(texts[0])) > 1


def test_damage_is_repeatable_and_changes_something():
    data = backbone_file().read_bytes()
    for damage in (damaged, safetensors_header):
        results = [damage(random.Random(n), data) for n in range(10)]
        assert results == [damage(random.Random(n), data) for n in range(10)]
        assert sum(result != data for result in results) >= 8
    tree = {"a": [1, 2, {"b": "x"}], "c": None}
    trees = [damaged_json(random.Random(n), tree) for n in range(10)]
    assert sum(found != tree for found in trees) >= 8
    assert tree == {"a": [1, 2, {"b": "x"}], "c": None}
