"""A run that starts from a task takes its prompts, its keys and its classes by name."""

import shutil

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

import lpt
from lpt.errors import ConfigError, LptError, ParameterError, RunError
from lpt.task.task_digest import task_digest
from lpt.training.phases.task_start import FILE

from ...serving.many_tasks import write_lively
from ...tiny import SETTINGS, Killed, tensors_of, write_photos

NONE = {"phase1.epochs": 0, "phase2.epochs": 1, "phase2.optim.lr": 1e-12}
STILL = {"phase2.optim.classifier_lr": 1e-12, "phase2.optim.key_lr": 1e-12}
UNCHANGED = {**SETTINGS, **NONE, **STILL, "classifier.mean_weight": 0}
"""Settings of a run that ends where it starts."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("start")
    vit = write_lively(root / "vit.safetensors", depth=3)
    data = write_photos(root / "photos")
    settings = {**SETTINGS, "phase1.epochs": 1, "phase2.epochs": 1, "prompts.pool_size": 5}
    lpt.train(data, backbone=vit, out=root / "run", settings=settings, device="cpu")
    other = root / "other"  # cat is dropped, eel is new
    shutil.copytree(data, other)
    shutil.rmtree(other / "cat")
    (other / "ant").rename(other / "eel")
    shutil.copytree(data / "ant", other / "ant")
    return root


def train(place, out, data="photos", **options):
    settings = {k: v for k, v in UNCHANGED.items() if not k.startswith("prompts.")}
    given = {"settings": settings, "device": "cpu", "init_from": place / "run", **options}
    return lpt.train(place / data, out=out, **given)


def test_without_a_step_the_task_is_the_one_that_it_started_from(place, tmp_path):
    task = train(place, tmp_path / "run")
    old = load_file(place / "run" / "task.safetensors")
    new = load_file(tmp_path / "run" / "task.safetensors")
    assert old.keys() == new.keys()
    for name, tensor in old.items():
        assert torch.allclose(new[name], tensor, atol=1e-6), name
    assert task.spec.pool_size == 5
    (entry,) = task.spec.history
    assert (entry.action, entry.classes) == ("init-from", ())
    assert entry.source == task_digest(place / "run")


def test_classes_are_matched_by_name_and_new_ones_are_placed(place, tmp_path, capsys):
    task = train(place, tmp_path / "run", "other", verbose=True)
    assert task.class_names == ("ant", "bee", "dog", "eel")
    shown = " ".join(capsys.readouterr().err.split())
    assert "prompts and keys, and 3 classes of 4" in shown
    assert "new 1 class: eel" in shown
    assert "dropped 1 class: cat" in shown
    old = load_file(place / "run" / "task.safetensors")["classifier"]
    new = load_file(tmp_path / "run" / "task.safetensors")["classifier"]
    assert torch.allclose(new[:3], old[[0, 1, 3]], atol=1e-6)
    assert new[3].norm() == pytest.approx(float(old[[0, 1, 3]].norm(dim=1).mean()), rel=1e-4)
    assert torch.isfinite(new).all()
    assert (F.normalize(new, dim=1)[3] @ F.normalize(new, dim=1)[:3].T).max() < 0.99
    assert task.spec.history[-1].classes == ("eel",)


def test_classes_without_any_in_common_start_at_their_means(place, tmp_path):
    write_photos(tmp_path / "data", {"x": 12, "y": 9})
    settings = {k: v for k, v in UNCHANGED.items() if not k.startswith("prompts.")}
    run = lpt.train(
        tmp_path / "data",
        out=tmp_path / "run",
        settings=settings,
        device="cpu",
        init_from=place / "run",
    )
    old = load_file(place / "run" / "task.safetensors")
    assert np.allclose(run.model.shared.prompts.detach(), old["shared_prompts"])
    assert run.class_names == ("x", "y")


def test_a_resumed_run_continues_from_the_same_start(place, tmp_path, monkeypatch):
    settings = {k: v for k, v in SETTINGS.items() if not k.startswith("prompts.")}
    whole = tmp_path / "whole"
    train(place, whole, "other", settings=settings)

    def killed(*arguments):
        raise Killed

    with monkeypatch.context() as patch:  # between the phases
        patch.setattr("lpt.training.phases.task_start._keep", killed)
        with pytest.raises(Killed):
            train(place, tmp_path / "run", "other", settings=settings)
    hidden = (place / "run").rename(place / "hidden")
    try:
        lpt.train(out=tmp_path / "run", resume=True, device="cpu")
    finally:
        hidden.rename(place / "run")
    found, wanted = tensors_of(tmp_path / "run"), tensors_of(whole)
    final = [name for name in wanted if name.startswith("task.safetensors")]
    assert final
    assert all(torch.equal(found[name], wanted[name]) for name in final)


def test_a_run_does_not_resume_without_its_start(place, tmp_path):
    train(place, tmp_path / "run")
    (tmp_path / "run" / FILE).write_bytes(b"other")
    with pytest.raises(LptError):
        lpt.train(out=tmp_path / "run", resume=True, device="cpu")
    (tmp_path / "run" / FILE).unlink()
    with pytest.raises(RunError, match="is missing; the run started from it"):
        lpt.train(out=tmp_path / "run", resume=True, device="cpu")


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"settings": {"prompts.pool_size": 3}}, ConfigError, "its group prompts have the sizes"),
        ({"init_from": "nowhere"}, ConfigError, "nowhere: no such file"),
        ({"resume": True}, ParameterError, "init_from"),
        ({"backbone": "vit_tiny_patch8_64"}, ConfigError, "was trained on the backbone"),
    ],
)
def test_a_start_that_does_not_fit_is_refused_and_leaves_nothing(
    place, tmp_path, options, error, said
):
    if options.get("init_from"):
        options = {"init_from": tmp_path / options["init_from"]}
    given = {"settings": None, "data": "photos", **options}
    with pytest.raises(error, match=said):
        train(place, tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()
