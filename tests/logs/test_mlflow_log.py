"""MLflow's own client finds the run in a store of files."""

import pytest

from .conftest import feed

pytest.importorskip("mlflow", reason="extra 'mlflow' is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def client(run, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.setenv("DO_NOT_TRACK", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (run.parent / "store").as_uri())
    return MlflowClient()


def test_a_run_has_its_settings_epochs_and_scores(run, client):
    feed("mlflow", run)
    experiment = client.get_experiment_by_name("lpt")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.run_name == "my birds"
    assert found.info.status == "FINISHED"
    assert found.data.params["data.source"] == "photos/vögel"
    assert found.data.metrics["final/phase2/test/few"] == 0.25
    losses = client.get_metric_history(found.info.run_id, "phase1/loss")
    assert [(one.step, one.value) for one in losses] == [(1, 2.0), (2, 1.0)]


def test_an_interrupted_run_is_continued_as_the_same_run(run, client):
    feed("mlflow", run, epochs=1, failed=True)
    experiment = client.get_experiment_by_name("lpt")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FAILED"
    feed("mlflow", run)
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED"
