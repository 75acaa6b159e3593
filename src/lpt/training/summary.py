"""What a person reads at the end of a run."""

from lpt.evaluation import COLUMNS, render_table
from lpt.task import Task
from lpt.training.reporting import human_time
from lpt.training.session import Result, Session

__all__ = ["LABELS", "result_rows", "summarise"]

LABELS = {"phase1": "shared prompt only", "phase2": "shared + group prompts"}

Row = dict[str, str | float | int | None]


def result_rows(result: Result, data: str) -> list[Row]:
    """Rows of a table: a phase each, scored on "val" or "test"."""
    return [
        {"model": LABELS[phase], **scores[data]}
        for phase, scores in result.metrics.items()
        if data in scores
    ]


def summarise(session: Session, task: Task, result: Result) -> str:
    """Table of the phases, cost, files and the next commands."""
    data = "test" if any("test" in scores for scores in result.metrics.values()) else "val"
    columns = [c for c in COLUMNS if c.key not in ("params", "seconds")]
    path = session.folder.path
    lines = [
        "",
        f"{data} images of {session.bench.data.name}",
        render_table(result_rows(result, data), columns, groups=task.groups),
        "",
        f"trained      {result.prompt_parameters:,} prompt parameters and "
        f"{result.other_parameters:,} in keys and classifier, in {human_time(result.seconds)}",
        f"prompt file  {session.folder.task_file} ({result.task_bytes / 1e6:.2f} MB)",
        "",
        "next",
        f"  lpt predict {path} IMAGE...",
        f"  lpt evaluate {path}",
    ]
    return "\n".join(lines)
