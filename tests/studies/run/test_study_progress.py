"""Progress counts runs and estimates the time left."""

from lpt.progress import SilentReporter
from lpt.studies.run.study_progress import StudyProgress


class Recorder(SilentReporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)

    def begin(self, task: str, total: int, done: int = 0, unit: str = "steps") -> None:
        self.lines.append(f"bar {task} {done}/{total} {unit}")


def test_runs_are_numbered_and_the_time_left_is_estimated():
    recorder = Recorder()
    left = ["a", "a", "b"]
    progress = StudyProgress(recorder, lambda: (4 - len(left) - 1, left))
    reporter = progress.begin("LPT, seed 0")
    reporter.begin("phase 1", 10, 2)
    reporter.message("dropped")
    left.pop(0)
    progress.finished("a", 60.0, "overall 50.0 %")
    assert recorder.lines[:2] == ["run 1/3  LPT, seed 0", "bar 1/3  phase 1 2/10 steps"]
    assert recorder.lines[2].startswith("  overall 50.0 %  (1 of 3 runs done, ")
    assert len(recorder.lines) == 3


def test_a_new_kind_counts_as_the_mean_of_the_others():
    progress = StudyProgress(SilentReporter(), lambda: (0, []))
    progress.finished("a", 10.0, "")
    progress.finished("b", 30.0, "")
    assert progress.seconds_for(["a", "b", "new"]) == 10 + 30 + 20
