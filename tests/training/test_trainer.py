"""The trainer: phases in order, a phase 1 of another run, parameters and times of the record."""

import itertools
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from lpt.backbones import FrozenViT
from lpt.errors import RunError
from lpt.model.two_pass import LongTailedPromptModel
from lpt.progress import SilentReporter
from lpt.task_spec import PARAMETERS
from lpt.training.phases.phase1 import PHASE1
from lpt.training.phases.phase2 import PHASE2
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.training_context import TrainingContext
from lpt.training.summary import describe, summarise
from lpt.training.trainer import Trainer

from ..tiny import config, opened, tensors_of, train

OF_PHASE_2 = {"group_prompts", "keys", "early_weight", "early_bias"}


def test_a_run_that_takes_phase_1_ends_like_the_one_that_trained_it(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    """Adapters included."""
    both = config(photos, adapters__width=2, adapters__train_scale=True)
    train(both, tmp_path / "both", backbone)
    kept = load_file(tmp_path / "both/checkpoints/best-phase1-selected.safetensors")
    first = {
        name: kept[place]
        for name, place in PARAMETERS.items()
        if place in kept and name not in OF_PHASE_2
    }
    with opened(both, tmp_path / "second", backbone) as trainer:
        trainer.take_phase1(first, seconds=7.0, peak_memory=1)
        _, result = trainer.run()
    ours, theirs = tensors_of(tmp_path / "second"), tensors_of(tmp_path / "both")
    kept = [name for name in theirs if name.startswith(("task", "best-phase2"))]
    assert kept
    assert all(torch.equal(ours[name], theirs[name]) for name in kept)
    assert result.phase_seconds["phase1"] == 7.0


def test_the_time_of_a_phase_includes_initialisation_and_cache(
    photos: Path, backbone: FrozenViT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count(0, 1000)  # every interval that the trainer measures takes 1000 s
    clock = SimpleNamespace(monotonic=lambda: next(ticks))
    monkeypatch.setattr("lpt.training.trainer.time", clock)
    _, result = train(config(photos), tmp_path / "run", backbone)
    seconds = {phase: s // 1000 for phase, s in result.phase_seconds.items()}
    assert seconds == {"phase1": 3, "phase2": 3}  # initialisation, cache, class means


def test_a_run_with_a_checkpoint_keeps_its_own_phase_1(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    train(config(photos), tmp_path / "run", backbone)
    before = tensors_of(tmp_path / "run")
    with opened(config(photos), tmp_path / "run", backbone) as trainer:
        model = trainer.model
        prompts, classifier = model.shared.prompts, model.classifier.weight
        trainer.take_phase1({"shared_prompts": 0 * prompts, "classifier": 0 * classifier})
        trainer.run()
    after = tensors_of(tmp_path / "run")
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_prompts_of_another_shape_and_adapters_without_place_are_refused(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    with opened(config(photos), tmp_path / "run", backbone) as trainer:
        prompts = trainer.model.shared.prompts
        for found in ({"shared_prompts": prompts[:, :1]}, {"adapter_up_bias": prompts[:, 0]}):
            with pytest.raises(RunError, match=r"^phase 1: its weights do not fit"):
                trainer.take_phase1(found)
        assert not trainer.folder.last_file.exists()


def test_a_run_without_phase_2_counts_only_what_it_trains(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    """Neither group prompts nor keys are in its task file, its record or its description."""
    with opened(config(photos, phase2__epochs=0), tmp_path / "run", backbone) as trainer:
        described = describe(trainer)
        task, result = trainer.run()
        summary = summarise(trainer, task, result)
    prompts, classifier = 3 * 2 * 16, 4 * 16
    assert (result.prompt_parameters, result.other_parameters) == (prompts, classifier)
    record = json.loads((tmp_path / "run/results.json").read_text(encoding="utf-8"))
    assert (record["prompt_parameters"], record["other_parameters"]) == (prompts, classifier)
    tensors = load_file(tmp_path / "run/task.safetensors")
    assert sum(tensor.numel() for tensor in tensors.values()) == prompts + classifier
    for text in (described, summary):
        assert f"{prompts} prompt parameters and {classifier} others" in text


def test_a_run_with_both_phases_counts_every_tensor_of_its_task_file(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    task, result = train(config(photos), tmp_path / "run", backbone)
    tensors = load_file(tmp_path / "run/task.safetensors")
    assert result.parameters == sum(tensor.numel() for tensor in tensors.values())
    assert result.prompt_parameters == 3 * 2 * 16 + 4 * 2 * 2 * 16
    assert task.spec.metrics == result.metrics
    assert task.spec.phases == 2


def test_a_task_stores_scores_of_its_validation_images(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    task, result = train(config(photos), tmp_path / "run", backbone)
    scores = task.spec.validation.values()
    right, wrong = (sum(len(getattr(s, name)) for s in scores) for name in ("right", "wrong"))
    assert right + wrong == sum(len(s.own) for s in scores) > 0
    assert right / (right + wrong) == pytest.approx(result.metrics["phase2"]["val"]["overall"])


def test_adapters_are_trained_in_phase_1_kept_in_phase_2_and_stored_in_the_task(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    """Without `adapters.train_scale`, the scale keeps its value."""
    wanted = config(photos, adapters__width=2, adapters__scale=0.5)
    with opened(wanted, tmp_path / "run", backbone) as trainer:
        start = trainer.model.adapters.down.detach().clone()
        described = describe(trainer)
        task, result = trainer.run()
    tensors = load_file(tmp_path / "run/task.safetensors")
    first = load_file(tmp_path / "run/checkpoints/best-phase1-selected.safetensors")
    adapters = {name: value for name, value in tensors.items() if name.startswith("adapter")}
    assert len(adapters) == 5
    assert all(torch.equal(first[PARAMETERS[name]], value) for name, value in adapters.items())
    assert not torch.equal(adapters["adapter_down"], start)
    trained = adapters.keys() - {"adapter_scale"}
    assert all(adapters[name].abs().amax() > 0 for name in trained)
    assert adapters["adapter_scale"].tolist() == [0.5] * 3
    numbers = sum(adapters[name].numel() for name in trained)
    others = 4 * 16 + 4 * 16 + numbers  # keys and classifier
    assert result.other_parameters == others
    assert f"{others} others" in described
    assert task.spec.adapter_width == 2


def test_another_first_phase_is_a_replaced_description(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    """A phase 1 that starts at zero: nothing but the list of phases changes."""

    def start_at_zero(model: LongTailedPromptModel, context: TrainingContext) -> None:
        with torch.no_grad():
            model.shared.prompts.zero_()

    class ZeroTrainer(Trainer):
        phases = (replace(PHASE1, start=start_at_zero), PHASE2)

    settings = config(photos, phase1__epochs=0, phase2__epochs=0)
    context = TrainingContext(settings, SilentReporter(), device="cpu", backbone=backbone)
    run = RunFolder(tmp_path / "run")
    trainer = ZeroTrainer(context, run)
    run.create(trainer.config, trainer.identity())
    try:
        trainer.run()
    finally:
        run.release()
    assert not load_file(run.task_file)["shared_prompts"].any()


def test_trainer_and_context_cannot_disagree_about_the_configuration(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    pays = {"augment__mixup": 0, "phase2__cached_views": 50}
    with opened(config(photos, **pays), tmp_path / "run", backbone) as trainer:
        trainer.fit_budget(None)
        assert trainer.config is trainer.context.config
        assert trainer.config.phase2.cached_views == 0
        with pytest.raises(AttributeError):
            trainer.config = config(photos)
