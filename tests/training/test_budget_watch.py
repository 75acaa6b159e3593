"""A run that becomes slower than planned ends in time, and what was cut can be repeated."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lpt.backbones import FrozenViT
from lpt.errors import ConfigError, RunError
from lpt.progress import SilentReporter
from lpt.training.budget_watch import RESERVE, BudgetWatch, keep_budget, plan_time, resumed_watch
from lpt.training.deadline import Deadline
from lpt.training.estimate import Pace, PhasePace, cache_seconds
from lpt.training.pace import measure_pace
from lpt.training.phases.build_stages import PHASES
from lpt.training.run.run_folder import RunFolder
from lpt.training.trainer import Trainer

from ..tiny import Killed, config, opened, tensors_of, train

STEP = 1.0


class Ticking:
    """A clock on which every look takes a second, and more after a while."""

    def __init__(self, slower_after: int = 10**9, tick: float = 50.0) -> None:
        self.now, self.looks, self.slower_after, self.tick = 0.0, 0, slower_after, tick

    def __call__(self) -> float:
        self.looks += 1
        self.now += STEP if self.looks < self.slower_after else self.tick
        return self.now


def pace_of(trainer: Trainer, **other: float) -> Pace:
    data = trainer.context.data.splits
    times = tuple(PhasePace(phase, step=STEP, image=0.001) for phase in PHASES)
    return Pace(
        (times[0], replace(times[1], **other)),
        tuple(trainer.context.counts.tolist()),
        len(data["val"]),
        len(data["test"]),
    )


def watched(trainer: Trainer, seconds: float, clock: Ticking) -> None:
    trainer.watch = BudgetWatch(Deadline(seconds, 0.0, clock), pace_of(trainer))


def test_what_the_clock_cuts_is_recorded_and_trains_to_the_same_bits_again(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    asked = config(photos, phase1__epochs=4, phase2__epochs=4)
    with opened(asked, tmp_path / "run", backbone) as trainer:
        watched(trainer, 40.0, Ticking(slower_after=8, tick=4.0))
        trainer.run()
    kept = RunFolder(tmp_path / "run").read_config()
    assert kept.phase1.short_epochs
    assert kept.phase2.short_epochs
    train(kept, tmp_path / "again", backbone)
    ours, theirs = tensors_of(tmp_path / "run"), tensors_of(tmp_path / "again")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_cut_run_that_dies_resumes_with_its_cuts(
    photos: Path, backbone: FrozenViT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = config(photos, phase1__epochs=4, phase2__epochs=4)

    def dies(*_: object) -> None:
        raise Killed

    with opened(asked, tmp_path / "run", backbone) as trainer:
        watched(trainer, 40.0, Ticking(slower_after=8, tick=4.0))
        monkeypatch.setattr("lpt.training.trainer.interpolate_with_class_means", dies)
        with pytest.raises(Killed):
            trainer.run()
    monkeypatch.undo()
    with opened(asked, tmp_path / "run", backbone) as trainer:
        trainer.run()
    kept = RunFolder(tmp_path / "run").read_config()
    assert kept.phase1.short_epochs
    assert not kept.phase2.short_epochs
    train(kept, tmp_path / "again", backbone)
    ours, theirs = tensors_of(tmp_path / "run"), tensors_of(tmp_path / "again")
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


class Fast(Ticking):
    """A clock on which a step takes a tenth of what was measured."""

    def __init__(self) -> None:
        super().__init__(slower_after=0, tick=STEP / 10)


def test_epochs_that_come_back_are_recorded_and_train_to_the_same_bits_again(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    planned = config(photos, phase1__epochs=4, phase2__epochs=4)
    with opened(planned, tmp_path / "run", backbone) as trainer:
        trainer.context.reporter = Notes()
        asked = {"phase1": 9, "phase2": 6}
        trainer.watch = BudgetWatch(Deadline(1e4, 0.0, Fast()), pace_of(trainer), asked)
        trainer.run()
        assert any(
            "phase1: 9 epochs instead of 4" in text for text in trainer.context.reporter.messages
        )
    kept = RunFolder(tmp_path / "run").read_config()
    assert (kept.phase1.epochs, kept.phase2.epochs) == (9, 6)
    assert not kept.phase1.short_epochs
    train(kept, tmp_path / "again", backbone)
    ours, theirs = tensors_of(tmp_path / "run"), tensors_of(tmp_path / "again")
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_phase_whose_first_epoch_depends_on_their_number_gets_no_epochs_back(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    for name, warmup in (("none", 0.0), ("long", 2.0)):
        planned = config(photos, phase1__epochs=4, phase1__optim__warmup_epochs=warmup)
        with opened(planned, tmp_path / name, backbone) as trainer:
            watch = BudgetWatch(Deadline(1e4, 0.0, Fast()), pace_of(trainer), {"phase1": 9})
            assert watch.clock(planned, PHASES[0], lambda _: None).most == 0


def test_a_resumed_run_watches_what_is_left_of_its_budget(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    with opened(config(photos), tmp_path / "run", backbone) as trainer:
        trainer.context.reporter = Notes()
        asked = {"phase1": 5, "phase2": 7}
        folder = trainer.folder.path
        parts = trainer.context, PHASES, trainer.stage, folder
        assert resumed_watch(*parts, time_ago(0.0)) is None
        keep_budget(folder, BudgetWatch(Deadline(600.0, 0.0), pace_of(trainer), asked))
        watch = resumed_watch(*parts, time_ago(480.0))
        assert watch is not None
        assert watch.asked == asked
        assert watch.deadline.end - time.monotonic() == pytest.approx(108.0, abs=20.0)
        assert "2 min of 10 min left" in trainer.context.reporter.messages[-1]
        (folder / "budget.json").write_text('{"seconds": "all"}')
        with pytest.raises(RunError, match=r"budget\.json: .*Remove it"):
            resumed_watch(*parts, time_ago(0.0))


def test_a_run_in_time_is_as_without_a_budget(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    with opened(config(photos), tmp_path / "run", backbone) as trainer:
        watched(trainer, 1e6, Ticking())
        trainer.run()
    train(config(photos), tmp_path / "free", backbone)
    ours, theirs = tensors_of(tmp_path / "run"), tensors_of(tmp_path / "free")
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_cached_views_that_would_take_too_long_now_are_dropped(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    asked = config(photos, phase2__cached_views=2, augment__mixup=0)
    with opened(asked, tmp_path / "run", backbone) as trainer:
        pace = pace_of(trainer, view=0.5, cached_step=STEP)
        needed = cache_seconds(asked, pace, pace.phases[1])
        for seconds, fits in ((4 * needed, True), (1.2 * needed, False)):
            watch = BudgetWatch(Deadline(seconds, 0.0, lambda: 0.0), pace)
            assert watch.has_time_for_cache(asked, PHASES[1]) == fits
            assert watch.has_time_for_cache(asked, PHASES[0])  # has none
        trainer.watch = BudgetWatch(Deadline(1.2 * needed, 0.0, lambda: 0.0), pace)
        trainer.run()
        assert trainer.config.phase2.cached_views == 0
    assert RunFolder(tmp_path / "run").read_config().phase2.cached_views == 0


class Notes(SilentReporter):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


@pytest.fixture
def trainer(photos: Path, backbone: FrozenViT, tmp_path: Path) -> Iterator[Trainer]:
    with opened(config(photos), tmp_path / "run", backbone) as made:
        made.context.reporter = Notes()
        yield made


def test_what_has_passed_before_the_plan_counts(trainer: Trainer) -> None:
    deadline = Deadline(100.0, 0.0, lambda: 40.0)
    watch = BudgetWatch(deadline, measure_pace(trainer.context, PHASES, trainer.stage))
    assert watch.unplanned == pytest.approx(40.0 + 100 * RESERVE)


def test_a_budget_that_is_over_at_the_start_is_refused_without_measuring(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lpt.training.budget_watch.measure_pace", None)
    with pytest.raises(ConfigError, match=r"budget 1 s: too short; opening .* took 17 min"):
        plan_time(trainer.context, PHASES, trainer.stage, 1.0, began=time_ago(1000.0))


def test_a_budget_of_which_too_little_is_left_is_refused_with_what_is_needed(
    trainer: Trainer,
) -> None:
    with pytest.raises(ConfigError, match=r"budget 17 min: too short; .* at least 18 min"):
        plan_time(trainer.context, PHASES, trainer.stage, 1020.0, began=time_ago(1015.0))


def test_the_plan_says_what_is_over_and_what_measuring_took(trainer: Trainer) -> None:
    watch, _ = plan_time(trainer.context, PHASES, trainer.stage, 3600.0, began=time_ago(120.0))
    assert watch is not None
    assert 120 <= watch.deadline.spent < 180
    messages = trainer.context.reporter.messages
    assert messages[0].startswith("budget    60 min, 2 min of it used so far; measuring the speed ")
    assert messages[-1].startswith("estimate  ")


def test_without_a_budget_no_clock_is_watched(trainer: Trainer) -> None:
    assert plan_time(trainer.context, PHASES, trainer.stage, None)[0] is None


def time_ago(seconds: float) -> float:
    return time.monotonic() - seconds
