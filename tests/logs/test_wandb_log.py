"""Weights & Biases in its offline mode writes a run that it can upload later."""

import pytest

from .conftest import feed

pytest.importorskip("wandb", reason="extra 'wandb' is not installed")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]


def history(folder):
    """The records of an offline run, as text."""
    (file,) = folder.glob("*.wandb")
    return file.read_bytes()


def test_offline_runs_hold_settings_epochs_and_scores(run, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    feed("wandb", run, epochs=1, failed=True)
    feed("wandb", run)
    folders = sorted((run / "wandb").glob("offline-run-*"))
    assert len(folders) == 2
    assert len({folder.name.rpartition("-")[2] for folder in folders}) == 1  # one id
    content = b"".join(map(history, folders))
    for text in (b"phase1/val/few", b"phase2/loss", b"final/phase2/test/few", b"data.source"):
        assert text in content
