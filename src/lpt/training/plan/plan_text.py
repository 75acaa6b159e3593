"""The text of `lpt train --plan`."""

from lpt.files.regular_files import size_text
from lpt.progress import human_time, plural
from lpt.training.plan.run_plan import PhasePlan, RunPlan

__all__ = ["render_run_plan"]


def render_run_plan(plan: RunPlan) -> str:
    """Write a plan for people, one line per fact.

    >>> phase = PhasePlan("phase1", 20, 50, 32, 32, 1.5, 800_000_000)
    >>> print(render_run_plan(RunPlan(1, 10**7, 4 * 10**7, 10**5, 10**6, (phase,),
    ...     2 * 10**9, 10**10, 8 * 10**9, 1700.0, 20.0)))
    parameters  10,000,000 frozen (40 MB), 100,000 trainable (1 MB in training)
    phase1      20 epochs of 50 steps of 32 images, 1.5 s each; 800 MB of activations
    memory      2 GB at most, of 10 GB that it can use
    disk        none for cached views
    time        28 min, after 20 s to open data and backbone and to time a few steps
    """
    each = "" if plan.processes == 1 else f" in each of {plan.processes} processes"
    free = "" if plan.free_bytes is None else f", of {size_text(plan.free_bytes)} that it can use"
    lines = [
        f"parameters  {plan.frozen_parameters:,} frozen ({size_text(plan.frozen_bytes)}), "
        f"{plan.trainable_parameters:,} trainable ({size_text(plan.trainable_bytes)} in "
        "training)",
        *map(_phase, plan.phases),
        f"memory      {size_text(plan.peak_bytes)} at most{each}{free}",
        *(_caches(plan) or ["disk        none for cached views"]),
        f"time        {human_time(plan.seconds)}, after {human_time(plan.opening_seconds)} to open "
        "data and backbone and to time a few steps",
    ]
    if not plan.fits:
        lines.append(
            "note        this does not fit. Set micro_batch or activation_checkpointing, lower "
            "batch_size, keep backbone_weights in bf16 or int8, or use a smaller backbone."
        )
    return "\n".join(lines)


def _phase(phase: PhasePlan) -> str:
    parts = "" if phase.at_once == phase.images else f", {phase.at_once} at a time"
    return (
        f"{phase.name:<11} {plural(phase.epochs, 'epoch')} of {plural(phase.steps, 'step')} of "
        f"{plural(phase.images, 'image')}{parts}, {phase.step_seconds:.2g} s each; "
        f"{size_text(phase.activation_bytes)} of activations"
    )


def _caches(plan: RunPlan) -> list[str]:
    return [_cache(phase, plan.cache_limit_bytes) for phase in plan.phases if phase.cached_views]


def _cache(phase: PhasePlan, room: int) -> str:
    views = f"{plural(phase.cached_views, 'view')} of each training image"
    text = f"disk        {size_text(phase.cache_bytes)} for {views}"
    if phase.cache_bytes > room:
        text += f"; there is room for {size_text(room)}, so fewer views are used"
    return text
