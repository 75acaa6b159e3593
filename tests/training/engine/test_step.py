"""Micro-batches: the same step in parts, also after memory has run out."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.errors import TrainingError
from lpt.training.engine.stage import Progress, Stage
from lpt.training.engine.step import MicroBatch, train_step
from lpt.training.engine.step_batch import Inputs, StepBatch
from lpt.training.run import device_setup as launch
from lpt.training.run.device_setup import make_accelerator

from ...contracts.test_stages import STAGES
from ...tiny import config, opened, tensors_of, train

IMAGES = torch.randn(12, 3, 16, 16, generator=torch.Generator().manual_seed(8))
LABELS = torch.tensor([0, 1, 2, 0, 1, 0] * 2)
CPU_ERROR = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 TB")
GPU_ERROR = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")


@pytest.fixture(params=STAGES)
def make(request: pytest.FixtureRequest) -> Callable[[str, float], Stage]:
    torch.manual_seed(1)
    return STAGES[request.param]


def step_of(
    stage: Stage,
    images: int | None,
    notify: Callable[[str], None] = lambda _: None,
    precision: str = "auto",
) -> tuple[dict[str, float], list[Tensor]]:
    """Return the terms and weight changes of a step in micro-batches, from the same start."""
    trainable = [p for group in stage.param_groups().values() for p in group]
    start = [p.detach().clone() for p in trainable]
    values = train_step(
        make_accelerator(precision, "cpu"),
        stage,
        torch.optim.SGD(trainable, lr=1.0),
        {"images": IMAGES},
        LABELS,
        Progress(1, 4),
        seed=7,
        micro=MicroBatch(images, notify),
    )
    moved = [p.detach() - s for p, s in zip(trainable, start, strict=True)]
    with torch.no_grad():
        for parameter, value in zip(trainable, start, strict=True):
            parameter.copy_(value)
    return values, moved


def with_dropout(stage: Stage) -> Stage:
    if hasattr(stage, "model"):
        stage.model.classifier.dropout = 0.3
    return stage.train()


@pytest.mark.parametrize("images", [1, 4, 5, 12, 100])
@pytest.mark.parametrize(("sampler", "mixup"), [("balanced", 0.0), ("dual", 0.0), ("dual", 0.4)])
def test_any_parts_give_the_step_of_the_whole(make, sampler, mixup, images):
    """Noise, dropout and partners included; parts that end within a branch or hold one image."""
    stage = with_dropout(make(sampler, mixup))
    whole, wanted = step_of(stage, None)
    values, found = step_of(stage, images)
    assert values.keys() == whole.keys()
    for name, value in whole.items():
        assert values[name] == pytest.approx(value, rel=1e-6)
    for one, other in zip(found, wanted, strict=True):
        assert (one - other).abs().max() <= 1e-6 * other.abs().max()


def out_of_memory_above(monkeypatch, stage: Stage, most: int, error: RuntimeError) -> list[int]:
    """Let a stage run out of memory for more images than `most`, after drawing random numbers."""
    sizes: list[int] = []
    output = stage.output

    def fail(inputs):
        sizes.append(len(next(iter(inputs.values()))))
        if sizes[-1] > most:
            torch.rand(3)
            raise error
        return output(inputs)

    monkeypatch.setattr(stage, "output", fail)
    return sizes


@pytest.mark.parametrize("error", [CPU_ERROR, GPU_ERROR])
def test_a_step_that_exceeds_memory_is_repeated_in_parts_with_the_same_result(
    make, error, monkeypatch
):
    stage, messages = with_dropout(make("dual", 0.4)), []
    _, wanted = step_of(stage, 3)
    sizes = out_of_memory_above(monkeypatch, stage, 3, error)
    _, found = step_of(stage, None, messages.append)
    assert sizes == [12, 6, 3, 3, 3, 3]
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))
    assert len(messages) == 1
    assert "out of memory with 12 images at once" in messages[0]
    assert "micro-batch reduced to 3 (same optimisation step)" in messages[0]


@pytest.fixture
def in_bf16(monkeypatch: pytest.MonkeyPatch) -> Iterator[Accelerator]:
    """Accelerate keeps one precision per process; it is reset before and after."""
    monkeypatch.setattr(launch, "cpu_has_bf16", lambda: True)
    AcceleratorState._reset_state(reset_partial_state=True)
    yield make_accelerator("bf16", "cpu")
    AcceleratorState._reset_state(reset_partial_state=True)


def test_bf16_steps_move_the_weights_nearly_as_float32_ones_do(make, request):
    stage = make("dual", 0.4).train()
    _, wanted = step_of(stage, None)
    request.getfixturevalue("in_bf16")
    _, found = step_of(stage, 5, precision="bf16")
    for one, other in zip(found, wanted, strict=True):
        assert 0 < (one - other).norm() <= 0.1 * other.norm()


def test_a_run_in_bf16_trains_both_phases(in_bf16, photos: Path, backbone, tmp_path: Path):
    _, result = train(config(photos).changed({"precision": "bf16"}), tmp_path / "r", backbone)
    assert result.metrics.keys() == {"phase1", "phase2"}
    assert all(
        t.dtype == torch.float32
        for t in tensors_of(tmp_path / "r").values()
        if t.is_floating_point()
    )


def test_later_steps_keep_the_size_without_another_message(make, monkeypatch):
    stage, messages = make("dual", 0.0).train(), []
    sizes = out_of_memory_above(monkeypatch, stage, 6, GPU_ERROR)
    micro = MicroBatch(None, messages.append)
    for _ in range(2):
        train_step(
            make_accelerator("auto", "cpu"),
            stage,
            None,
            {"images": IMAGES},
            LABELS,
            Progress(0, 4),
            seed=7,
            micro=micro,
        )
    assert micro.images == 6
    assert sizes == [12, 6, 6, 6, 6]
    assert len(messages) == 1


def test_one_image_that_is_too_much_is_an_error(make, monkeypatch):
    stage = make("dual", 0.0).train()
    sizes = out_of_memory_above(monkeypatch, stage, 0, GPU_ERROR)
    with pytest.raises(TrainingError, match=rf"{stage.name}: out of memory with 12 .* Lower"):
        step_of(stage, None)
    assert sizes == [12, 6, 3, 1]
    assert all(p.grad is None for p in stage.parameters())


@pytest.fixture
def halving(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Phase 2 runs out of memory in its third step, and at more than five images from then on."""
    from lpt.training.phases.prompt_stages import GroupStage

    output, steps = GroupStage.output, []

    def fail(self, inputs):
        if self.training and torch.is_grad_enabled():
            steps.append(len(inputs["tokens"]))
            if len(steps) > 2 and steps[-1] > 5:
                raise GPU_ERROR
        return output(self, inputs)

    monkeypatch.setattr(GroupStage, "output", fail)
    return steps


