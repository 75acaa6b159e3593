"""What runs are called, and which of them take about the same time."""

from lpt.studies.plan.plan_runs import StudyRun

__all__ = ["kind_of", "title_of"]


def kind_of(run: StudyRun) -> str:
    """Return what decides the duration of a run; runs of one kind take about the same time."""
    phase1 = run.baseline is None and run.start is None
    return f"{run.line.row.method} {run.line.backbone} {run.part} {phase1} {run.epochs}"


def title_of(run: StudyRun) -> str:
    """Return the name of a run for people: its row, and its seed or its purpose."""
    alone = run.line.row.method == "lpt" and run.start is None and run.config.phase1.epochs
    label = f"{run.line.label} (phase 1)" if alone else run.line.label
    if run.part == "selection":
        return f"{label}, learning-rate selection"
    return f"{label}, seed {run.config.seed}"
