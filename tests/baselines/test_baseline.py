"""The description of a baseline declares which settings of a run decide its result."""

from lpt.baselines import COMMON_READS, Baseline


def train(trainer):
    raise NotImplementedError


def test_common_settings_are_always_declared():
    baseline = Baseline(train, {"lr": 1.0}, reads=("prompts", "augment"))
    assert baseline.reads == (*COMMON_READS, "prompts")


def test_a_declared_section_covers_its_settings():
    baseline = Baseline(train, {"lr": 1.0}, reads=("prompts", "phase1.optim"))
    read = ("prompts", "prompts.length", "phase1.optim.lr", "augment.flip", "seed")
    assert all(baseline.depends_on(name) for name in read)
    others = ("phase1", "phase1.epochs", "phase2.optim.lr", "selection", "data.workers")
    assert not any(baseline.depends_on(name) for name in others)


def test_the_common_stages_are_one():
    assert Baseline(train, {"lr": 1.0}).stage_epochs(5, None) == (5,)
