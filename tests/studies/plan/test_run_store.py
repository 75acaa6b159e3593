"""Results are kept whole or not at all; one process at a time has a cell."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lpt.errors import RunError
from lpt.files import UNFINISHED
from lpt.studies.plan.run_store import Answers, CellResult, CellStore

CONTENT = {"method": "lpt", "seed": 0}
RESULT = CellResult(CONTENT, scores={"overall": 0.5, "few": None}, epochs=(1, 2), seconds=1.5)
ANSWERS = Answers(np.array([0, 1, 1]), np.array([0, 1, 0]))


@pytest.fixture
def store(tmp_path: Path) -> CellStore:
    return CellStore(tmp_path / "cells")


def events(store: CellStore) -> list[tuple[str, str]]:
    lines = (store.folder / "log.jsonl").read_text().splitlines()
    return [(json.loads(line)["event"], json.loads(line)["cell"]) for line in lines]


def test_a_finished_cell_is_read_back(store):
    assert store.result("abc") is None
    store.begin("abc", CONTENT)
    assert store.result("abc") is None
    assert not store.is_finished("abc")
    store.finish("abc", RESULT, ANSWERS)
    assert store.result("abc") == RESULT
    assert store.answers("abc").right().tolist() == [True, True, False]
    assert events(store) == [("began", "abc"), ("finished", "abc")]


def test_answers_of_five_crops_are_kept_beside_those_of_single_views(store):
    answers = replace(ANSWERS, ensembled=1 - ANSWERS.labels)
    store.begin("abc", CONTENT)
    store.finish("abc", RESULT, answers)
    found = store.answers("abc")
    assert found.right().tolist() == [True, True, False]
    assert not found.right(ensembled=True).any()


def test_answers_on_shifted_sets_are_kept(store):
    store.begin("abc", CONTENT)
    store.finish("abc", RESULT, replace(ANSWERS, shifted={"sketch": np.array([True, False])}))
    assert store.answers("abc").shifted["sketch"].tolist() == [True, False]


def test_a_failed_cell_says_why(store):
    store.begin("abc", CONTENT)
    store.finish("abc", CellResult(CONTENT, "loss is not finite"), None)
    assert store.result("abc").failed == "loss is not finite"
    assert events(store)[-1] == ("failed", "abc")


def test_the_result_is_written_last(store, monkeypatch):
    """A kill between the two leaves an unfinished cell."""
    written = []
    replace = Path.replace
    monkeypatch.setattr(
        Path, "replace", lambda self, target: (written.append(target.name), replace(self, target))
    )
    store.finish("abc", RESULT, ANSWERS)
    assert written == ["answers.safetensors", "result.json"]


def test_what_a_killed_process_left_is_removed(store):
    folder = store.begin("abc", CONTENT)
    leftover = folder / f".result.json.x{UNFINISHED}"
    leftover.write_bytes(b"{")
    store.begin("abc", CONTENT)
    assert not leftover.exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"content": 1}'])
def test_a_damaged_result_is_named(store, text):
    store.finish("abc", RESULT, ANSWERS)
    (store.path("abc") / "result.json").write_text(text)
    with pytest.raises(RunError, match=r"result\.json: cannot be read .*Remove"):
        store.result("abc")


def test_damaged_answers_are_named(store):
    store.finish("abc", RESULT, ANSWERS)
    (store.path("abc") / "answers.safetensors").write_bytes(b"no")
    with pytest.raises(RunError, match=r"answers\.safetensors: cannot be read"):
        store.answers("abc")


def test_a_cell_belongs_to_one_process_at_a_time_and_is_free_whatever_ends_it(store):
    other = CellStore(store.folder)
    with store.claimed("abc") as ours, other.claimed("abc") as theirs, other.claimed("def") as free:
        assert (ours, theirs, free) == (True, False, True)
    with pytest.raises(KeyboardInterrupt), store.claimed("abc"):
        raise KeyboardInterrupt
    with other.claimed("abc") as ours:
        assert ours


def test_a_store_where_nothing_can_be_written_is_named(tmp_path):
    (tmp_path / "cells").write_text("a file")
    store = CellStore(tmp_path / "cells")
    with pytest.raises(RunError, match=r"cells: cannot be written .*--out"), store.claimed("abc"):
        pass
