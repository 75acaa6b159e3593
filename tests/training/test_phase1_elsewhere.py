"""Phase 1 is trained once; other runs go on from it as if it were their own."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from lpt.backbones import FrozenViT
from lpt.errors import RunError

from ..tiny import config, opened, tensors_of, train


def test_a_run_that_takes_phase_1_ends_like_the_one_that_trained_it(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    train(config(photos), tmp_path / "both", backbone)
    first = load_file(tmp_path / "both/checkpoints/best-phase1-selected.safetensors")
    with opened(config(photos), tmp_path / "second", backbone) as trainer:
        trainer.take_phase1(
            first["shared.prompts"], first["classifier.weight"], seconds=7.0, peak_memory=1
        )
        _, result = trainer.run()
    ours, theirs = tensors_of(tmp_path / "second"), tensors_of(tmp_path / "both")
    kept = [name for name in theirs if name.startswith(("task", "best-phase2"))]
    assert kept
    assert all(torch.equal(ours[name], theirs[name]) for name in kept)
    assert result.phase_seconds["phase1"] == 7.0


def test_seconds_of_a_phase_count_where_it_starts_and_its_cache(
    photos: Path, backbone: FrozenViT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count(0, 1000)  # whatever the session itself times takes 1000 s
    clock = SimpleNamespace(monotonic=lambda: next(ticks))
    monkeypatch.setattr("lpt.training.trainer.time", clock)
    _, result = train(config(photos), tmp_path / "run", backbone)
    seconds = {phase: s // 1000 for phase, s in result.phase_seconds.items()}
    assert seconds == {"phase1": 3, "phase2": 3}  # start, cache or neither, means


def test_a_run_that_has_begun_keeps_its_own(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    train(config(photos), tmp_path / "run", backbone)
    before = tensors_of(tmp_path / "run")
    with opened(config(photos), tmp_path / "run", backbone) as trainer:
        zero = {name: torch.zeros_like(value) for name, value in trainer.model.named_parameters()}
        trainer.take_phase1(zero["shared.prompts"], zero["classifier.weight"])
        trainer.run()
    after = tensors_of(tmp_path / "run")
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_prompts_of_another_shape_are_refused(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    with opened(config(photos), tmp_path / "run", backbone) as trainer:
        prompts = trainer.model.shared.prompts
        with pytest.raises(RunError, match=r"^phase 1: its weights do not fit"):
            trainer.take_phase1(prompts[:, :1], trainer.model.classifier.weight)
        assert not trainer.folder.last_file.exists()
