"""A budget is kept, or said to be too short; what was cut is told."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from lpt.config import RunConfig
from lpt.errors import ConfigError
from lpt.training.budget import MIN_EPOCHS, Pace, fit_budget, parse_budget, run_seconds

seconds = st.floats(1e-4, 2.0)
paces = st.builds(
    Pace,
    step=st.tuples(seconds, seconds),
    cached_step=seconds,
    view=seconds,
    image=st.tuples(seconds, seconds),
    class_counts=st.lists(st.integers(1, 2_000), min_size=2, max_size=25).map(tuple),
    val_images=st.integers(0, 5_000),
    test_images=st.integers(0, 5_000),
)


def run_of(
    one: int,
    two: int,
    batch: int,
    images: int | None,
    val: int,
    start: int,
    views: int,
    share: float = 0.0,
) -> RunConfig:
    return RunConfig().changed(
        {
            "phase1.epochs": one,
            "phase2.epochs": two,
            "phase1.batch_size": batch,
            "phase2.batch_size": 2 * batch,
            "phase1.epoch_images": images,
            "data.max_val_images": val,
            "classifier.init_images_per_class": start,
            "classifier.mean_weight": share,
            "phase2.cached_views": views,
        }
    )


configs = st.builds(
    run_of,
    st.integers(0, 90),
    st.integers(0, 90),
    st.integers(1, 64),
    st.none() | st.integers(1, 50_000),
    st.integers(1, 3_000),
    st.integers(1, 200),
    st.sampled_from([0, 4]),
    st.sampled_from([0.0, 0.5]),
)


def least(config: RunConfig, pace: Pace, views: int = 0) -> RunConfig:
    """The shortest run that a budget may leave: few epochs of one step, few other images."""
    changes: dict[str, int] = {
        "data.max_val_images": min(100, config.data.max_val_images),
        "classifier.init_images_per_class": min(10, config.classifier.init_images_per_class),
        "phase2.cached_views": views,
    }
    for name in ("phase1", "phase2"):
        phase = getattr(config, name)
        changes[f"{name}.epochs"] = min(phase.epochs, MIN_EPOCHS)
        changes[f"{name}.epoch_images"] = min(phase.epoch_images or phase.batch, phase.batch)
    return config.changed(changes)


VALIDATION_IN_THE_WAY = Pace(
    step=(1.0, 2.0),
    cached_step=1.0,
    view=1.0,
    image=(0.5, 0.5),
    class_counts=(1, 1416),
    val_images=720,
    test_images=127,
)
"""Its least run fits only where validation and starts are cut below their usual shares."""


@given(configs, paces, st.floats(0.01, 1.5))
@example(run_of(0, 68, 5, 1, 900, 11, 0), VALIDATION_IN_THE_WAY, 0.01)
def test_a_feasible_budget_is_kept_and_every_cut_is_told(config, pace, share):
    budget = share * run_seconds(config, pace)
    assume(run_seconds(least(config, pace), pace) <= budget)
    fitted, cuts = fit_budget(config, pace, budget)
    assert run_seconds(fitted, pace) <= budget
    told = " ".join(cuts)
    shown = min(config.data.max_val_images, pace.val_images)
    assert ("validation" in told) == (min(fitted.data.max_val_images, pace.val_images) < shown)
    started = min(config.classifier.init_images_per_class, max(pace.class_counts))
    starts = min(fitted.classifier.init_images_per_class, max(pace.class_counts))
    said = f"starts of classifier and keys from {starts} images a class instead of {started}"
    assert (said in told) == (starts < started)
    for name in ("phase1", "phase2"):
        before, after = getattr(config, name), getattr(fitted, name)
        assert after.epochs <= before.epochs
        assert (f"{name}: {after.epochs} epochs" in told) == (after.epochs < before.epochs)
        had = min(before.epoch_images or pace.train_images, pace.train_images)
        has = min(after.epoch_images or pace.train_images, pace.train_images)
        assert has <= had
        assert (f"{name}: {has:,} images an epoch instead of {had:,}" in told) == (has < had)


@given(configs, paces, st.floats(0.001, 0.99))
def test_an_infeasible_budget_is_refused_and_names_what_is_needed(config, pace, share):
    shortest = [least(config, pace, views) for views in (0, config.phase2.cached_views)]
    budget = share * min(run_seconds(one, pace) for one in shortest)
    assume(budget > 0)
    with pytest.raises(ConfigError, match=r"too short; .* needs about .* at least"):
        fit_budget(config, pace, budget)


@given(configs, paces)
def test_a_budget_with_room_changes_nothing(config, pace):
    config = config.changed({"phase2.cached_views": 0})
    assert fit_budget(config, pace, run_seconds(config, pace)) == (config, [])


def test_a_run_costs_its_steps_its_starts_and_what_is_scored():
    config = RunConfig().changed(
        {
            "phase1.epochs": 2,
            "phase2.epochs": 3,
            "phase1.batch_size": 10,
            "phase2.batch_size": 20,
            "phase2.cached_views": 0,
            "classifier.init_images_per_class": 10,
        }
    )
    pace = Pace(
        step=(1.0, 2.0),
        cached_step=0.5,
        view=0.01,
        image=(0.1, 0.2),
        class_counts=(89, 6),
        val_images=7,
        test_images=20,
    )
    fixed = 2 * (10 + 6) * 0.1 + 20 * 0.1 + 20 * 0.2  # starts of classifier and keys; test images
    first = 2 * (10 * 1 + 7 * 0.1) + 7 * 0.1  # validation images are scored once more at the end
    assert run_seconds(config, pace) == pytest.approx(
        fixed + first + 3 * (5 * 2 + 7 * 0.2) + 7 * 0.2
    )
    leaning = config.changed({"classifier.mean_weight": 0.5})
    assert run_seconds(leaning, pace) - run_seconds(config, pace) == pytest.approx(16 * 0.3)
    cached = config.changed({"phase2.cached_views": 4})
    assert run_seconds(cached, pace) == pytest.approx(
        fixed + first + 4 * 95 * 0.01 + 3 * (5 * 0.5 + 7 * 0.2) + 7 * 0.2
    )


@given(paces, st.integers(0, 30), st.sampled_from([("instance", 1), ("dual", 2)]))
def test_views_that_are_drawn_less_than_once_are_not_computed(pace, epochs, order):
    sampler, branches = order
    config = RunConfig().changed(
        {"phase2.epochs": epochs, "phase2.cached_views": 4, "phase2.sampler": sampler}
    )
    config = config.resolved(pace.train_images)
    fitted, told = fit_budget(config, pace, None)
    steps = -(-pace.train_images // config.phase2.batch)
    pays = branches * epochs * steps * config.phase2.batch > 4 * pace.train_images
    assert fitted.phase2.cached_views == (4 if pays else 0)
    assert bool(told) == (not pays)


@pytest.mark.parametrize(
    ("text", "wanted"), [("90s", 90), ("20m", 1200), ("1.5h", 5400), ("20", 1200), ("0.5m", 30)]
)
def test_budgets_are_read_with_their_unit(text, wanted):
    assert parse_budget(text) == wanted


@pytest.mark.parametrize("text", ["", "m", "-5m", "0", "nan", "inf", "1e99h", "5d", "20 minutes"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ConfigError, match=r"--budget .*: write a time such as 90s, 20m or 1.5h"):
        parse_budget(text)


def test_starts_from_many_classes_leave_most_of_a_budget_to_training():
    pace = Pace(
        step=(0.1, 0.1),
        cached_step=0.05,
        view=0.01,
        image=(0.01, 0.02),
        class_counts=(1000,) * 200,
        val_images=0,
        test_images=0,
    )
    config = RunConfig().resolved(pace.train_images)
    fitted, told = fit_budget(config, pace, 1200.0)  # 2 * 200 * 100 images took a third of it
    assert fitted.classifier.init_images_per_class == 30
    assert "starts of classifier and keys from 30 images a class instead of 100" in told
    plain = config.changed({"classifier.init": "uniform", "prompts.key_init": "normal"})
    assert fit_budget(plain, pace, 1200.0)[0].classifier.init_images_per_class == 100


def test_what_is_neither_trained_nor_scored_costs_nothing():
    pace = Pace((1.0, 9.0), 9.0, 9.0, (0.1, 9.0), class_counts=(40, 8), val_images=7, test_images=5)
    first = {"phase1.batch_size": 8, "phase2.batch_size": 8, "phase1.epochs": 1, "phase2.epochs": 0}
    config = RunConfig().changed({**first, "classifier.init": "uniform"})
    assert run_seconds(config, pace) == pytest.approx(6 * 1.0 + 7 * 0.1 + 7 * 0.1 + 5 * 0.1)
