"""Reporters: a live table on a terminal, lines elsewhere."""

import io
from typing import Any

from rich.console import Console

from lpt.progress import Reporter
from lpt.reporters import PlainReporter, RichReporter, reporter_for


def record(epoch: int, **changes: Any) -> dict[str, Any]:
    val = {"overall": 0.5, "many": 0.75, "medium": None, "few": 0.125, "macro": 0.4}
    numbers = {"loss": 1.25, "images_per_second": 43.2, "val": val, "seconds": 12.0}
    return {"stage": "phase1", "epoch": epoch, "epochs": 20, **numbers, **changes}


def a_phase(reporter: Reporter, epochs: int) -> None:
    reporter.message("data      birds")
    reporter.begin("phase1", 2 * epochs)
    for epoch in range(epochs):
        reporter.advance(note="loss 1.25")
        reporter.advance(note="loss 1.24")
        reporter.epoch(record(epoch))
    reporter.end()


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=110, height=40)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_shows_groups_speed_and_time_left() -> None:
    console = terminal()
    reporter = RichReporter(console)
    reporter.begin("phase1", 10, done=4)
    reporter.advance(note="loss 1.25")
    reporter.epoch(record(0))
    while_running = text_of(console)
    assert "medium" not in while_running  # has no classes
    for shown in ("overall", "many", "few", "images/s", "50.0", "75.0", "12.5", "43"):
        assert shown in while_running
    assert "5/10" in while_running
    assert "left" in while_running
    reporter.end()


def test_the_full_table_stays_after_a_phase() -> None:
    console = terminal()
    a_phase(RichReporter(console), 20)
    rest = text_of(console).rpartition("phase1: validation")[2]
    assert [f"{epoch}/20" in rest for epoch in range(1, 21)] == [True] * 20
    assert "data      birds" in text_of(console)


def test_names_in_brackets_are_not_markup() -> None:
    console = terminal()
    reporter = RichReporter(console)
    reporter.message("data [bold]birds[/bold]")
    reporter.begin("features of [red]x", 2)
    reporter.advance()
    reporter.end()
    assert "[bold]birds[/bold]" in text_of(console)
    assert "features of [red]x" in text_of(console)


def test_a_stream_other_than_a_terminal_gets_plain_lines() -> None:
    stream = io.StringIO()
    assert isinstance(reporter_for(stream), PlainReporter)
    a_phase(PlainReporter(stream, every_seconds=0), 2)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1 + 2 * 3
    assert "\x1b" not in stream.getvalue()
    assert "phase1  1/4 steps" in lines[1]
    assert "left" in lines[1]
    assert lines[3].startswith(
        "phase1  epoch 1/20  loss 1.250  val overall 50.0 many 75.0 few 12.5"
    )
