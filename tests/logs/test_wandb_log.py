"""Weights & Biases in its offline mode writes a run that it can upload later."""

import json

import pytest

from .conftest import feed

pytest.importorskip("wandb", reason="extra 'wandb' is not installed")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]


BLOCK = 2**15


def records(folder):
    """The records of an offline run: blocks of 32 kB, in which each piece has a header."""
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = folder.glob("*.wandb")
    data, at, parts = file.read_bytes(), 7, b""
    while at < len(data):
        if BLOCK - at % BLOCK < 7:
            at += BLOCK - at % BLOCK
            continue
        size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        parts += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # a whole record, or the end of one
            yield Record.FromString(parts)
            parts = b""


def test_offline_runs_hold_settings_epochs_and_scores(run, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    feed("wandb", run, epochs=1, failed=True)
    feed("wandb", run)
    folders = sorted((run / "wandb").glob("offline-run-*"))
    assert len(folders) == 2
    found = [list(records(folder)) for folder in folders]
    started = [one.run for part in found for one in part if one.WhichOneof("record_type") == "run"]
    assert {one.project for one in started} == {"lpt"}
    assert {one.display_name for one in started} == {"my birds"}
    assert len({one.run_id for one in started}) == 1  # one run, begun and continued
    config = {item.key or "/".join(item.nested_key) for item in started[0].config.update}
    assert {"phase1.epochs", "data.source"} <= config
    history = [
        {
            "".join([item.key, *item.nested_key]): json.loads(item.value_json)
            for item in one.history.item
        }
        for one in found[1]
        if one.WhichOneof("record_type") == "history"
    ]
    losses = [(row["phase1/epoch"], row["phase1/loss"]) for row in history if "phase1/loss" in row]
    assert losses == [(1, 2.0), (2, 1.0)]
    summary = [
        (item.key or "/".join(item.nested_key), json.loads(item.value_json))
        for one in found[1]
        for item in one.summary.update
    ]
    assert ("final/phase2/test/few", 0.25) in summary
