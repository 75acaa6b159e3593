"""A report of facts and problems."""

import json

from lpt.cli.health.health_report import HealthReport


def test_notes_leave_it_healthy_and_come_last():
    report = HealthReport()
    report.add("cache", "x\x1b[31m", {"free": 5})
    report.problem("a", "b", is_note=True)
    assert report.is_healthy
    assert report.render().splitlines()[-1] == "No problems found."
    report.problem("c", "d")
    assert not report.is_healthy
    assert report.render().splitlines() == [
        "cache       x\\x1b[31m",
        "",
        "problem     c. d",
        "note        a. b",
    ]
    assert json.loads(json.dumps(report.to_json())) == {
        "healthy": False,
        "cache": {"free": 5},
        "problems": [
            {"kind": "note", "fault": "a", "remedy": "b"},
            {"kind": "problem", "fault": "c", "remedy": "d"},
        ],
    }
