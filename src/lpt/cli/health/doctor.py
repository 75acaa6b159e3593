"""The command `lpt doctor`."""

from typing import Annotated

import typer

from lpt.cli.health.health_report import HealthReport
from lpt.cli.printing import say, say_json

__all__ = ["doctor", "examine"]


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show versions, devices, precision, cache and free space, and what is wrong with them.

    The exit code is 1 if there is a problem, and 0 if there are notes at most.
    """
    report = examine()
    if as_json:
        say_json(report.to_json())
    else:
        say(report.render())
    raise typer.Exit(0 if report.is_healthy else 1)


def examine() -> HealthReport:
    """Look at the whole installation. Nothing is downloaded or written."""
    from lpt.cli.health.hardware import check_cache, check_devices, check_memory
    from lpt.cli.health.packages import check_packages
    from lpt.cli.health.trial import check_formats, check_trial

    report = HealthReport()
    for check in (
        check_packages,
        check_devices,
        check_memory,
        check_cache,
        check_formats,
        check_trial,
    ):
        check(report)
    return report
