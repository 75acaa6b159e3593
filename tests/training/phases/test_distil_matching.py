"""A run with early matching: its map, what is measured of it, and the task that uses it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lpt.backbones import FrozenViT
from lpt.errors import ParameterError
from lpt.task import Task, find_images

from ...tiny import config, opened, train


@pytest.fixture(scope="module")
def runs(photos: Path, backbone: FrozenViT, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run that matches exactly, one that decides by itself, on the same data."""
    folder = tmp_path_factory.mktemp("runs")
    for match in ("exact", "auto"):
        changes = {"prompts__match": match, "classifier__passes": "second"}
        train(config(photos, **changes), folder / match, backbone)
    return folder


@pytest.fixture
def task(runs: Path, backbone: FrozenViT) -> Task:
    return Task.load(runs / "auto", backbone, "cpu")


def test_the_map_is_an_addition_to_the_same_task(runs: Path) -> None:
    exact, auto = (load_file(runs / name / "task.safetensors") for name in ("exact", "auto"))
    assert auto.keys() - exact.keys() == {"early_weight", "early_bias"}
    assert all(torch.equal(auto[name], exact[name]) for name in exact)


def test_the_record_is_of_images_that_were_set_aside(task: Task) -> None:
    early = task.spec.early
    assert early is not None
    assert task.match == task.spec.match == "auto"
    assert early.images == sum(task.spec.class_counts) // 5
    assert early.agreement <= early.auto_agreement
    assert early.auto_agreement >= 0.95
    assert 0 <= early.auto_queries < 1


def test_a_run_that_is_finished_twice_has_the_same_bits(
    photos: Path, backbone: FrozenViT, runs: Path, tmp_path: Path
) -> None:
    with opened(config(photos, prompts__match="auto"), tmp_path / "run", backbone) as trainer:
        trainer.run()
        once = (tmp_path / "run/task.safetensors").read_bytes()
        trainer.run()
    assert (tmp_path / "run/task.safetensors").read_bytes() == once
    tensors = load_file(runs / "auto/task.safetensors")
    assert torch.equal(
        load_file(tmp_path / "run/task.safetensors")["early_weight"], tensors["early_weight"]
    )


def test_every_call_of_a_task_follows_its_way_of_matching(task: Task, photos: Path) -> None:
    pictures = find_images([photos])
    exact, early = task.with_match("exact"), task.with_match("early")
    with torch.no_grad():
        task.model.early.weight.neg_()
        task.model.early.bias.neg_()  # the prompts that are farthest
    wanted = task.model.predict(torch.zeros(2, 3, 16, 16)).logits
    assert torch.equal(exact.forward(torch.zeros(2, 3, 16, 16)).logits, wanted)
    differs = (exact.predict_proba(pictures) != early.predict_proba(pictures)).any(1)
    chosen = [[one.matched for one in t.predict(pictures)] for t in (exact, early)]
    other = [set(a) != set(b) for a, b in zip(*chosen, strict=True)]
    assert any(other)
    assert differs[other].all()
    given = [one.probabilities for one in task.predict(pictures, match="early")]
    assert given == [one.probabilities for one in early.predict(pictures)]
    same = early.as_module()(torch.zeros(2, 3, 16, 16)).detach().numpy()
    logits = early.forward(torch.zeros(2, 3, 16, 16)).logits.numpy()
    assert same == pytest.approx(logits / task.spec.temperature, abs=1e-4)
    assert np.array_equal(task.embed(pictures), task.with_match("auto").embed(pictures))


def test_a_task_without_the_map_says_so_in_one_line(
    runs: Path, backbone: FrozenViT, photos: Path
) -> None:
    task = Task.load(runs / "exact", backbone, "cpu")
    assert task.with_match("exact").match == "exact"
    for call in (
        lambda: task.with_match("early"),
        lambda: task.predict(find_images([photos])[:1], match="auto"),
    ):
        with pytest.raises(ParameterError, match=r"has no map for it\. Train it with") as caught:
            call()
        assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(ParameterError, match="match often: choose exact, early, auto"):
        task.with_match("often")  # type: ignore[arg-type]


def test_a_run_that_starts_from_the_task_leaves_its_map_behind(
    runs: Path, backbone: FrozenViT, photos: Path, tmp_path: Path
) -> None:
    from lpt.training.phases.task_start import TaskStart

    with opened(config(photos), tmp_path / "next", backbone) as trainer:
        start = TaskStart.read(runs / "auto")
        trainer.phases = start.prepare(trainer.context, trainer.model, trainer.phases)
        task, _ = trainer.run()
    assert task.spec.early is None
    assert task.match == "exact"
