"""The text of a plan names what does not fit."""

from dataclasses import replace

from lpt.training.plan.plan_text import render_run_plan
from lpt.training.plan.run_plan import PhasePlan, RunPlan

PHASE = PhasePlan("phase2", 20, 50, 64, 16, 1.5, 800_000_000, 4, 20 * 10**9)
PLAN = RunPlan(2, 10**7, 10**7, 10**5, 10**6, (PHASE,), 2 * 10**9, 10**9, 8 * 10**9, 1700.0, 20.0)
"""Frozen weights in int8."""


def test_what_does_not_fit_has_a_remedy():
    text = render_run_plan(PLAN)
    assert "2 GB at most in each of 2 processes, of 1 GB" in text
    assert "does not fit. Set micro_batch" in text
    assert (
        "20 GB for 4 views of each training image; there is room for 8 GB, so fewer views" in text
    )
    assert "16 at a time" in text
    assert "10,000,000 frozen (10 MB)" in text


def test_a_run_that_fits_has_no_note():
    text = render_run_plan(replace(PLAN, free_bytes=None, phases=(replace(PHASE, cached_views=0),)))
    assert "note" not in text
    assert "disk        none for cached views" in text
    assert "that it can use" not in text
