"""Devices, memory and disks, and what can be wrong with them."""

import shutil
from types import SimpleNamespace

import pytest
import torch

from lpt.cli.health import hardware
from lpt.cli.health.hardware import check_cache, check_devices, check_memory
from lpt.cli.health.health_report import HealthReport


def found(check, **arguments):
    report = HealthReport()
    check(report, **arguments)
    return report


def test_the_device_that_is_used_is_named():
    report = found(check_devices, environment={})
    assert report.values["used"]["device"] == str(
        torch.device("cuda" if torch.cuda.is_available() else "cpu")
    )
    assert report.values["precision"] in ("bf16", "float32")
    assert report.values["devices"]["cores"] >= 1


def test_a_driver_without_a_gpu_is_a_problem(tmp_path, monkeypatch):
    (tmp_path / "version").touch()
    monkeypatch.setattr(hardware, "DRIVER", tmp_path / "version")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    report = found(check_devices, environment={})
    assert "torch finds no GPU" in report.problems[0].fault
    assert not report.is_healthy


def test_too_many_threads_and_offline_mode_are_notes(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4096)
    report = found(check_devices, environment={"HF_HUB_OFFLINE": "1"})
    assert ["4096 threads" in p.fault or "HF_HUB_OFFLINE" in p.fault for p in report.problems]
    assert len(report.problems) == 2
    assert report.is_healthy


@pytest.mark.parametrize(("free", "healthy", "problems"), [(10**6, False, 2), (5 * 10**8, True, 2)])
def test_a_full_disk_is_a_problem_and_an_almost_full_one_a_note(
    free, healthy, problems, monkeypatch
):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free, total=10**12))
    report = found(check_cache)
    assert report.is_healthy is healthy
    assert len(report.problems) == problems


def test_a_cache_that_cannot_be_written_is_a_problem(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LPT_CACHE", str(tmp_path / "file" / "cache"))
    report = found(check_cache)
    (problem,) = report.problems
    assert "cannot be written" in problem.fault
    assert "LPT_CACHE" in problem.remedy
    assert not (tmp_path / "file" / "cache").exists()


def test_little_memory_is_a_note(tmp_path, monkeypatch):
    monkeypatch.setattr("lpt.machine.free_memory.free_memory", lambda _: 10**8)
    monkeypatch.setattr(hardware, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=64 * 2**20))
    report = found(check_memory)
    assert [problem.is_note for problem in report.problems] == [True, True]
