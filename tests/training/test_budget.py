"""A budget is kept or refused as too short, and every cut is reported."""

from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from lpt.config import RunConfig
from lpt.errors import ConfigError
from lpt.training.budget import MIN_EPOCHS, fit_budget
from lpt.training.estimate import Pace, PhasePace, run_seconds
from lpt.training.phases.build_stages import PHASES

seconds = st.floats(1e-4, 2.0)
phase_paces = [
    st.builds(
        PhasePace, st.just(phase), step=seconds, image=seconds, view=seconds, cached_step=seconds
    )
    for phase in PHASES
]
paces = st.builds(
    Pace,
    phases=st.tuples(*phase_paces),
    class_counts=st.lists(st.integers(1, 2_000), min_size=2, max_size=25).map(tuple),
    val_images=st.integers(0, 5_000),
    test_images=st.integers(0, 5_000),
)


def pace_of(
    step: tuple[float, float],
    image: tuple[float, float],
    view: float,
    cached_step: float,
    **sizes: Any,
) -> Pace:
    """Times of both phases; only phase 2 can cache views."""
    first = PhasePace(PHASES[0], step[0], image[0])
    return Pace((first, PhasePace(PHASES[1], step[1], image[1], view, cached_step)), **sizes)


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
        changes[f"{name}.epoch_images"] = min(
            phase.epoch_images or phase.batch_size, phase.batch_size
        )
    return config.changed(changes)


VALIDATION_IN_THE_WAY = pace_of(
    step=(1.0, 2.0),
    cached_step=1.0,
    view=1.0,
    image=(0.5, 0.5),
    class_counts=(1, 1416),
    val_images=720,
    test_images=127,
)
"""Its shortest run only fits if validation and initialisation get less than their usual share."""


@given(configs, paces, st.floats(0.01, 1.5))
@example(run_of(0, 68, 5, 1, 900, 11, 0), VALIDATION_IN_THE_WAY, 0.01)
def test_a_feasible_budget_is_kept_and_every_cut_is_reported(config, pace, share):
    budget = share * run_seconds(config, pace)
    assume(run_seconds(least(config, pace), pace) <= budget)
    fitted, cuts = fit_budget(config, pace, budget)
    assert run_seconds(fitted, pace) <= budget
    reported = " ".join(cuts)
    validated = min(config.data.max_val_images, pace.val_images)
    left = min(fitted.data.max_val_images, pace.val_images)
    assert ("validation" in reported) == (left < validated)
    before = min(config.classifier.init_images_per_class, max(pace.class_counts))
    after = min(fitted.classifier.init_images_per_class, max(pace.class_counts))
    cut = f"initialisation from {after} images per class instead of {before}"
    assert (cut in reported) == (after < before)
    for name in ("phase1", "phase2"):
        before, after = getattr(config, name), getattr(fitted, name)
        assert after.epochs <= before.epochs
        assert (f"{name}: {after.epochs} epochs" in reported) == (after.epochs < before.epochs)
        had = min(before.epoch_images or pace.train_images, pace.train_images)
        has = min(after.epoch_images or pace.train_images, pace.train_images)
        assert has <= had
        assert (f"{name}: {has:,} images per epoch instead of {had:,}" in reported) == (has < had)


@given(configs, paces, st.floats(0.001, 0.99))
def test_an_infeasible_budget_is_refused_and_names_what_is_needed(config, pace, share):
    shortest = [least(config, pace, views) for views in (0, config.phase2.cached_views)]
    budget = share * min(run_seconds(one, pace) for one in shortest)
    assume(budget > 0)
    with pytest.raises(ConfigError, match=r"too short; .* needs at least"):
        fit_budget(config, pace, budget)


@given(configs, paces)
def test_a_budget_with_room_changes_nothing(config, pace):
    config = config.changed({"phase2.cached_views": 0})
    assert fit_budget(config, pace, run_seconds(config, pace)) == (config, [])


def test_the_estimate_adds_steps_initialisation_and_evaluation():
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
    pace = pace_of(
        step=(1.0, 2.0),
        cached_step=0.5,
        view=0.01,
        image=(0.1, 0.2),
        class_counts=(89, 6),
        val_images=7,
        test_images=20,
    )
    fixed = 2 * (10 + 6) * 0.1 + 20 * 0.1 + 20 * 0.2  # initialisation; test images
    first = 2 * (10 * 1 + 7 * 0.1) + 7 * 0.1  # validation images are scored once more at the end
    assert run_seconds(config, pace) == pytest.approx(
        fixed + first + 3 * (5 * 2 + 7 * 0.2) + 7 * 0.2
    )
    with_means = config.changed({"classifier.mean_weight": 0.5})
    assert run_seconds(with_means, pace) - run_seconds(config, pace) == pytest.approx(16 * 0.3)
    cached = config.changed({"phase2.cached_views": 4})
    assert run_seconds(cached, pace) == pytest.approx(
        fixed + first + 4 * 95 * 0.01 + 3 * (5 * 0.5 + 7 * 0.2) + 7 * 0.2
    )


@given(paces, st.integers(0, 30), st.sampled_from([("instance", 1), ("dual", 2)]))
def test_views_that_are_drawn_less_than_once_are_not_computed(pace, epochs, sampling):
    sampler, branches = sampling
    config = RunConfig().changed(
        {"phase2.epochs": epochs, "phase2.cached_views": 4, "phase2.sampler": sampler}
    )
    config = config.resolved(pace.train_images)
    fitted, cuts = fit_budget(config, pace, None)
    steps = -(-pace.train_images // config.phase2.batch_size)
    pays = branches * epochs * steps * config.phase2.batch_size > 4 * pace.train_images
    assert fitted.phase2.cached_views == (4 if pays else 0)
    assert bool(cuts) == (not pays)


def test_initialisation_of_many_classes_leaves_most_of_a_budget_to_training():
    pace = pace_of(
        step=(0.1, 0.1),
        cached_step=0.05,
        view=0.01,
        image=(0.01, 0.02),
        class_counts=(1000,) * 200,
        val_images=0,
        test_images=0,
    )
    config = RunConfig().resolved(pace.train_images)
    fitted, cuts = fit_budget(config, pace, 1200.0)  # 2 * 200 * 100 images took a third of it
    assert fitted.classifier.init_images_per_class == 30
    assert "initialisation from 30 images per class instead of 100" in cuts
    plain = config.changed({"classifier.init": "uniform", "prompts.key_init": "normal"})
    assert fit_budget(plain, pace, 1200.0)[0].classifier.init_images_per_class == 100


def test_a_phase_that_is_not_trained_takes_no_time():
    sizes = {"class_counts": (40, 8), "val_images": 7, "test_images": 5}
    pace = pace_of((1.0, 9.0), (0.1, 9.0), 9.0, 9.0, **sizes)
    first = {"phase1.batch_size": 8, "phase2.batch_size": 8, "phase1.epochs": 1, "phase2.epochs": 0}
    config = RunConfig().changed({**first, "classifier.init": "uniform"})
    assert run_seconds(config, pace) == pytest.approx(6 * 1.0 + 7 * 0.1 + 7 * 0.1 + 5 * 0.1)
