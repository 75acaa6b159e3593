"""Progress is reported once per unit; durations and percentages are written alike everywhere."""

import pytest

from lpt.progress import SilentReporter, human_time, percent, shown


class Recorder(SilentReporter):
    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def begin(self, task: str, total: int, done: int = 0, unit: str = "steps") -> None:
        self.calls.append(("begin", task, total, unit))

    def advance(self, units: int = 1, note: str = "") -> None:
        self.calls.append(("advance", units))

    def end(self) -> None:
        self.calls.append(("end",))


def test_totals_become_advances() -> None:
    recorder = Recorder()
    with shown(recorder, "image check", "images") as progress:
        progress(2, 10)
        progress(10, 10)
    assert recorder.calls == [
        ("begin", "image check", 10, "images"),
        ("advance", 2),
        ("advance", 8),
        ("end",),
    ]


def test_an_error_ends_the_task() -> None:
    recorder = Recorder()

    def work() -> None:
        with shown(recorder, "check", "images") as progress:
            progress(1, 2)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        work()
    assert recorder.calls[-1] == ("end",)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (89.4, "89 s"), (90, "2 min"), (5_900, "98 min"), (6_000, "1 h 40 min")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert human_time(seconds) == text


def test_a_missing_percentage_is_a_dash() -> None:
    assert (percent(0.5), percent(None)) == ("50.0", "-")
