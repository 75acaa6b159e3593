"""Results are written completely or not at all; one process at a time has a run."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from lpt.errors import RunError
from lpt.files.atomic_files import UNFINISHED
from lpt.studies.plan.run_store import RunPredictions, RunResult, RunStore

FACTS = {"method": "lpt", "seed": 0}
RESULT = RunResult(FACTS, scores={"overall": 0.5, "few": None}, epochs=(1, 2), seconds=1.5)
PREDICTIONS = RunPredictions(np.array([0, 1, 1]), np.array([0, 1, 0]))


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def events(store: RunStore) -> list[tuple[str, str]]:
    lines = (store.folder / "log.jsonl").read_text().splitlines()
    return [(json.loads(line)["event"], json.loads(line)["run"]) for line in lines]


def test_a_finished_run_is_read_back(store):
    assert store.result("abc") is None
    store.begin("abc", FACTS)
    assert store.result("abc") is None
    assert not store.is_finished("abc")
    store.finish("abc", RESULT, PREDICTIONS)
    assert store.result("abc") == RESULT
    assert store.predictions("abc").right().tolist() == [True, True, False]
    assert events(store) == [("began", "abc"), ("finished", "abc")]


def test_predictions_with_tta_are_kept_beside_those_of_single_views(store):
    predictions = replace(PREDICTIONS, tta=1 - PREDICTIONS.labels)
    store.begin("abc", FACTS)
    store.finish("abc", RESULT, predictions)
    found = store.predictions("abc")
    assert found.right().tolist() == [True, True, False]
    assert not found.right(tta=True).any()


def test_predictions_for_shifted_sets_are_kept(store):
    store.begin("abc", FACTS)
    store.finish("abc", RESULT, replace(PREDICTIONS, shifted={"sketch": np.array([True, False])}))
    assert store.predictions("abc").shifted["sketch"].tolist() == [True, False]


def test_a_failed_run_has_its_reason(store):
    store.begin("abc", FACTS)
    store.finish("abc", RunResult(FACTS, "loss is not finite"), None)
    assert store.result("abc").failed == "loss is not finite"
    assert events(store)[-1] == ("failed", "abc")


def test_the_result_is_written_last(store, monkeypatch):
    """A kill between the two files leaves an unfinished run."""
    written = []
    replace = Path.replace
    monkeypatch.setattr(
        Path, "replace", lambda self, target: (written.append(target.name), replace(self, target))
    )
    store.finish("abc", RESULT, PREDICTIONS)
    assert written == ["predictions.safetensors", "result.json"]


def test_leftovers_of_a_killed_process_are_removed(store):
    folder = store.begin("abc", FACTS)
    leftover = folder / f".result.json.x{UNFINISHED}"
    leftover.write_bytes(b"{")
    store.begin("abc", FACTS)
    assert not leftover.exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"facts": 1}'])
def test_a_damaged_result_is_named(store, text):
    store.finish("abc", RESULT, PREDICTIONS)
    (store.path("abc") / "result.json").write_text(text)
    with pytest.raises(RunError, match=r"result\.json: cannot be read .*Remove"):
        store.result("abc")


def test_damaged_predictions_are_named(store):
    store.finish("abc", RESULT, PREDICTIONS)
    (store.path("abc") / "predictions.safetensors").write_bytes(b"no")
    with pytest.raises(RunError, match=r"predictions\.safetensors: cannot be read"):
        store.predictions("abc")


def test_one_process_at_a_time_holds_a_run_however_it_ends(store):
    other = RunStore(store.folder)
    with store.claimed("abc") as ours, other.claimed("abc") as theirs, other.claimed("def") as free:
        assert (ours, theirs, free) == (True, False, True)
    with pytest.raises(KeyboardInterrupt), store.claimed("abc"):
        raise KeyboardInterrupt
    with other.claimed("abc") as ours:
        assert ours


def test_a_store_that_is_not_writable_is_named(tmp_path):
    (tmp_path / "runs").write_text("a file")
    store = RunStore(tmp_path / "runs")
    with (
        pytest.raises(RunError, match=r"runs: cannot be written .*another folder"),
        store.claimed("abc"),
    ):
        pass


def test_locks_and_log_that_are_links_change_nothing(store, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (store.folder / ".locks").mkdir(parents=True)
    (store.folder / ".locks" / "abc").symlink_to(victim)
    (store.folder / "log.jsonl").symlink_to(victim)
    with pytest.raises(RunError, match="is a link or not a file"), store.claimed("abc"):
        pass
    with pytest.raises(RunError, match="cannot be written"):
        store.begin("abc", FACTS)
    other = RunStore(tmp_path / "other")
    other.folder.mkdir()
    (tmp_path / "outside").mkdir()
    (other.folder / ".locks").symlink_to(tmp_path / "outside")
    with pytest.raises(RunError, match=r"\.locks: is a link"), other.claimed("abc"):
        pass
    assert victim.read_text() == "mine"
    assert not list((tmp_path / "outside").iterdir())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@given(data=st.data())
def test_any_change_of_a_result_is_read_or_refused_in_one_line(data, tmp_path_factory):
    store = RunStore(tmp_path_factory.getbasetemp() / "mutated")
    tree = {**asdict(RESULT), "epochs": [1, 2]}
    key = data.draw(st.sampled_from(sorted(tree)))
    changed = data.draw(st.just({**tree, key: data.draw(JSON)}) | JSON)
    store.path("abc").mkdir(parents=True, exist_ok=True)
    (store.path("abc") / "result.json").write_text(json.dumps(changed))
    lines = ""
    try:
        store.result("abc")
    except RunError as error:
        lines = str(error)
    assert len(lines.splitlines()) <= 1


@pytest.mark.parametrize(
    "tensors",
    [
        {"chosen": np.zeros(2, np.int64)},
        {"chosen": np.zeros(2, np.int64), "labels": np.zeros(3, np.int64)},
        {"chosen": np.zeros(2), "labels": np.zeros(2, np.int64)},
        {"chosen": np.zeros((2, 2), np.int64), "labels": np.zeros(2, np.int64)},
        {"chosen": np.zeros(2, np.int64), "labels": np.zeros(2, np.int64), "more": np.zeros(2)},
    ],
)
def test_predictions_of_other_shapes_or_types_are_refused(tensors, store):
    store.path("abc").mkdir(parents=True)
    save_file(tensors, store.path("abc") / "predictions.safetensors")
    with pytest.raises(RunError, match=r"predictions\.safetensors: cannot be read"):
        store.predictions("abc")
