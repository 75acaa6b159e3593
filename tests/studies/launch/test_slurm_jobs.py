"""Jobs share a study, and those that are lost are told; by processes of this machine."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from lpt.errors import ConfigError, LptError
from lpt.studies.launch import slurm_jobs
from lpt.studies.launch.slurm_jobs import job_settings, run_on_slurm

from ...tiny import write_backbone, write_photos

pytest.importorskip("submitit")


@pytest.fixture(autouse=True)
def _hurried(monkeypatch):
    monkeypatch.setattr(slurm_jobs, "_POLL", 0.2)


def test_settings_are_those_of_submitit_and_of_sbatch():
    found = job_settings(["gpus_per_node=1", "partition=gpu", "slurm_qos=low", "timeout_min=60"])
    assert found == {
        "timeout_min": 60,
        "gpus_per_node": 1,
        "slurm_partition": "gpu",
        "slurm_qos": "low",
    }
    for wrong in ("gpu", "a b=1", "partition="):
        with pytest.raises(ConfigError, match="KEY=VALUE"):
            job_settings([wrong])


@pytest.mark.slow
def test_the_table_of_a_job_is_returned_and_failed_jobs_are_told(tmp_path):
    said: list[str] = []
    found = run_on_slurm(1, ["--version"], tmp_path, {}, said.append, cluster="local")
    assert found.startswith("lpt ")
    assert "jobs    local: " in said[0]
    with pytest.raises(LptError, match="no job has finished it"):
        run_on_slurm(1, ["study", "no-such-study"], tmp_path, {}, said.append, cluster="local")


@pytest.mark.slow
def test_runs_of_a_lost_job_are_trained_by_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_backbone(tmp_path / "vit.safetensors")
    write_photos(tmp_path / "photos")
    out = tmp_path / "out"
    study = (
        *("study", "main", "--only", "phase 1 only", "--only", "linear probe", "--data", "photos"),
        *("--backbone", "vit.safetensors", "--seeds", "3", "--epochs", "20", "--lrs", "x1"),
        *("--set=phase1.batch_size=8", "--set=baseline.batch_size=8"),
        *("--device", "cpu", "--out", str(out), "--threads", "1"),
    )
    said: list[str] = []
    found: list[str] = []
    main = threading.Thread(
        target=lambda: found.append(run_on_slurm(2, study, out, {}, said.append, cluster="local"))
    )
    main.start()
    killed = False
    while main.is_alive():
        begun = list(out.glob("runs/*"))
        if not killed and begun and (pids := workers(out)):
            os.kill(pids[0], signal.SIGKILL)
            killed = True
        time.sleep(0.1)
    main.join()
    assert killed
    assert any("its runs are trained again" in line for line in said)
    assert "linear probe" in found[0]


def workers(out: Path) -> list[int]:
    """Processes that train for this study."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_one = b"LPT_STUDY_WORKER=1" in (folder / "environ").read_bytes()
            if is_one and str(out).encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return sorted(found)