@pytest.mark.slow
def test_a_run_whose_memory_ran_out_goes_on_bit_identical(
    halving, photos: Path, backbone: FrozenViT, tmp_path: Path, monkeypatch
):
    """The size found is in the checkpoint: a resumed run computes the same parts."""
    from lpt.training.run.run_folder import RunFolder

    whole, parted = tmp_path / "whole", tmp_path / "killed"
    train(config(photos), whole, backbone)
    halving.clear()
    save, saved = RunFolder.save, []

    def kill(self, checkpoint):
        save(self, checkpoint)
        saved.append(checkpoint)
        if checkpoint.position.stage == 1 and checkpoint.micro_batch:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "save", kill)
        with pytest.raises(KeyboardInterrupt):
            train(config(photos), parted, backbone)
    assert saved[-1].micro_batch == 4
    with opened(config(photos), parted, backbone) as trainer:
        trainer.run()
    expected, found = tensors_of(whole), tensors_of(parted)
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []


def test_the_setting_reaches_the_steps(photos: Path, backbone, tmp_path: Path, monkeypatch):
    sizes: set[int | None] = set()
    parts = StepBatch.parts

    def watched(self: StepBatch, images: int | None) -> Iterator[StepBatch]:
        sizes.add(images)
        return parts(self, images)

    monkeypatch.setattr(StepBatch, "parts", watched)
    settings = {"phase1.epochs": 1, "phase2.epochs": 0, "micro_batch": 3}
    train(config(photos).changed(settings), tmp_path / "run", backbone)
    assert sizes == {3}


def test_threads_do_not_take_each_others_random_numbers(make) -> None:
    """Each step draws what its seed determines, whatever other threads draw meanwhile."""

    def draws(stage: Stage, seed: int) -> list[Tensor]:
        numbers, draw = [], stage.draw

        def recorded(inputs: Inputs, labels: Tensor) -> StepBatch:
            step = draw(inputs, labels)
            drawn = [step.inputs["images"], step.share, step.noise]
            numbers.append(torch.cat([t.flatten() for t in drawn if t is not None]))
            return step

        stage.draw = recorded
        accelerator = make_accelerator("auto", "cpu")
        inputs, progress = {"images": IMAGES}, Progress(0, 4)
        for number in range(20):
            train_step(accelerator, stage, None, inputs, LABELS, progress, seed=seed + number)
        stage.draw = draw
        return numbers

    stages, seeds = [with_dropout(make("dual", 0.4)) for _ in range(2)], (0, 1000)
    wanted = [draws(stage, seed) for stage, seed in zip(stages, seeds, strict=True)]
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(draws, stages, seeds))
    for ours, expected in zip(found, wanted, strict=True):
        assert all(torch.equal(one, other) for one, other in zip(ours, expected, strict=True))


def test_dropout_within_an_encoder_follows_the_seed_of_the_step(make):
    """Layers of other packages draw as they compute."""
    stage = make("balanced", 0.0).train()
    module = next(iter(m for m in stage.modules() if isinstance(m, nn.LayerNorm)))
    module.register_forward_hook(lambda _, __, value: dropout(value))
    stage.add_module("dropout", dropout := nn.Dropout(0.5))
    found = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        found.append(step_of(stage, None)[1])
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))
