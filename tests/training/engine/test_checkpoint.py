"""Checkpoints come back as they were saved; damaged or foreign ones are refused."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from lpt.errors import RunError
from lpt.training.engine.checkpoint import (
    Checkpoint,
    Position,
    load_trainable,
    optimizer_state,
    restore_optimizer,
    trainable_state,
)


def checkpoint() -> Checkpoint:
    return Checkpoint(
        Position(1, 2, 3),
        {"head": torch.randn(2, 3)},
        {"0.exp_avg": torch.randn(2, 3)},
        sums={"loss": 1.5},
        seconds={"phase1": 2.0},
        best=(0.25, 1),
        peak_memory=7,
        micro_batch=4,
    )


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Linear(2, 2)
        self.head = nn.Linear(2, 3)


def test_a_saved_checkpoint_loads_unchanged(tmp_path: Path) -> None:
    saved = checkpoint()
    saved.save(tmp_path / "last.safetensors")
    found = Checkpoint.load(tmp_path / "last.safetensors")
    for name in ("position", "sums", "seconds", "best", "peak_memory", "micro_batch"):
        assert getattr(found, name) == getattr(saved, name)
    torch.testing.assert_close(dict(found.trainable), dict(saved.trainable), atol=0, rtol=0)
    torch.testing.assert_close(dict(found.optimizer), dict(saved.optimizer), atol=0, rtol=0)


def test_on_disk_trainable_tensors_keep_the_prefix_of_format_1(tmp_path: Path) -> None:
    checkpoint().save(tmp_path / "last.safetensors")
    assert load_file(tmp_path / "last.safetensors").keys() == {
        "learned.head",
        "optimizer.0.exp_avg",
    }


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    state = json.dumps({"version": 2})
    save_file({"learned.head": torch.ones(1)}, path, {"lpt_checkpoint": state})
    with pytest.raises(RunError, match="checkpoint version 2, but this lpt reads 1"):
        Checkpoint.load(path)


@pytest.mark.parametrize("content", [b"", b"no safetensors"])
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "last.safetensors").write_bytes(content)
    with pytest.raises(RunError, match=r"last\.safetensors: damaged checkpoint"):
        Checkpoint.load(tmp_path / "last.safetensors")


def test_time_adds_up_by_stage() -> None:
    found = checkpoint().spent("phase1", 1.0).spent("phase2", 4.0)
    assert found.seconds == {"phase1": 3.0, "phase2": 4.0}


def test_the_trainable_state_leaves_out_the_backbone_and_is_a_copy() -> None:
    model = Model()
    state = trainable_state(model)
    assert state.keys() == {"head.weight", "head.bias"}
    nn.init.zeros_(model.head.weight)
    assert state["head.weight"].abs().sum() > 0
    load_trainable(model, state, "here")
    assert torch.equal(model.head.weight, state["head.weight"])


@pytest.mark.parametrize("change", [{"head.bias": torch.ones(4)}, {"tail": torch.ones(3)}])
def test_tensors_that_do_not_fit_change_nothing(change: dict[str, torch.Tensor]) -> None:
    model = Model()
    before = trainable_state(model)
    with pytest.raises(RunError, match=r"^here: its weights do not fit"):
        load_trainable(model, {name: t + 1 for name, t in before.items()} | change, "here")
    torch.testing.assert_close(trainable_state(model), before, atol=0, rtol=0)


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD])
def test_a_restored_optimiser_takes_the_same_step(kind: type[torch.optim.Optimizer]) -> None:
    options = {"momentum": 0.9} if kind is torch.optim.SGD else {}
    torch.manual_seed(0)
    model, copy = Model(), Model()
    copy.load_state_dict(model.state_dict())
    first, second = (kind(m.head.parameters(), lr=0.1, **options) for m in (model, copy))

    def step(own: Model, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        own.head(torch.ones(1, 2)).square().sum().backward()
        optimizer.step()

    step(model, first)
    copy.load_state_dict(model.state_dict())
    restore_optimizer(second, {n: t.clone() for n, t in optimizer_state(first).items()})
    step(model, first)
    step(copy, second)
    assert torch.equal(model.head.weight, copy.head.weight)


STATE = {
    "version": 1,
    "position": {"stage": 1, "epoch": 2, "step": 3},
    "sums": {"loss": 1.5},
    "seconds": {"phase1": 2.0},
    "best": [0.25, 1],
    "peak_memory": 7,
    "micro_batch": 4,
}
BAD = [
    {"position": {"stage": 1, "epoch": -1, "step": 0}},
    {"position": {"stage": 1, "epoch": 10**9, "step": 0}},
    {"position": {"stage": "1", "epoch": 0, "step": 0}},
    {"position": {"stage": 1, "epoch": 0}},
    {"position": []},
    {"sums": {"loss": "high"}},
    {"sums": {"loss": float("nan")}},
    {"seconds": {"phase1": -1}},
    {"seconds": None},
    {"best": [1]},
    {"best": ["high", 1]},
    {"best": [0.5, -1]},
    {"peak_memory": -1},
    {"micro_batch": 0},
    {"micro_batch": 1.5},
    {"more": 1},
]


def write_state(path: Path, text: str) -> Path:
    save_file({"learned.head": torch.ones(1)}, path, {"lpt_checkpoint": text})
    return path


@pytest.mark.parametrize("change", BAD, ids=str)
def test_metadata_outside_its_schema_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    path = write_state(tmp_path / "last.safetensors", json.dumps({**STATE, **change}))
    with pytest.raises(RunError, match=r"last\.safetensors: damaged checkpoint") as caught:
        Checkpoint.load(path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"version": "1"}', "1"])
def test_metadata_that_is_no_state_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="damaged checkpoint"):
        Checkpoint.load(write_state(tmp_path / "last.safetensors", text))


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    tensors = {"learned.head": torch.tensor([float("nan")])}
    save_file(tensors, path, {"lpt_checkpoint": json.dumps(STATE)})
    with pytest.raises(RunError, match=r"damaged checkpoint \(learned\.head is not finite"):
        Checkpoint.load(path)


@pytest.mark.parametrize(
    "position", [Position(1, 4), Position(1, 3, 1), Position(1, 2, 5), Position(0, 1)]
)
def test_a_position_outside_its_stage_is_refused(position: Position) -> None:
    with pytest.raises(RunError, match="there are 3 epochs of 5 steps"):
        Checkpoint(position, {}).check_within(1, 3, 5)
    for good in (Position(1), Position(1, 2, 4), Position(1, 3)):
        Checkpoint(good, {}).check_within(1, 3, 5)


@pytest.mark.parametrize(
    "change",
    [
        {"0.exp_avg": None},
        {"x.exp_avg": torch.ones(3)},
        {"99.exp_avg": torch.ones(3)},
        {"9999999999.exp_avg": torch.ones(3)},
        {"0.exp_avg": torch.ones(7)},
        {"0.more": torch.ones(())},
        {"0": torch.ones(())},
    ],
    ids=str,
)
def test_an_optimiser_state_that_does_not_fit_is_refused(
    change: dict[str, torch.Tensor | None],
) -> None:
    model = Model()
    optimizer = torch.optim.AdamW(model.head.parameters())
    model.head(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    flat = {**optimizer_state(optimizer), **change}
    with pytest.raises(RunError, match=r"^last\.safetensors: its optimiser state .*not fit"):
        restore_optimizer(
            optimizer, {k: v for k, v in flat.items() if v is not None}, "last.safetensors"
        )
